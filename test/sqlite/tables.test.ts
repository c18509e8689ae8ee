import { expect, test } from 'vitest';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { scratch } from './planned.ts';

const tableOf = (sql: string, name = 't') => {
  using world = scratch(sql);
  return readSchema(world.db).tables.find(table => table.name === name)!;
};

test('columns: affinity, collation, default, generated', () => {
  const { columns } = tableOf(`create table t (id integer primary key, a varchar(9) collate nocase default 'x', b "any" collate rtrim,
    c blob not null, d double default (1 + 1), e numeric, f, g int as (id + 1) stored)`);
  expect(columns.map(({ name, affinity, collation }) => [name, affinity, collation])).toEqual([
    ['id', 'integer', 'BINARY'],
    ['a', 'text', 'NOCASE'],
    ['b', 'numeric', 'RTRIM'],
    ['c', 'blob', 'BINARY'],
    ['d', 'real', 'BINARY'],
    ['e', 'numeric', 'BINARY'],
    ['f', 'blob', 'BINARY'],
    ['g', 'integer', 'BINARY'],
  ]);
  expect(columns.map(column => column.default)).toEqual([null, "'x'", null, null, '1 + 1', null, null, null]);
  expect(columns.filter(({ generated }) => generated).map(({ name }) => name)).toEqual(['g']);
  expect(columns.filter(({ notNull }) => notNull).map(({ name }) => name)).toEqual(['c']);
});

test('indexes: expressions and WHERE as written, whatever is in them', () => {
  const { indexes } = tableOf(`create table t (a, "b,(" text collate nocase, unique (a));
    create unique index i on t (lower(a || ')') collate nocase desc /* , */, "b,(" asc, coalesce([a], 1)) where a > ',' -- end
      and "b,(" is not null`);
  expect(indexes.find(({ name }) => name === 'i')).toEqual({
    name: 'i',
    unique: true,
    origin: 'c',
    terms: [
      { column: null, expression: "lower(a || ')') collate nocase", descending: true, collation: 'NOCASE' },
      { column: 'b,(', expression: null, descending: false, collation: 'NOCASE' },
      { column: null, expression: 'coalesce([a], 1)', descending: false, collation: 'BINARY' },
    ],
    where: `a > ',' and "b,(" is not null`.replace(' and', '   and'),
  });
  expect(indexes).toHaveLength(2);
});

test('keys, rowid aliases and flags', () => {
  const sql = `create table t (rowid, b integer, primary key (b, rowid)); create table w (k text primary key) without rowid;
    create table s (id integer primary key autoincrement, v any) strict; create table all3 (rowid, _rowid_, oid)`;
  expect(tableOf(sql)).toMatchObject({ rowid: '_rowid_', withoutRowid: false, strict: false, autoincrement: false });
  expect(tableOf(sql).columns.map(({ primaryKey }) => primaryKey)).toEqual([2, 1]);
  expect(tableOf(sql, 'w')).toMatchObject({ rowid: null, withoutRowid: true });
  expect(tableOf(sql, 's')).toMatchObject({ rowid: 'rowid', strict: true, autoincrement: true, columns: [{}, { affinity: 'blob' }] });
  expect(tableOf(sql, 'all3').rowid).toBeNull();
});

test('foreign keys', () => {
  const { foreignKeys } = tableOf(`create table p (a, b, unique (a, b)); create table q (id integer primary key);
    create table t (x references q on delete cascade, y, z, foreign key (y, z) references p (a, b) on update set null)`);
  expect(foreignKeys).toEqual([
    { columns: ['y', 'z'], parent: 'p', parentColumns: ['a', 'b'], onDelete: 'NO ACTION', onUpdate: 'SET NULL' },
    { columns: ['x'], parent: 'q', parentColumns: [], onDelete: 'CASCADE', onUpdate: 'NO ACTION' },
  ]);
});

test('virtual and shadow tables, views and our own objects are told apart', () => {
  using world = scratch(`create table t (x); create view v as select 1; create virtual table f using fts5 (x);
    create table _attacca_journal (x); create trigger _attacca_insert_1 after insert on t begin select 1; end`);
  const { tables, objects, encoding } = readSchema(world.db);
  expect(tables.map(({ name }) => name)).toEqual(['t']);
  expect(objects.map(({ name, kind }) => [name, kind]).slice(0, 4)).toEqual([
    ['t', 'base'],
    ['v', undefined],
    ['f', 'virtual'],
    ['f_data', 'shadow'],
  ]);
  expect(objects.some(({ name }) => name.startsWith('_attacca_'))).toBe(false);
  expect(encoding).toEqual('UTF-8');
});
