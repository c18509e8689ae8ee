/*
 * The statements that write replicated tables. Each writes any number of rows: a parameter is one column of them all.
 */
import type { Misfit, PgKey, PgRow, Slice } from '../../change/change.ts';
import { ReplicationError } from '../../change/errors.ts';
import { quote } from '../../change/quote.ts';
import { type ColumnPlan, keyColumns, type Plan, parameterType, type TablePlan, tableName } from '../../plan/plan.ts';
import { arrayText, type Step } from '../session/round-trip.ts';

/** A row went into quarantine; tells which and why, never what it holds. */
export type OnQuarantine = (table: TablePlan, misfits: readonly Misfit[]) => void;

export type Table = {
  readonly plan: TablePlan;
  /** Qualified and quoted. */
  readonly name: string;
  readonly upsert: string;
  readonly delete: string;
  /** Keys as rows, named k: one parameter for each column. */
  readonly keys: string;
  /** The row t has the key k. */
  readonly same: string;
};

export type Tables = ReadonlyMap<number, Table>;

/** By TablePlan.id. */
export const tablesOf = (plan: Plan): Tables => new Map(plan.tables.map(table => [table.id, tableOf(plan, table)]));

/** Throws ReplicationError('halt') for a table that is in no plan. */
export function tableIn(tables: Tables, id: number): Table {
  const table = tables.get(id);
  if (table === undefined) throw new ReplicationError('halt', `the plan has no table ${id}`, { hint: 'report this as a bug' });
  return table;
}

function tableOf(plan: Plan, table: TablePlan): Table {
  const name = tableName(plan, table);
  const key = keyColumns(table);
  const list = (columns: readonly ColumnPlan[]) => columns.map(column => quote(column.target)).join(', ');
  // The key too: -0 and 0 are one key, and not the same value. But a key that is GENERATED ALWAYS cannot be set.
  const settable = plan.existing ? table.columns.filter(column => !key.includes(column)) : table.columns;
  const update = settable.map(({ target }) => `${quote(target)} = excluded.${quote(target)}`).join(', ');
  const same = hasKey(key);
  const keys = `unnest(${arrays(key)}) as k(${keyNames(key)})`;
  const insert = `insert into ${name} (${list(table.columns)})${plan.existing ? ' overriding system value' : ''} select * from unnest(${arrays(table.columns)})`;
  return {
    plan: table,
    name,
    upsert: `${insert} on conflict (${list(key)}) do ${update === '' ? 'nothing' : `update set ${update}`}`,
    delete: `delete from ${name} t using ${keys} where ${same}`,
    keys,
    same,
  };
}

/** `$1::bigint[], $2::text[]`: one parameter a column, with the types that keep the key's index in use. */
export const arrays = (columns: readonly ColumnPlan[]): string =>
  columns.map((column, index) => `$${index + 1}::${parameterType(column)}[]`).join(', ');

/** `k0, k1`: the columns of keys that are rows, named k. */
export const keyNames = (key: readonly ColumnPlan[]): string => key.map((_, index) => `k${index}`).join(', ');

/** The row t has the key k. */
export const hasKey = (key: readonly ColumnPlan[]): string =>
  key.map(({ target }, index) => `t.${quote(target)} = k.k${index}`).join(' and ');

/** One array per column, as `unnest` takes them. */
const columnar = (width: number, rows: readonly PgRow[]): string[] =>
  Array.from({ length: width }, (_, index) => arrayText(rows.map(row => row[index] ?? null)));

/** Takes out the rows that have these keys. */
export const deletion = ({ plan, delete: text }: Table, keys: readonly PgKey[]): Step => ({
  text,
  values: columnar(plan.key.columns.length, keys),
});

/** Inserts the rows, or sets them where their key is there. */
export const upsertion = ({ plan, upsert: text }: Table, rows: readonly PgRow[]): Step => ({
  text,
  values: columnar(plan.columns.length, rows),
});

/** Keys that must have no row in the target: what is gone, and older versions of what does not fit any more. */
export const absences = (slice: Slice): PgKey[] => [
  ...slice.gone,
  ...slice.misfits.flatMap(({ target }) => (target === undefined ? [] : [target])),
];
