import { describe, expect, test } from 'vitest';
import { CODES } from '../../src/plan/codes.ts';
import { keyColumns, Plan } from '../../src/plan/plan.ts';
import { decided } from './decided.ts';

describe('the type comes from the stored values', () => {
  test.each([
    ['integer', 'insert into t values (1), (-9223372036854775808)', 'integer', 'bigint'],
    ['datetime', "insert into t values ('2024-01-01 10:00:00'), (null)", 'text', 'text'],
    ['datetime', 'insert into t values (1700000000)', 'integer', 'bigint'],
    ['real', 'insert into t values (1), (1.5)', 'real', 'double precision'],
    ['numeric', 'insert into t values (1), (1.5)', 'number', 'double precision'],
    ['int', 'insert into t values (1), (1.5)', 'number', 'double precision'],
    ['int', 'insert into t values (9007199254740993), (1.5)', 'tagged', 'text'],
    ['decimal(10,2)', 'insert into t values (1)', 'number', 'double precision'],
    ['decimal(10)', 'insert into t values (1)', 'integer', 'bigint'],
    ['numeric', 'insert into t values (1.5)', 'number', 'double precision'],
    ['', 'insert into t values (1.5)', 'real', 'double precision'],
    ['', 'insert into t values (1), (1.5)', 'tagged', 'text'],
    ['text', "insert into t values ('a'), (x'00')", 'tagged', 'text'],
    ['text', "insert into t values ('a' || char(0))", 'tagged', 'text'],
    ['text', "insert into t values (cast(x'ff' as text))", 'tagged', 'text'],
    ['text', 'insert into t values (char(65533))', 'text', 'text'],
    ['point', "insert into t values (x'00')", 'blob', 'bytea'],
    ['boolean', 'insert into t values (0), (1), (null)', 'boolean', 'boolean'],
    ['boolean', 'insert into t values (0), (2)', 'integer', 'bigint'],
    ['boolean', "insert into t values ('t'), ('f')", 'text', 'text'],
    ['boolean default 1000', '', 'integer', 'bigint'],
    ['boolean default false', '', 'boolean', 'boolean'],
    ['tinyint(1)', 'insert into t values (0), (1)', 'integer', 'bigint'],
    ['datetime', '', 'text', 'text'],
    ['numeric', '', 'number', 'double precision'],
    ['numeric unique', '', 'integer', 'bigint'],
    ['blob', '', 'blob', 'bytea'],
    ['', '', 'tagged', 'text'],
    ['varchar(10)', 'insert into t values (null)', 'text', 'text'],
  ])('%s with %s', (declared, rows, codec, type) => {
    const { column } = decided(`create table t (v ${declared}); ${rows}`);
    expect(column('t', 'v')).toMatchObject({ codec, type });
  });

  test('STRICT tables', () => {
    const { table } = decided("create table t (i int, r real, x text, b blob, a any) strict; insert into t values (1, 1, 1, x'00', 1)");
    expect(
      table('t')
        .columns.slice(1)
        .map(({ codec }) => codec),
    ).toEqual(['integer', 'real', 'text', 'blob', 'integer']);
    expect(decided('create table t (a any) strict').column('t', 'a').codec).toBe('tagged');
  });

  test('what stood in the way is counted, with keys and without values', () => {
    const { about } = decided("create table t (id integer primary key, v int); insert into t values (7, 1), (8, 's3cret'), (9, 2)");
    expect(about('mixed-classes')).toMatchObject([{ table: 't', column: 'v', count: 1, samples: ['["i:8"]'], level: 'warning' }]);
    expect(JSON.stringify(about('mixed-classes'))).not.toContain('s3cret');
  });
});

