/*
 * Identity sequences: the side that is opened must go on numbering where the other one stopped.
 */
import { at, type Plan, type TablePlan } from '../plan/plan.ts';
import { tableName } from './fence.ts';
import type { Session } from './open.ts';

const SET = /* sql */ `select setval(pg_get_serial_sequence($1, $2), $3::bigint, $4::boolean)`;

/**
 * Sets the sequence of every identity column, by TablePlan.id, so that the next number follows the highest one `used`; null or a
 * number below 1 starts at 1. Tables that are not in the map are left alone. A setval is never rolled back.
 */
export async function setSequences(session: Session, plan: Plan, used: ReadonlyMap<number, bigint | null>): Promise<void> {
  for (const { table, column } of identities(plan)) {
    const highest = used.get(table.id);
    if (highest === undefined) continue;
    // setval(s, 0) is an error: "nothing used yet" is said by is_called = false.
    const begun = highest !== null && highest >= 1n;
    await session.query(SET, [tableName(plan, table), column, begun ? highest : 1n, begun]);
  }
}

const NAME = /* sql */ `select pg_get_serial_sequence($1, $2) as name`;

/** The highest number each identity sequence has given out, by TablePlan.id; 0 where it has given out none. */
export async function readSequences(session: Session, plan: Plan): Promise<Map<number, bigint>> {
  const highest = new Map<number, bigint>();
  for (const { table, column } of identities(plan)) {
    const { rows: named } = await session.query<{ name: string | null }>(NAME, [tableName(plan, table), column]);
    const name = named[0]?.name ?? null;
    if (name === null) continue;
    // pg_get_serial_sequence returns the name quoted where it has to be.
    const { rows } = await session.query<{ value: string; called: string }>(`select last_value as value, is_called as called from ${name}`);
    if (rows[0] !== undefined) highest.set(table.id, rows[0].called === 't' ? BigInt(rows[0].value) : 0n);
  }
  return highest;
}

const identities = (plan: Plan): { table: TablePlan; column: string }[] =>
  plan.tables.flatMap(table => (table.identity === null ? [] : [{ table, column: at(table.columns, table.identity).target }]));
