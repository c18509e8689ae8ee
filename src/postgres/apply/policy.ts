/*
 * What happens when rows do not fit: they wait in quarantine, or attacca stops, or, when they are many, their table alone is
 * suspended. A column that refuses what does not fit stops attacca at the first value.
 *
 * A suspended table misses what changes in SQLite from then on. What brings it back is a copy of the whole of it, in whose
 * transaction the suspension ends (bulk.ts): so no change can be missed between the two.
 */
import type { Misfit } from '../../change/change.ts';
import { ReplicationError } from '../../change/errors.ts';
import { quote } from '../../change/quote.ts';
import { shellWord } from '../../change/shell.ts';
import { columnUnder } from '../../plan/file/misfits.ts';
import type { TablePlan } from '../../plan/plan.ts';
import { audit } from '../installed/audit.ts';
import type { Session } from '../session/open.ts';

/** What is done once more than `afterRows` rows are in quarantine: in all for `stop`, of one table for `suspend`. */
export type QuarantinePolicy = { readonly policy: 'quarantine' | 'stop' | 'suspend'; readonly afterRows: number };

const WAITING = /* sql */ `
  select count(*) as n from attacca.quarantine where not given_up and ($1::integer is null or table_id = $1)`;
const SUSPEND = /* sql */ `update attacca.snapshot set suspended = $2 where table_id = $1 and suspended is null`;
const LIFT = /* sql */ `update attacca.snapshot set suspended = null where table_id = any($1::integer[])`;
const SUSPENDED = /* sql */ `select table_id, suspended from attacca.snapshot where suspended is not null order by table_id`;

/**
 * Follows the policies, inside the transaction that has put these rows of `table` into quarantine. Throws ReplicationError('halt')
 * where one says stop: nothing of that transaction is committed then.
 */
export async function enforce(
  session: Session,
  table: TablePlan,
  { policy, afterRows }: QuarantinePolicy,
  misfits: readonly Misfit[],
): Promise<void> {
  for (const misfit of misfits) if (columnUnder('refuse', table, misfit) !== undefined) throw refusedValue(table, misfit);
  if (policy === 'quarantine') return;
  const { rows } = await session.query(WAITING, [policy === 'suspend' ? table.id : null]);
  const waiting = Number(rows[0]?.n ?? 0);
  if (waiting <= afterRows) return;
  if (policy === 'stop') throw tooMany(table, waiting, afterRows);
  const { rowCount } = await session.query(SUSPEND, [table.id, `${waiting} rows are in quarantine, more than ${afterRows}`]);
  if (rowCount === 1) await audit(session, `${table.name} suspended`, { rows: waiting, afterRows });
}

/** Rows wait in quarantine, however many. */
export const UNLIMITED: QuarantinePolicy = { policy: 'quarantine', afterRows: 0 };

/** Tables that are not replicated any more, by TablePlan.id, with the reason. */
export async function suspensions(session: Session): Promise<ReadonlyMap<number, string>> {
  const { rows } = await session.query(SUSPENDED);
  return new Map(rows.map(row => [Number(row.table_id), row.suspended ?? '']));
}

/** Ends suspensions, inside the transaction that copies these tables whole. */
export async function lift(session: Session, tables: readonly number[]): Promise<void> {
  if (tables.length > 0) await session.query(LIFT, [tables]);
}

const refusedValue = ({ name }: TablePlan, { key, column, reason }: Misfit): ReplicationError =>
  new ReplicationError(
    'halt',
    `a row of ${quote(name)} does not fit, and its plan says refuse: key ${key}${column === '' ? '' : `, column ${quote(column)}`}: ${reason}`,
    {
      hint: `nothing of it was applied: correct the row in the application, or make room with \`attacca plan --widen --table ${shellWord(name)}\`; then run \`attacca sync\``,
    },
  );

const tooMany = (table: TablePlan, waiting: number, afterRows: number): ReplicationError =>
  new ReplicationError('halt', `${waiting} rows would be in quarantine, the last of them from ${table.name}; the limit is ${afterRows}`, {
    hint: 'nothing of it was applied: correct the rows in the application, or raise quarantine.afterRows in attacca.config.json, then run `attacca sync`',
  });
