/*
 * Identity sequences: the side that is opened must go on numbering where the other one stopped.
 */
import type { Lsn } from '../../change/change.ts';
import { parseLsn } from '../../change/lsn.ts';
import { at, type Plan, type TablePlan, tableName } from '../../plan/plan.ts';
import type { Session } from '../session/open.ts';
import { movedOn } from './control.ts';

const SET = /* sql */ `
  with durable as (
    update attacca.control set updated_at = now() where phase = $6 and epoch = $7 returning 1),
  numbered as (
    select setval(pg_get_serial_sequence(s.name, s.col), s.value, s.begun) as value
    from durable cross join unnest($1::text[], $2::text[], $3::bigint[], $4::boolean[]) as s(name, col, value, begun)),
  witnessed as (
    insert into attacca.witness (object, state)
    select 'sequence:' || s.id, case when s.begun then s.value::text else '' end
    from durable cross join unnest($5::integer[], $3::bigint[], $4::boolean[]) as s(id, value, begun)
    on conflict (object) do update set state = excluded.state)
  select pg_current_wal_insert_lsn() as lsn, (select count(value) from numbered) as n, (select count(*) from durable) as standing`;

/**
 * Sets the sequence of every identity column, by TablePlan.id, so that the next number follows the highest one `used`; null or a
 * number below 1 starts at 1. Tables that are not in the map are left alone. A setval is never rolled back. The commit is
 * synchronous: what was applied on this session before is on disk then, and so is the phase. Returns the place behind all of that.
 * Throws ReplicationError('halt') where the phase is not `standing`: SQLite must not be closed then.
 */
export async function setSequences(
  session: Session,
  plan: Plan,
  used: ReadonlyMap<number, bigint | null>,
  standing: { readonly phase: string; readonly epoch: bigint },
): Promise<Lsn> {
  const known = identities(plan).flatMap(({ table, column }) => {
    const highest = used.get(table.id);
    return highest === undefined ? [] : [{ id: table.id, name: tableName(plan, table), column, highest: highest ?? 0n }];
  });
  // setval(s, 0) is an error: "nothing used yet" is said by is_called = false.
  const { rows } = await session.query(SET, [
    known.map(({ name }) => name),
    known.map(({ column }) => column),
    known.map(({ highest }) => (highest < 1n ? 1n : highest)),
    known.map(({ highest }) => highest >= 1n),
    known.map(({ id }) => id),
    standing.phase,
    standing.epoch,
  ]);
  if (rows[0]?.standing !== '1') throw movedOn(standing.phase, standing.epoch);
  return parseLsn(rows[0]?.lsn ?? '');
}

const USED = /* sql */ `
  with seen as (
    select t.id, s.sequence, pg_sequence_last_value(s.sequence) as used
    from unnest($1::integer[], $2::text[], $3::text[]) as t(id, name, col)
    cross join lateral (select pg_get_serial_sequence(t.name, t.col)::regclass as sequence) as s where s.sequence is not null),
  kept as (select setval(sequence, used) as value from seen where $5::boolean and used is not null),
  witnessed as (
    insert into attacca.witness (object, state) select 'sequence:' || id, coalesce(used::text, '') from seen where $5::boolean
    on conflict (object) do update set state = excluded.state)
  select id, coalesce(used, 0) as used, (select count(value) from kept) as n, set_config('synchronous_commit', $4, true) from seen`;

/**
 * The highest number each identity sequence has given out, by TablePlan.id; 0 where it has given out none. From here on it is a witness:
 * while SQLite is primary nobody draws numbers. Each is set to where it stands: Postgres writes ahead up to 32 numbers, and after a
 * crash it would stand behind those. `lazily`: a commit that follows brings it to disk. `not yet`: somebody may draw numbers still, so they
 * are only looked at.
 */
export async function readSequences(session: Session, plan: Plan, kept: 'durably' | 'lazily' | 'not yet'): Promise<Map<number, bigint>> {
  const known = identities(plan);
  const ids = known.map(({ table }) => table.id);
  const names = known.map(({ table }) => tableName(plan, table));
  const given = [ids, names, known.map(({ column }) => column), kept === 'lazily' ? 'off' : 'on', kept !== 'not yet'];
  const { rows } = await session.query({ text: USED, name: 'attacca_used' }, given);
  return new Map(rows.map(row => [Number(row.id), BigInt(row.used ?? 0)]));
}

/** The identity columns, as Postgres calls them. */
export const identities = (plan: Plan): { table: TablePlan; column: string }[] =>
  plan.tables.flatMap(table => (table.identity === null ? [] : [{ table, column: at(table.columns, table.identity).target }]));
