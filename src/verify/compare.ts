/*
 * Rows of both sides, brought to one canonical form and compared column by column. Pure: it is given rows that were read
 * at one common state and says which differ; it never decides whether a difference matters.
 */
import type { PgKey, PgRow } from '../change/change.ts';
import { codecOf, keyName } from '../plan/codec.ts';
import { typeOf } from '../plan/codecs/registry.ts';
import { comparedTable } from '../plan/objects/generated.ts';
import { at, type ColumnPlan, keyOf, type TablePlan } from '../plan/plan.ts';

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
  /** Both sides' rows as one text each, in the order of `source`: equal exactly if `rows` finds nothing. */
  lines(source: readonly PgRow[], target: readonly PgRow[]): { readonly source: string; readonly target: string };
};

/** Who is primary, and so what the other side must be equal to. */
export type Primary = 'sqlite' | 'postgres';

/** `signed`: whether the sign of a zero counts in a REAL column. */
export function comparer(stored: TablePlan, signed = true): Comparer {
  const table = comparedTable(stored);
  const canonical = table.columns.map(column => canonicalOf(column, signed));
  const names = table.columns.map(column => column.name);
  const identity = (row: PgRow): string => JSON.stringify(table.key.columns.map(index => canonicalText(canonical, row, index)));
  const whole = (kind: 'missing' | 'extra', key: PgKey): Difference => ({ table: table.name, key: keyName(table, key), kind, columns: [] });

  return {
    rows(source, target) {
      const there = new Map(target.map(row => [identity(row), row]));
      return source.flatMap(row => {
        const other = there.get(identity(row));
        if (other === undefined) return [whole('missing', keyOf(table, row))];
        const differs = (index: number): boolean => canonicalText(canonical, row, index) !== canonicalText(canonical, other, index);
        const columns = names.filter((_, index) => row[index] !== other[index] && differs(index));
        return columns.length === 0
          ? []
          : [{ table: table.name, key: keyName(table, keyOf(table, row)), kind: 'different' as const, columns }];
      });
    },
    lines(source, target) {
      const there = new Map(target.map(row => [identity(row), row]));
      const written = (row: PgRow | undefined): string =>
        row === undefined ? '-' : JSON.stringify(row.map((_, index) => canonicalText(canonical, row, index)));
      return { source: source.map(written).join('\n'), target: source.map(row => written(there.get(identity(row)))).join('\n') };
    },
    gone: target => target.map(row => whole('extra', keyOf(table, row))),
    extra: keys => keys.map(key => whole('extra', key)),
  };
}

/**
 * A REAL column of SQLite has no -0.0, so what Postgres as the primary writes loses the sign there, and keeps it in Postgres after a rollback.
 * As long as it never was, nobody but somebody else can have put it there.
 */
function canonicalOf(column: ColumnPlan, signed: boolean): (text: string) => string {
  const { canonical } = codecOf(column);
  if (!signed || typeOf(column.codec) !== 'double precision') return canonical;
  return text => (canonical(text) === '0' && text.startsWith('-') ? '-0' : canonical(text));
}

function canonicalText(canonical: readonly ((text: string) => string)[], row: PgRow, index: number): string | null {
  const text = at(row, index);
  return text === null ? null : at(canonical, index)(text);
}
