import { UsageError } from '../change/errors.ts';
import { QuarantineDocument } from '../server/documents.ts';
import { ask } from './ask.ts';
import { confirm } from './confirm.ts';
import type { Context } from './main.ts';
import { EXIT, present, table } from './report.ts';

/** `attacca quarantine list|retry|drop [id…]`. */
export async function quarantine(
  context: Context,
  action: string,
  ids: readonly string[],
  options: { readonly yes?: boolean },
): Promise<number> {
  if (action !== 'list' && action !== 'retry' && action !== 'drop') {
    throw new UsageError(`quarantine has no action "${action}"`, 'use list, retry or drop');
  }
  if (action === 'list' && ids.length > 0)
    throw new UsageError('quarantine list takes no ids', 'it lists all rows; retry and drop take ids');
  const bad = ids.find(id => !/^\d+$/.test(id));
  if (bad !== undefined) throw new UsageError(`"${bad}" is not an id`, 'ids are the numbers in `attacca quarantine list`');
  if (action === 'drop') await confirm(context, options.yes, 'Give these rows up? They stay absent from Postgres.');
  const { document } = await ask(context, { operation: 'quarantine', action, ids: [...ids] }, QuarantineDocument);
  present(context.output, document, () => lines(document, action));
  return EXIT.done;
}

function lines(document: QuarantineDocument, action: string): string[] {
  const done = action === 'list' ? [] : [`${document.changed} rows ${action === 'retry' ? 'tried again' : 'given up'}`];
  if (document.rows.length === 0) return [...done, 'quarantine is empty'];
  const rows = document.rows.map(row => [row.id, row.table, row.key, row.column, row.reason]);
  return [...done, ...table([['id', 'table', 'key', 'column', 'reason'], ...rows])];
}
