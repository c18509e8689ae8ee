/*
 * Range partitions by a column of time, where the plan file asks for them.
 *
 * (1) Postgres wants that column in every unique key. So a row is known by (key, column) on both sides: capture, replay, verification and the
 *     mirror know no other key, and a row whose time changes leaves under one key and comes under another, whichever partition that is [G2].
 * (2) That SQLite's own key is unique Postgres then does not enforce. Of two rows that share it the mirror takes one, and halts: nothing is
 *     lost in silence [G10].
 * (3) The default partition takes what is outside the stored range: no row is ever refused for its time.
 */
import { UsageError } from '../../change/errors.ts';
import { quote } from '../../change/quote.ts';
import { codecOf } from '../codec.ts';
import { Unfit } from '../codecs/fit.ts';
import { finding } from '../codes.ts';
import type { PARTITIONS } from '../document.ts';
import type { Finding } from '../finding.ts';
import { type Names, names } from '../names.ts';
import { at, type ColumnPlan, type KeyPlan, type PartitionPlan, type Plan, type TablePlan } from '../plan.ts';
import type { Profile, SourceIndex } from '../schema.ts';
import { MOST_COLUMNS } from '../width.ts';

/** What the plan file asks for: by `table.column`. */
export type Wishes = Readonly<Record<string, (typeof PARTITIONS)[number]>>;
type By = Wishes[string];

/** Each of them costs every query and every lock a little. */
const MOST = 400;
const IN_TIME: ReadonlySet<string> = new Set(['date', 'timestamp', 'timestamptz']);

/** The key by which SQLite itself knows a row. */
export const ownKey = ({ key, partition }: Pick<TablePlan, 'key' | 'partition'>): KeyPlan =>
  partition === undefined ? key : { ...key, columns: partition.key };

/** The relations that the table is in Postgres: itself, and its partitions. */
export const relationsOf = ({ target, partition }: Pick<TablePlan, 'target' | 'partition'>): string[] =>
  partition === undefined ? [target] : [target, ...partition.parts.map(({ name }) => name), partition.rest];

/** Names of the schema's one namespace for tables, indexes and views that the plan has given away. */
export const relationNames = ({ tables, views = [] }: Plan): string[] => [
  ...tables.flatMap(table => [...relationsOf(table), ...[...table.indexes, ...(table.expressionIndexes ?? [])].map(({ name }) => name)]),
  ...views.map(({ target }) => target),
];

/** The name of the column that SQLite's key does not have; undefined where there is none. */
export function beyondKey({ key, columns, partition }: Pick<TablePlan, 'key' | 'columns' | 'partition'>): string | undefined {
  if (partition === undefined || partition.key.length === key.columns.length) return undefined;
  return at(columns, partition.column).name;
}

export const ACROSS = 'it is unique across partitions, without the column that they are made by';

/** Whether Postgres cannot have this index, since it is unique over rows of all partitions. */
export function spansPartitions({ unique, terms }: Pick<SourceIndex, 'unique' | 'terms'>, { columns, partition }: Partitionable): boolean {
  if (!unique || partition === undefined) return false;
  const { name } = at(columns, partition.column);
  return !terms.some(({ column }) => column === name);
}

type Partitionable = { readonly columns: readonly ColumnPlan[]; readonly partition?: PartitionPlan | undefined };

/** The tables with the partitions that are asked for. Throws UsageError where one cannot be; `reserved`: names of relations. */
export function partitionTables(tables: readonly TablePlan[], wishes: Wishes, profile: Profile, reserved: readonly string[]): TablePlan[] {
  const free = names(reserved);
  const done = [...tables];
  for (const [name, by] of Object.entries(wishes)) {
    const place = done.findIndex(table => table.columns.some(column => `${table.name}.${column.name}` === name));
    const table = done[place];
    if (table === undefined)
      throw refusal(`improve.partition names ${name}, which is not a column of the plan`, 'write it as table.column');
    if (table.partition !== undefined)
      throw refusal(`improve.partition names two columns of ${quote(table.name)}`, 'A table is partitioned by one.');
    const column = table.columns.findIndex(column => `${table.name}.${column.name}` === name);
    const obstacle = obstacleOf(table, column, { tables, profile });
    if (obstacle !== undefined)
      throw refusal(`${quote(table.name)} cannot be partitioned by ${quote(at(table.columns, column).name)}: ${obstacle[0]}`, obstacle[1]);
    done[place] = partitioned(table, column, by, { profile, free });
  }
  return done;
}

const refusal = (message: string, hint: string): UsageError => new UsageError(`plan file: ${message}`, hint);

type Obstacle = readonly [reason: string, remedy: string];

