/*
 * Rows of both sides, brought to one canonical form and compared column by column. Pure: it is given rows that were read
 * at one common state and says which differ; it never decides whether a difference matters.
 */
import type { PgKey, PgRow } from '../change/change.ts';
import { codecOf, keyName } from '../plan/codec.ts';
import { comparedTable } from '../plan/generated.ts';
import { at, type TablePlan } from '../plan/plan.ts';

export type Difference = {
  readonly table: string;
  /** The row, named by its key as Misfit.key does. */
  readonly key: string;
  /** `missing`: only SQLite has it; `extra`: only Postgres has it. */
  readonly kind: 'missing' | 'extra' | 'different';
  /** Names of the columns that differ; empty for a whole row. Values are never reported. */
  readonly columns: readonly string[];
};

export type Comparer = {
  /** Differences between rows of SQLite (`source`) and the rows Postgres has for the same keys (`target`). */
  rows(source: readonly PgRow[], target: readonly PgRow[]): Difference[];
  /** `target` rows whose keys SQLite says are gone. */
  gone(target: readonly PgRow[]): Difference[];
  extra(keys: readonly PgKey[]): Difference[];
  keyOf(row: PgRow): PgKey;
};

export function comparer(stored: TablePlan): Comparer {
  const table = comparedTable(stored);
  const canonical = table.columns.map(column => codecOf(column).canonical);
  const names = table.columns.map(column => column.name);
  const keyOf = (row: PgRow): PgKey => table.key.columns.map(index => at(row, index));
  const identity = (row: PgRow): string => JSON.stringify(table.key.columns.map(index => canonicalText(canonical, row, index)));
  const whole = (kind: 'missing' | 'extra', key: PgKey): Difference => ({ table: table.name, key: keyName(table, key), kind, columns: [] });

  return {
    keyOf,
    rows(source, target) {
      const there = new Map(target.map(row => [identity(row), row]));
      return source.flatMap(row => {
        const other = there.get(identity(row));
        if (other === undefined) return [whole('missing', keyOf(row))];
        const columns = names.filter((_, index) => canonicalText(canonical, row, index) !== canonicalText(canonical, other, index));
        return columns.length === 0 ? [] : [{ table: table.name, key: keyName(table, keyOf(row)), kind: 'different' as const, columns }];
      });
    },
    gone: target => target.map(row => whole('extra', keyOf(row))),
    extra: keys => keys.map(key => whole('extra', key)),
  };
}

function canonicalText(canonical: readonly ((text: string) => string)[], row: PgRow, index: number): string | null {
  const text = at(row, index);
  return text === null ? null : at(canonical, index)(text);
}
