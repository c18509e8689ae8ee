/*
 * One table that lives on: which of its columns stayed, went, came, or have another name.
 */

import { canonical } from '../alike.ts';
import type { Agreed } from '../column/agree.ts';
import { planColumns } from '../column/columns.ts';
import { translateDefault } from '../column/default.ts';
import { noValues } from '../decide.ts';
import type { Finding } from '../finding.ts';
import { type Names, names, SYSTEM_COLUMNS } from '../names.ts';
import { planIndexes } from '../objects/indexes.ts';
import { keyFits } from '../objects/key.ts';
import { ownKey } from '../objects/partition.ts';
import { at, type ColumnPlan, HIDDEN_ROWID, type IndexPlan, type TablePlan } from '../plan.ts';
import type { SourceColumn, SourceTable, TableStats } from '../schema.ts';
import type { Change } from './evolve.ts';

export type Matched = {
  /** Columns of the plan that stay, in its order, with the column of the file that each is now. */
  readonly stay: readonly { readonly column: ColumnPlan; readonly now: SourceColumn }[];
  readonly gone: readonly ColumnPlan[];
  readonly fresh: readonly SourceColumn[];
  /** False: key or types are others, so the table begins anew. */
  readonly fits: boolean;
};

/** A renamed column stands where it stood, among columns that are all as before; what else is missing was dropped. */
export function matchColumns(table: TablePlan, source: SourceTable): Matched {
  const own = table.key.kind === 'hidden' ? table.columns.slice(1) : table.columns;
  const stored = source.columns.filter(({ generated }) => !generated);
  const named = new Map(stored.map(column => [column.name, column]));
  const before = new Set(own.map(({ name }) => name));
  const renamed =
    own.length === stored.length &&
    own.every(({ name, affinity }, place) => {
      const now = at(stored, place);
      return now.name === name || (!named.has(name) && !before.has(now.name) && now.affinity === affinity);
    });
  const stay = own.flatMap((column, place) => {
    const now = renamed ? at(stored, place) : named.get(column.name);
    return now === undefined ? [] : [{ column, now }];
  });
  const staying = new Set(stay.map(({ column }) => column));
  const taken = new Set(stay.map(({ now }) => now));
  const as = new Map(stay.map(({ column, now }) => [column, now.name]));
  const present = { ...table, columns: table.columns.map(column => ({ ...column, name: as.get(column) ?? column.name })) };
  return {
    stay,
    gone: own.filter(column => !staying.has(column)),
    fresh: stored.filter(column => !taken.has(column)),
    fits: stay.every(({ column, now }) => column.affinity === now.affinity) && keyFits(present, source),
  };
}

export type Following = {
  readonly names: Names;
  readonly referenced: ReadonlySet<string>;
  readonly agreed: Agreed;
  readonly encoding: string;
  readonly stats: (table: SourceTable) => TableStats;
};

export type Followed = {
  readonly table: TablePlan;
  readonly changes: readonly Change[];
  /** Whether its rows must be copied again. */
  readonly whole: boolean;
  /** Whether the changes leave columns in another order than the file's: an INSERT without a list would mean others. */
  readonly misplaced: boolean;
  readonly findings: readonly Finding[];
};

/** The table as it is now; `before` already has its target. Only for one that fits (`matchColumns`). */
export function followTable(before: TablePlan, source: SourceTable, context: Following): Followed {
  const { stay, gone, fresh } = matchColumns(before, source);
  const free = names([...SYSTEM_COLUMNS, HIDDEN_ROWID, ...stay.filter(isSame).map(({ column }) => column.target)]);
  const hidden = before.key.kind === 'hidden' ? [{ ...at(before.columns, 0), name: source.rowid ?? 'rowid' }] : [];
  const kept = stay.map(({ column, now }) => present(before, column, now, free));
  const { added, findings } = addedColumns(source, fresh, context, free);
  const columns = [...hidden, ...[...kept, ...added].toSorted((a, b) => placeIn(source, a) - placeIn(source, b))];
  const places = new Map(
    [...before.columns.slice(0, hidden.length), ...stay.map(({ column }) => column)].map((column, place) => [
      column,
      columns.indexOf(at([...hidden, ...kept], place)),
    ]),
  );
  const placeOf = (place: number): number => places.get(at(before.columns, place)) ?? -1;
  const bare = {
    ...before,
    name: source.name,
    rowid: source.rowid,
    autoincrement: source.autoincrement,
    key: { ...before.key, columns: before.key.columns.map(placeOf) },
    identity: before.identity === null ? null : placeOf(before.identity),
    ...(before.partition && {
      partition: { ...before.partition, column: placeOf(before.partition.column), key: before.partition.key.map(placeOf) },
    }),
    columns,
  };
  const indexes = followIndexes(before, bare, source, { placeOf, names: context.names });
  const table = { ...bare, indexes };
  const names_ = new Set(indexes.map(({ name }) => name));
  const pairs = stay.map(({ column }, place) => ({ from: column, column: at(kept, place) }));
  const changes: Change[] = [
    ...before.indexes.filter(({ name }) => !names_.has(name)).map(({ name }) => ({ kind: 'drop-index' as const, name })),
    ...gone.map(column => ({ kind: 'drop-column' as const, table, column })),
    ...pairs.filter(({ from, column }) => from.target !== column.target).map(pair => ({ kind: 'rename-column' as const, table, ...pair })),
    ...added.map(column => ({ kind: 'add-column' as const, table, column })),
    ...pairs
      .filter(({ from, column }) => from.default !== column.default || from.notNull !== column.notNull)
      .map(pair => ({ kind: 'alter-column' as const, table, ...pair })),
  ];
  const last = hidden.length > 0 || before.generated !== undefined; // where ADD COLUMN would put new ones behind
  const misplaced = (last && fresh.length > 0) || !inOrder(source, [...kept, ...fresh]);
  const doubtful =
    !stay.every(isSame) ||
    gone.length > 0 || // another may have its name now, or be the new one beside it
    pairs.some(({ from, column }) => from.default !== column.default) ||
    fresh.some((column, place) => !isConstant(column, at(added, place)));
  return { table, changes, whole: doubtful || misplaced, misplaced, findings };
}

