/*
 * What changed, as DDL for Postgres and as words for people. Names are changed in two steps, since two tables or two columns
 * may have changed theirs with each other.
 */
import { quote } from '../../change/quote.ts';
import { columnDdl, commentDdl, defaultOf, generatedDdl, tableDdl } from '../ddl/ddl.ts';
import { compatSql } from '../expression/compat.ts';
import { type ColumnPlan, keyColumns, type Plan, type TablePlan, tableName } from '../plan.ts';
import type { Change } from './evolve.ts';

/** The statements in their order, for one transaction. Secondary indexes are not among them: they are built afterwards. */
export function changeDdl(plan: Plan, changes: readonly Change[]): string[] {
  const of = <K extends Change['kind']>(kind: K) =>
    changes.filter((change): change is Extract<Change, { kind: K }> => change.kind === kind);
  const schema = quote(plan.schema);
  const alter = (table: TablePlan, what: string): string => `alter table ${tableName(plan, table)} ${what}`;
  const aside = (place: number): string => quote(`_attacca_moving_${place}`);
  const [tables, columns] = [of('rename-table'), of('rename-column')];
  return [
    ...(changes.length > 0 ? compatSql(plan.compat ?? []) : []),
    ...of('drop-index').map(({ name }) => `drop index if exists ${schema}.${quote(name)}`),
    ...of('drop-table').map(({ table }) => `drop table if exists ${tableName(plan, table)}`),
    ...of('drop-generated').map(({ table, column }) => alter(table, `drop column ${quote(column.target)}`)),
    ...tables.map(({ from }, place) => alter(from, `rename to ${aside(place)}`)),
    ...tables.map(({ table }, place) => `alter table ${schema}.${aside(place)} rename to ${quote(table.target)}`),
    ...of('drop-column').map(({ table, column }) => alter(table, `drop column ${quote(column.target)}`)),
    ...columns.map(({ table, from }, place) => alter(table, `rename column ${quote(from.target)} to ${aside(place)}`)),
    ...columns.map(({ table, column }, place) => alter(table, `rename column ${aside(place)} to ${quote(column.target)}`)),
    ...of('add-column').map(({ table, column }) => alter(table, `add column ${columnDdl(column)}`)),
    ...of('alter-column').flatMap(({ table, from, column }) => altered(alter(table, `alter column ${quote(column.target)}`), from, column)),
    ...of('add-generated').map(({ table, column }) => alter(table, `add column ${generatedDdl(column)}`)),
    ...of('create-table').flatMap(({ table }) => [tableDdl(plan, table), ...commentDdl(plan, table)]),
    ...of('create-table').map(({ table }) => alter(table, `add primary key (${keyOf(table)})`)),
  ];
}

function altered(alter: string, from: ColumnPlan, column: ColumnPlan): string[] {
  const value = defaultOf(column);
  const change = value === null ? 'drop default' : `set default ${value}`;
  return [
    ...(defaultOf(from) === value ? [] : [`${alter} ${change}`]),
    ...(from.notNull && !column.notNull ? [`${alter} drop not null`] : []),
  ];
}

/** Without a name for the constraint: Postgres takes one that is free at that moment. */
const keyOf = (table: TablePlan): string =>
  keyColumns(table)
    .map(column => quote(column.target))
    .join(', ');

/** One line for each change, for logs and `status`. */
export function changeLines(changes: readonly Change[]): string[] {
  const ids = (kind: 'drop-table' | 'create-table'): Set<number> =>
    new Set(changes.flatMap(change => (change.kind === kind ? change.table.id : [])));
  const [dropped, created] = [ids('drop-table'), ids('create-table')];
  return changes
    .filter(change => change.kind !== 'drop-table' || !created.has(change.table.id))
    .map(change => lineOf(change, change.kind === 'create-table' && dropped.has(change.table.id)));
}

function lineOf(change: Change, anew: boolean): string {
  switch (change.kind) {
    case 'drop-table':
      return `table ${change.table.name} dropped`;
    case 'create-table':
      return `table ${change.table.name} ${anew ? 'begins anew: its key, its types or the order of its columns has changed' : 'created'}`;
    case 'rename-table':
      return `table ${change.from.name} renamed to ${change.table.name}`;
    case 'drop-column':
    case 'drop-generated':
      return `column ${change.table.name}.${change.column.name} dropped`;
    case 'rename-column':
      return `column ${change.table.name}.${change.from.name} renamed to ${change.column.name}`;
    case 'add-column':
    case 'add-generated':
      return `column ${change.table.name}.${change.column.name} added`;
    case 'alter-column':
      return `column ${change.table.name}.${change.column.name} has another default or NOT NULL`;
    case 'drop-index':
      return `index ${change.name} dropped`;
  }
}
