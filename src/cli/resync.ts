import { DoneDocument } from '../server/documents.ts';
import { ask } from './ask.ts';
import { confirm } from './confirm.ts';
import type { Context } from './main.ts';
import { EXIT, present } from './report.ts';

/** `attacca resync`: copies tables, or everything, again; what Postgres has of them is replaced in one transaction. */
export async function resync(context: Context, options: { readonly table?: string[]; readonly yes?: boolean }): Promise<number> {
  const { source } = context.config();
  const tables = options.table ?? [];
  const what = tables.length === 0 ? 'everything' : tables.join(', ');
  await confirm(context.output, options.yes === true, `Replace ${what} in Postgres by what ${source} holds now?`);
  const { document } = await ask(context, { operation: 'resync', tables }, DoneDocument);
  present(context.output, document, () => [document.detail]);
  return EXIT.done;
}
