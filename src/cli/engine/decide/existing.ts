/*
 * Tables that the application's own migrations have made in Postgres: what is there, and whether it takes the stored values.
 */
import type { PgRow } from '../../../change/change.ts';
import { finding } from '../../../plan/codes.ts';
import type { TargetSchema } from '../../../plan/existing/target.ts';
import type { PlanFile } from '../../../plan/file/edit.ts';
import { columnUnder } from '../../../plan/file/misfits.ts';
import type { Finding } from '../../../plan/finding.ts';
import type { Plan, TablePlan } from '../../../plan/plan.ts';
import { readTarget } from '../../../postgres/existing/catalog.ts';
import { tryRows } from '../../../postgres/existing/row-trial.ts';
import type { Session } from '../../../postgres/session/open.ts';
import { type Database, openSource } from '../../../sqlite/open.ts';
import { chunk } from '../../../sqlite/read/chunk.ts';
import { readSchema } from '../../../sqlite/schema/tables.ts';

/** What Postgres has under the names of the file's tables; undefined where attacca is installed. Changes nothing. */
export async function whatIsThere(
  session: Session,
  source: string,
  schema: string,
  file: PlanFile | undefined,
): Promise<TargetSchema | undefined> {
  using db = openSource(source, { readonly: true });
  const names = readSchema(db).tables.map(({ name }) => name);
  const wanted = Object.values(file?.tables ?? {}).flatMap(({ target }) => target ?? []);
  return await readTarget(session, file?.schema ?? schema, [...names, ...wanted]);
}

const CHUNK_ROWS = 2_000;

/** Findings about rows that the tables of `tries` would refuse. Both databases stay as they are. */
export async function tryValues(session: Session, source: string, plan: Plan, tries: readonly number[]): Promise<Finding[]> {
  using db = openSource(source, { readonly: true });
  const findings: Finding[] = [];
  for (const table of plan.tables.filter(({ id }) => tries.includes(id))) {
    const misfits: { readonly key: string; readonly column: string; readonly reason: string }[] = [];
    const refused = await tryRows(
      session,
      plan,
      table,
      fittingRows(db, table, misfit => {
        if (columnUnder('quarantine', table, misfit) === undefined) misfits.push(misfit); // the others are expected
      }),
    );
    const byReason = Map.groupBy([...misfits, ...refused], ({ column, reason }) => `${column === '' ? '' : `${column}: `}${reason}`);
    for (const [reason, rows] of byReason) {
      const samples = rows.slice(0, 5).map(({ key }) => key);
      const message = `Postgres would refuse ${rows.length} rows or more: ${reason}.`;
      findings.push(finding('target-refused', { table: table.name, message, count: rows.length, samples }));
    }
  }
  return findings;
}

/** Rows as Postgres would get them, a few at a time; those that do not fit go to `misfit`. */
function* fittingRows(
  db: Database,
  table: TablePlan,
  misfit: (misfit: { readonly key: string; readonly column: string; readonly reason: string }) => void,
): Generator<readonly PgRow[]> {
  let cursor: string | null = null;
  do {
    const part = chunk(db, table, cursor, CHUNK_ROWS);
    for (const each of part.misfits) misfit(each);
    yield part.rows;
    ({ cursor } = part);
  } while (cursor !== null);
}
