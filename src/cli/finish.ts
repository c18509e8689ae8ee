import { DoneDocument } from '../server/documents.ts';
import { ask, exported } from './ask.ts';
import { confirm } from './confirm.ts';
import { gone } from './engine/keep/gone.ts';
import type { Context } from './main.ts';
import { EXIT, present } from './report.ts';

/** `attacca finish`: the point of no return. */
export async function finish(context: Context, options: { readonly yes?: boolean; readonly audit?: string }): Promise<number> {
  const question = 'End the soak? PostgreSQL stays primary and there is no rollback after this.';
  await confirm(context, options.yes, question);
  const config = context.config();
  const { document, daemon } = await ask(context, { operation: 'finish', ...exported(options.audit) }, DoneDocument);
  if (daemon && config.target !== undefined) await gone(config); // an embedded server stays, with the application's data
  present(context.output, document, () => [document.detail]);
  return EXIT.done;
}
