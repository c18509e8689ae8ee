import { VerifyDocument } from '../server/documents.ts';
import { ask } from './ask.ts';
import type { Context } from './main.ts';
import { EXIT, present, table } from './report.ts';

/** `attacca verify`: exit code 4 if the sides differ. */
export async function verify(context: Context, options: { readonly table?: string[]; readonly repair?: boolean }): Promise<number> {
  const call = { operation: 'verify', tables: options.table ?? [], repair: options.repair === true } as const;
  const { document } = await ask(context, call, VerifyDocument);
  present(context.output, document, () => lines(document));
  return document.ok ? EXIT.done : EXIT.differ;
}

function lines(report: VerifyDocument): string[] {
  const rows = report.tables.map(each => [
    `  ${each.table}`,
    each.counts === null
      ? `${each.compared} rows compared`
      : `${each.counts.sourceRows} rows in SQLite, ${each.counts.targetRows} in Postgres`,
    each.differences === 0 ? 'equal' : `${each.differences} DIFFERENT`,
  ]);
  const samples = report.tables.flatMap(each =>
    each.samples.map(
      ({ table: name, key, kind, columns }) => `    ${name} ${key}: ${kind}${columns.length === 0 ? '' : ` in ${columns.join(', ')}`}`,
    ),
  );
  const verdict = report.ok
    ? `equal: every column of ${report.rows} rows, compared in ${report.durationMs} ms, as of position ${report.position}`
    : `DIFFERENT: ${report.differences} rows; run \`attacca verify --repair\` to copy them again`;
  const repaired = report.repaired === 0 ? [] : [`${report.repaired} rows were copied again`];
  const quarantined = report.quarantined === 0 ? [] : [`${report.quarantined} rows are in quarantine: see \`attacca quarantine list\``];
  return [...table(rows), ...samples, ...repaired, ...quarantined, verdict];
}