function obstacleOf(
  table: TablePlan,
  place: number,
  { tables, profile }: { readonly tables: readonly TablePlan[]; readonly profile: Profile },
): Obstacle | undefined {
  const column = at(table.columns, place);
  const nulls = profile[table.name]?.columns.find(({ name }) => name === column.name)?.nulls ?? 0;
  if (!IN_TIME.has(column.type))
    return [`it is ${column.type}`, 'choose a column of type date, timestamp or timestamptz, or give it such a codec'];
  if (table.key.kind === 'hidden') return ['its rows have no key of their own', 'give the table a PRIMARY KEY'];
  if (nulls > 0) return [`${nulls} rows have a NULL there`, 'fill them in, and declare the column NOT NULL in SQLite'];
  if (!column.notNull) return ['it may become NULL', 'declare the column NOT NULL in SQLite'];
  if (column.misfits === 'widen') return ['its type may become another (misfits: widen)', 'choose another policy for misfits'];
  const child = tables.find(({ foreignKeys }) => foreignKeys.some(({ parent }) => parent === table.id));
  if (child !== undefined)
    return [
      `a foreign key of ${quote(child.name)} refers to its key`,
      'partition a table that no foreign key refers to, or exclude that one',
    ];
  const index = table.indexes.find(({ unique, terms }) => unique && !terms.some(term => term.column === place))?.name;
  const special = table.expressionIndexes?.find(
    ({ unique, terms }) => unique && !terms.some(term => term.startsWith(quote(column.target))),
  )?.name;
  if ((index ?? special) !== undefined)
    return [`the unique index ${quote(index ?? special ?? '')} does not hold it`, 'drop that index, or make it one with this column'];
  if (!table.key.columns.includes(place) && table.key.columns.length >= MOST_COLUMNS)
    return [`its key has ${MOST_COLUMNS} columns already`, 'partition another table'];
  return undefined;
}

function partitioned(
  table: TablePlan,
  place: number,
  by: By,
  { profile, free }: { readonly profile: Profile; readonly free: Names },
): TablePlan {
  const column = at(table.columns, place);
  const ends = profile[table.name]?.columns.find(({ name }) => name === column.name)?.ends ?? [];
  const [first, last] = ends.map(value => momentOf(column, value));
  const starts = first === undefined || last === undefined ? [] : startsOf(first, last, by);
  if (starts.length > MOST)
    throw refusal(
      `${quote(table.name)} by ${by} would be ${starts.length > 10_000 ? 'more than 10000' : starts.length} partitions, from ${dayOf(starts[0] ?? 0)} on`,
      `at most ${MOST} make sense: choose a longer step, or correct the values that are far away`,
    );
  const parts = starts.map(start => ({
    name: free.take(`${table.target}_${dayOf(start).slice(0, LENGTH[by]).replaceAll('-', '_')}`),
    from: dayOf(start),
    to: dayOf(next(start, by)),
  }));
  const key = table.key.columns;
  const partition: PartitionPlan = { column: place, by, key, parts, rest: free.take(`${table.target}_default`) };
  if (key.includes(place)) return { ...table, partition };
  return { ...table, key: { kind: 'declared', columns: [...key, place] }, partition };
}

const LENGTH: Readonly<Record<By, number>> = { day: 10, month: 7, year: 4 };

/** Milliseconds since 1970; undefined for what is not a point in time that has a year of four digits. */
function momentOf(column: ColumnPlan, value: Parameters<ReturnType<typeof codecOf>['encode']>[0]): number | undefined {
  const text = codecOf(column).encode(value);
  if (text === null || text instanceof Unfit) return undefined;
  const [, day, time = '00:00:00', zone = '+00'] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d(?:\.\d+)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?$/.exec(text) ?? [];
  const offset = zone === 'Z' ? zone : `${zone.slice(0, 3)}:${zone.slice(3).replace(':', '') || '00'}`;
  const moment = day === undefined ? Number.NaN : Date.parse(`${day}T${time.replace(/(\.\d{3})\d+/, '$1')}${offset}`);
  return Number.isNaN(moment) ? undefined : moment;
}

/** Beginnings of the days, months or years that the range touches; a few too many where it is refused anyway. */
function startsOf(first: number, last: number, by: By): number[] {
  const starts: number[] = [];
  for (
    let start = Date.parse(`${dayOf(first).slice(0, LENGTH[by])}${'-01-01'.slice(LENGTH[by] - 4)}`);
    start <= last && starts.length <= 10_000;
    start = next(start, by)
  )
    starts.push(start);
  return starts;
}

function next(start: number, by: By): number {
  const date = new Date(start);
  if (by === 'day') return start + 86_400_000;
  return by === 'month' ? date.setUTCMonth(date.getUTCMonth() + 1) : date.setUTCFullYear(date.getUTCFullYear() + 1);
}

const dayOf = (moment: number): string => new Date(moment).toISOString().replace(/T.*/, '').replace(/^\+0*/, '');

/** What everybody who reads the plan has to know about it. */
export function partitionNotes({ tables }: Plan): Finding[] {
  return tables.flatMap(table => {
    const { partition } = table;
    if (partition === undefined) return [];
    const column = at(table.columns, partition.column).name;
    const key = ownKey(table).columns.map(place => quote(at(table.columns, place).name));
    const many = `by ${partition.by}, in ${partition.parts.length} partitions and a default one`;
    const added = beyondKey(table) !== undefined;
    const message = `It is partitioned ${many}.${added ? ` Its key in Postgres is (${[...key, quote(column)].join(', ')}): that ${key.join(', ')} alone is unique is not enforced there.` : ''}`;
    return [finding('partitioned', { table: table.name, column, message })];
  });
}
