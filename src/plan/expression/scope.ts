import type { ColumnPlan } from '../plan.ts';
import type { Select } from './ast.ts';
import { COMPAT, type CompatName } from './compat.ts';
import { Refusal } from './refusal.ts';
import type { Kind, Typed } from './typed.ts';

/** What names mean where an expression stands, and what its translation needs. */
export type Scope = {
  /** The column of this name; undefined where there is none. `table`: its qualifier. */
  column(table: string | null, name: string): Typed | undefined;
  /** A subquery in Postgres's SQL, with the columns it gives; null where SQLite allows none. */
  readonly subquery: ((select: Select) => { readonly sql: string; readonly columns: readonly Typed[] }) | null;
  /** Compat functions used so far. */
  readonly uses: Set<CompatName>;
  /** Of the database file: functions on a text's bytes see this. */
  readonly encoding: string;
  /** Whether the value may change from one call to the next, as it may in a default and in a view. */
  readonly changing: boolean;
  /** What may be asked of JSON that Postgres has repaired: all, its values alone (there it is valid, in SQLite it is not), or nothing. */
  readonly ofRepaired: 'all' | 'values' | 'nothing';
  /** Whether aggregates can stand here. */
  readonly aggregates: boolean;
  /** Where rows are grouped: what the arguments of aggregates mean. */
  readonly ungrouped?: Scope;
};

/** The qualified name of a compat function, which is installed from then on. */
export function compat(scope: Scope, name: CompatName): string {
  scope.uses.add(name);
  for (const needed of COMPAT[name]) compat(scope, needed);
  return `sqlite_compat.${name}`;
}

/** A function whose result is not the same at every call: nothing stored may depend on it. */
export function mustBeChanging(scope: Scope, what: string): void {
  if (!scope.changing) throw new Refusal(`${what} is another value at every call`);
}

type Named = Pick<ColumnPlan, 'type' | 'codec' | 'affinity'>;

const KINDS: Readonly<Record<string, Kind>> = {
  integer: 'integer',
  real: 'real',
  number: 'number',
  text: 'text',
  blob: 'blob',
  boolean: 'boolean',
};

/** A plan's column, as an operand. `sql`: how Postgres names it; `collation`: upper case. */
export const typedColumn = (column: Named, sql: string, collation: string): Typed => ({
  sql,
  kind: KINDS[column.codec] ?? 'opaque',
  affinity: column.affinity,
  collation,
  collated: false,
  column: { codec: column.codec, affinity: column.affinity, type: column.type },
});