const isSame = ({ column, now }: Matched['stay'][number]): boolean => column.name === now.name;

/** A name in Postgres that was chosen, or had to be another, stays when the column is renamed. */
function present({ key, columns }: TablePlan, column: ColumnPlan, now: SourceColumn, free: Names): ColumnPlan {
  const isKey = key.columns.some(place => at(columns, place) === column);
  const target = column.name === now.name || column.target !== column.name ? column.target : free.take(now.name);
  const translated = isKey && key.kind === 'rowid' ? null : translateDefault(now, column).sql;
  return { ...column, name: now.name, target, notNull: column.notNull && (isKey || now.notNull), default: translated };
}

/** New columns, with types from what they hold: rows that existed hold the default. */
function addedColumns(source: SourceTable, fresh: readonly SourceColumn[], context: Following, free: Names) {
  if (fresh.length === 0) return { added: [], findings: [] };
  const asked = source.columns.filter(column => fresh.includes(column) || column.primaryKey > 0);
  const stats = context.stats({ ...source, columns: asked, indexes: [], foreignKeys: [] });
  const all = source.columns.map(({ name }) => stats.columns.find(column => column.name === name) ?? noValues(name));
  const planned = planColumns(source, { ...stats, columns: all }, context);
  const added = fresh.map(({ name, notNull }): ColumnPlan => {
    const column = planned.columns.find(column => column.name === name);
    if (column === undefined) throw new RangeError('a column that was asked for was not planned');
    // Postgres may still hold rows that are gone here: without a default they could not be NOT NULL.
    return { ...column, target: free.take(name), notNull: notNull && column.notNull && column.default !== null };
  });
  return { added, findings: planned.findings.filter(({ column }) => fresh.some(({ name }) => name === column)) };
}

/** Whether ADD COLUMN in Postgres fills in what SQLite shows for rows from before it. */
const isConstant = (column: SourceColumn, { default: sql }: ColumnPlan): boolean =>
  sql === null ? column.default === null || /^\s*null\s*$/i.test(column.default) : !sql.includes('statement_timestamp(');

/** Columns that changed places were renamed, dropped and added, or came by a rebuild; ADD COLUMN puts new ones behind all others. */
function inOrder(source: SourceTable, columns: readonly Pick<SourceColumn, 'name'>[]): boolean {
  const places = columns.map(column => placeIn(source, column));
  return places.every((place, index) => index === 0 || place > at(places, index - 1));
}

const placeIn = ({ columns }: SourceTable, { name }: Pick<SourceColumn, 'name'>): number =>
  columns.findIndex(column => column.name === name);

/** Indexes that say the same keep their names in Postgres; new ones get free ones. */
function followIndexes(
  before: TablePlan,
  table: TablePlan,
  source: SourceTable,
  { placeOf, names: free }: { readonly placeOf: (place: number) => number; readonly names: Names },
): IndexPlan[] {
  const planned = planIndexes({
    table: source,
    target: table.target,
    columns: table.columns,
    key: ownKey(table),
    partition: table.partition,
    widths: new Map(),
    names: names(),
  });
  const same = (index: IndexPlan): string => canonical([index.unique, index.terms]);
  const old = before.indexes.map(index => ({
    ...index,
    terms: index.terms.map(term => ({ ...term, column: placeOf(term.column) })),
  }));
  return planned.indexes.map(index => {
    const place = old.findIndex(candidate => same(candidate) === same(index));
    const [known] = place < 0 ? [] : old.splice(place, 1);
    return { ...index, name: known?.name ?? free.take(index.name) };
  });
}