describe('the key', () => {
  test.each([
    ['create table t (id integer primary key, v)', 'rowid', ['id']],
    ['create table t (id int primary key, v); insert into t values (1, 2)', 'declared', ['id']],
    ['create table t (a, b, primary key (b, a)) without rowid', 'declared', ['b', 'a']],
    ['create table t (id text primary key, v); insert into t values (null, 2)', 'hidden', ['rowid']],
    ['create table t (id text primary key, u text not null unique); insert into t values (null, 2)', 'declared', ['u']],
    ['create table t (u text unique)', 'hidden', ['rowid']],
    ['create table t (u text not null); create unique index i on t (u) where u > 1', 'hidden', ['rowid']],
    ['create table t (u text not null); create unique index i on t (lower(u))', 'hidden', ['rowid']],
    ['create table t (u text not null); create unique index i on t (u)', 'declared', ['u']],
    ['create table t (v, rowid text)', 'hidden', ['_rowid_']],
    ["create table t (u text not null unique); insert into t values (printf('%.*c', 2700, 'x'))", 'hidden', ['rowid']],
    ['create table t (id integer primary key desc, v)', 'declared', ['id']],
  ])('%s', (sql, kind, columns) => {
    const { table, codes } = decided(sql);
    expect(table('t').key.kind).toBe(kind);
    expect(keyColumns(table('t')).map(({ name }) => name)).toEqual(columns);
    expect(codes.includes('hidden-key')).toBe(kind === 'hidden');
    expect(table('t').identity).toBe(kind === 'declared' ? null : table('t').key.columns[0]);
  });

  test('a table whose rows nothing tells apart blocks', () => {
    const { plan, about } = decided('create table t (rowid, oid, _rowid_); create table u (id integer primary key)');
    expect(about('no-key')).toMatchObject([{ level: 'blocking', table: 't' }]);
    expect(plan.tables.map(({ name }) => name)).toEqual(['u']);
  });

  test('a NULL in the key is told with its count', () => {
    expect(decided("create table t (id text primary key); insert into t values (null), (null), ('a')").about('null-key')).toMatchObject([
      { count: 2 },
    ]);
  });
});

test('zero tables block', () => {
  expect(decided('create view v as select 1').about('no-tables')).toMatchObject([{ level: 'blocking' }]);
  expect(decided('create table t (a)', { exclude: ['T'] }).codes).toEqual(expect.arrayContaining(['excluded', 'no-tables']));
});

test('generated columns are left out, with a warning, and shift nothing', () => {
  const { table, about } = decided("create table t (a int, g as (a + 1), s as (a) stored, b text); insert into t values (1, 'x')");
  expect(table('t').columns.map(({ name, codec }) => [name, codec])).toEqual([
    ['rowid', 'integer'],
    ['a', 'integer'],
    ['b', 'text'],
  ]);
  expect(about('generated-column').map(({ column }) => column)).toEqual(['g', 's']);
});

test('NOT NULL stays where it holds', () => {
  const { column, about, db } = decided('create table t (id integer primary key, a text not null, b text)');
  expect([column('t', 'id'), column('t', 'a'), column('t', 'b')].map(({ notNull }) => notNull)).toEqual([true, true, false]);
  expect(about('not-null-violated')).toEqual([]);
  db.close();
});

test('every object of the file has a disposition', () => {
  const { objects, codes } = decided(`
    create table t (id integer primary key autoincrement, a text unique on conflict replace check (a <> 'check ('), b text default 'check (1)');
    create table h (a); create view v as select * from t; create index i on t (b);
    create trigger g after insert on t begin select 1; end; create trigger w instead of insert on v begin select 1; end;
    create virtual table f using fts5 (a); create table gone (id int primary key); create index on_gone on gone (id);
    create table d (r int references t deferrable initially deferred); insert into t values (1, 'a', 'b'); analyze;`);
  expect(objects.filter(({ disposition }) => disposition === 'left out')).toEqual([]);
  const of = (name: string) => objects.find(object => object.name === name)?.disposition;
  expect(of('t')).toBe('table "public"."t", key "id"');
  expect(of('h')).toBe('table "public"."h", key the hidden rowid');
  expect(of('i')).toBe('index "i"');
  expect(of('sqlite_autoindex_t_1')).toBe('index "t_a_key"');
  expect(of('sqlite_autoindex_gone_1')).toBe('the key of "gone"');
  expect(of('f_data')).toMatch(/virtual table/);
  expect(of('sqlite_sequence')).toMatch(/identity/);
  for (const name of ['v', 'g', 'w', 'f']) expect(of(name)).toMatch(/not created/);
  expect(codes).toEqual(
    expect.arrayContaining(['check', 'conflict-clause', 'view', 'trigger', 'virtual-table', 'foreign-key-deferred', 'hidden-key']),
  );
});

test('every finding is one of the documented, and the plan is one that can be stored', () => {
  const { plan, findings } = decided('create table t (a unique, b default (random())); create view v as select 1;');
  for (const { code, level, remedy } of findings) expect(CODES[code as keyof typeof CODES]).toEqual([level, remedy]);
  expect(Plan.parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
});
