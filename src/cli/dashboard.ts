import { DashboardDocument } from '../server/documents.ts';
import { askDaemon } from './ask.ts';
import type { Context } from './main.ts';
import { EXIT, present } from './report.ts';

/** `attacca dashboard`: where the daemon's page is. The token is told over the private socket only. */
export async function dashboard(context: Context): Promise<number> {
  const document = await askDaemon(context, { operation: 'dashboard' }, DashboardDocument, {
    reason: "the page is the daemon's",
    remedy: 'start it with `attacca sync`',
  });
  present(context.output, document, () => [document.url]);
  return EXIT.done;
}
