import { DoneDocument } from '../server/documents.ts';
import { fileControlAt } from '../sqlite/capture/control.ts';
import { traceless } from '../sqlite/file/traces.ts';
import { ask } from './ask.ts';
import { confirm } from './confirm.ts';
import type { Context } from './main.ts';
import { EXIT, present } from './report.ts';

/** `attacca resync`: copies tables, or everything, again; what the other side has of them is replaced in one transaction. */
export async function resync(context: Context, options: { readonly table?: string[]; readonly yes?: boolean }): Promise<number> {
  const { source } = context.config();
  using _traces = traceless(source);
  const tables = options.table ?? [];
  const what = tables.length === 0 ? 'everything' : tables.join(', ');
  const question = mirrors(source)
    ? `Replace everything in ${source}, the mirror, by what Postgres holds now?`
    : `Replace ${what} in Postgres by what ${source} holds now?`;
  await confirm(context, options.yes, question);
  const { document } = await ask(context, { operation: 'resync', tables }, DoneDocument);
  present(context.output, document, () => [document.detail]);
  return EXIT.done;
}

/** Whether Postgres is primary, by what the file says. */
const mirrors = (source: string): boolean => fileControlAt(source)?.primary === 'postgres';
