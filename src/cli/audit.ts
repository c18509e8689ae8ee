import { readWholeAudit } from '../postgres/installed/audit.ts';
import { AuditDocument } from '../server/documents.ts';
import { look } from './ask.ts';
import { written } from './engine/keep/auditing.ts';
import type { Context } from './main.ts';
import { EXIT, present, table } from './report.ts';

/** `attacca audit`: the whole log of what was done, as a table, a document or CSV. */
export async function audit(context: Context, options: { readonly csv?: boolean }): Promise<number> {
  const document = await look(context, { operation: 'audit' }, AuditDocument, async ({ side }) => ({
    entries: await readWholeAudit(side),
  }));
  if (options.csv === true) context.output.stdout.write(written(document, true));
  else present(context.output, document, () => lines(document));
  return EXIT.done;
}

function lines({ entries }: AuditDocument): string[] {
  return table(entries.map(({ at, by, event, detail }) => [at, by, event, Object.keys(detail).length === 0 ? '' : JSON.stringify(detail)]));
}
