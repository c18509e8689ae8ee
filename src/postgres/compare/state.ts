/*
 * One committed state of the Postgres tables, for verification.
 *
 * (1) The snapshot exists when the promise resolves: in a repeatable-read transaction it is taken by the first query, not by `begin`.
 * (2) Rows are looked up by key through the key's index, however large the table is.
 */
import type { PgKey, PgRow } from '../../change/change.ts';
import type { TargetState } from '../../change/ports.ts';
import { quote } from '../../change/quote.ts';
import { compared } from '../../plan/objects/generated.ts';
import { at, type ColumnPlan, keyColumns, type Plan, parameterType, type TablePlan, tableName } from '../../plan/plan.ts';
import { suspensions } from '../apply/policy.ts';
import { keys as quarantinedKeys } from '../apply/quarantine.ts';
import { arrays, hasKey, keyNames } from '../apply/writes.ts';
import { connect, type PgRecord, type Session } from '../session/open.ts';
import { digest } from './digest.ts';

const BEGIN = /* sql */ `begin isolation level repeatable read read only`;
/** Reads no table: the lock would be kept, and what other sessions of attacca ask of that one would wait behind who wants it for himself (VACUUM FULL). */
const FIRST = /* sql */ `select pg_current_wal_lsn() as lsn`;

/** Holds the tables still as they are when the promise resolves, in a session of its own that `close` ends. */
export async function targetState(url: string, plan: Plan): Promise<TargetState> {
  return await stateOn(await connect(url, { applicationName: 'attacca verify' }), plan);
}

/** The same on a session that was opened before, where there is no time to open one; `close` ends it, if nothing else is said. */
export async function stateOn(session: Session, plan: Plan, close: () => Promise<unknown> = () => session.end()): Promise<TargetState> {
  try {
    await session.query(BEGIN);
    const lsn = (await session.query(FIRST)).rows[0]?.lsn ?? '';
    return stateIn(session, plan, { lsn, close });
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * The same on a pipelined session, and nothing is waited for: the tables as they are when this arrives there, before what is asked of
 * the state. Where it cannot begin, that fails.
 */
export function stateBehind(session: Session, plan: Plan, close: () => Promise<unknown>): TargetState {
  session.query(BEGIN).catch(() => undefined);
  return stateIn(session, plan, { lsn: '', close });
}

type Begun = { readonly lsn: string; readonly close: () => Promise<unknown> };

function stateIn(session: Session, stored: Plan, { lsn, close }: Begun): TargetState {
  const plan = compared(stored);
  const tables = new Map(plan.tables.map((table, index) => [table.id, index]));
  const tableOf = (id: number): TablePlan => at(plan.tables, tables.get(id) ?? -1);
  return {
    lsn,
    async rows(id, keys) {
      if (keys.length === 0) return [];
      const table = tableOf(id);
      const values = keyColumns(table).map((_, index) => keys.map(key => at(key, index)));
      const { rows } = await session.query({ name: `attacca_rows_${id}`, text: rowsQuery(plan, table) }, values);
      return arraysOf(rows, table.columns.length);
    },
    digest: (id, keys) => digest(session, plan, tableOf(id), keys),
    async keys(id, after, limit) {
      const table = tableOf(id);
      const text = keysQuery(plan, table, after !== null);
      const { rows } = await session.query({ text }, [limit, ...(after ?? [])]);
      return arraysOf(rows, table.key.columns.length);
    },
    async count(id) {
      const text = `select count(*) as n from ${tableName(plan, tableOf(id))}`;
      return Number((await session.query({ text, slow: true })).rows[0]?.n);
    },
    quarantined: id => quarantinedKeys(session, id),
    suspended: async () => new Set((await suspensions(session)).keys()),
    async close() {
      await close();
    },
  };
}

const ABOUT = /* sql */ `
  select coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint as rows from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relname = any($2)`;

/** How many rows the tables have by Postgres's statistics, for those who wait. */
export async function rowsAbout(session: Session, { schema }: Plan, tables: readonly TablePlan[]): Promise<number> {
  return Number((await session.query(ABOUT, [schema, tables.map(({ target }) => target)])).rows[0]?.rows);
}

/** Columns come as c0, c1, …: names of the plan could clash with the driver's objects (`__proto__`). */
const select = (columns: readonly ColumnPlan[]): string => columns.map(({ target }, index) => `t.${quote(target)} as c${index}`).join(', ');

const arraysOf = (rows: readonly PgRecord[], width: number): (PgRow & PgKey)[] =>
  rows.map(row => Array.from({ length: width }, (_, index) => row[`c${index}`] ?? null));

function rowsQuery(plan: Plan, table: TablePlan): string {
  const key = keyColumns(table);
  return `select ${select(table.columns)} from unnest(${arrays(key)}) as k(${keyNames(key)}) join ${tableName(plan, table)} t on ${hasKey(key)}`;
}

function keysQuery(plan: Plan, table: TablePlan, after: boolean): string {
  const key = keyColumns(table);
  const names = key.map(({ target }) => `t.${quote(target)}`).join(', ');
  const bounds = key.map((column, index) => `$${index + 2}::${parameterType(column)}`).join(', ');
  const where = after ? `where (${names}) > (${bounds})` : '';
  return `select ${select(key)} from ${tableName(plan, table)} t ${where} order by ${names} limit $1::bigint`;
}
