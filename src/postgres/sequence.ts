/*
 * Identity sequences: the side that is opened must go on numbering where the other one stopped.
 */
import { at, type Plan, type TablePlan } from '../plan/plan.ts';
import { tableName } from './fence.ts';
import type { Session } from './open.ts';

const SET = /* sql */ `
  select setval(pg_get_serial_sequence(s.name, s.col), s.value, s.begun)
  from unnest($1::text[], $2::text[], $3::bigint[], $4::boolean[]) as s(name, col, value, begun)`;

/**
 * Sets the sequence of every identity column, by TablePlan.id, so that the next number follows the highest one `used`; null or a
 * number below 1 starts at 1. Tables that are not in the map are left alone. A setval is never rolled back.
 */
export async function setSequences(session: Session, plan: Plan, used: ReadonlyMap<number, bigint | null>): Promise<void> {
  const known = identities(plan).flatMap(({ table, column }) => {
    const highest = used.get(table.id);
    return highest === undefined ? [] : [{ name: tableName(plan, table), column, highest: highest ?? 0n }];
  });
  if (known.length === 0) return;
  // setval(s, 0) is an error: "nothing used yet" is said by is_called = false.
  await session.query(SET, [
    known.map(({ name }) => name),
    known.map(({ column }) => column),
    known.map(({ highest }) => (highest < 1n ? 1n : highest)),
    known.map(({ highest }) => highest >= 1n),
  ]);
}

const NAMES = /* sql */ `
  select t.id, pg_get_serial_sequence(t.name, t.col) as sequence from unnest($1::integer[], $2::text[], $3::text[]) as t(id, name, col)`;

/** The highest number each identity sequence has given out, by TablePlan.id; 0 where it has given out none. */
export async function readSequences(session: Session, plan: Plan): Promise<Map<number, bigint>> {
  const known = identities(plan);
  const ids = known.map(({ table }) => table.id);
  const names = known.map(({ table }) => tableName(plan, table));
  const { rows } = await session.query(NAMES, [ids, names, known.map(({ column }) => column)]);
  const named = rows.filter(row => row.sequence != null);
  if (named.length === 0) return new Map();
  // pg_get_serial_sequence returns the name quoted where it has to be.
  const union = named.map(({ id, sequence }) => `select ${Number(id)} as id, last_value as value, is_called as called from ${sequence}`);
  const values = await session.query(union.join(' union all '));
  return new Map(values.rows.map(row => [Number(row.id), row.called === 't' ? BigInt(row.value ?? 0) : 0n]));
}

const identities = (plan: Plan): { table: TablePlan; column: string }[] =>
  plan.tables.flatMap(table => (table.identity === null ? [] : [{ table, column: at(table.columns, table.identity).target }]));
