import { isDeepStrictEqual } from 'node:util';
import BetterSqlite3 from 'better-sqlite3';
import { expect, test } from 'vitest';
import { captureTriggers, dropCapture } from '../../src/sqlite/capture/capture.ts';
import { captureHazards } from '../../src/sqlite/capture/hazards.ts';
import { install } from '../../src/sqlite/capture/install.ts';
import { headMark, markTables } from '../../src/sqlite/capture/marking.ts';
import { readMarks } from '../../src/sqlite/journal/marks.ts';
import type { Database } from '../../src/sqlite/open.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { CLAUSES, KINDS, type Mutant, mutate } from '../hostile/mutants.ts';
import { model } from './model.ts';
import { planOf, scratch, stored } from './planned.ts';

type Shape = readonly [what: string, schema: string, before: string, change: string];

/** Each loses a row when its own rule is left out. */
const SHAPES: readonly Shape[] = [
  [
    'a row evicted through a unique index',
    'create table t (id integer primary key, u unique)',
    "insert into t values (1, 'x')",
    "replace into t values (2, 'x')",
  ],
  [
    'a row evicted by the key, which takes the updated one with it by a cascade',
    'create table t (id integer primary key, parent references t (id) on delete cascade)',
    'insert into t values (1, null), (2, 1)',
    'update or replace t set id = 1 where id = 2',
  ],
  [
    'the default in place of NULL',
    "create table t (id integer primary key, u text not null default 'x' unique)",
    "insert into t values (1, 'x')",
    'insert or replace into t values (2, null)',
  ],
  [
    'a generated column in a unique index',
    'create table t (id integer primary key, a, b, g as (a || b) unique)',
    "insert into t (id, a, b) values (1, 'x', 'y'), (2, 'x', 'z')",
    "update or replace t set b = 'y' where id = 2",
  ],
  [
    'a generated column made of a later one, behind a CHECK with a cast',
    "create table t (id integer primary key, a, g text check (cast(g as text) <> '') as (h || 'x') unique, h text as (lower(a)))",
    "insert into t (id, a) values (1, 'A'), (2, 'b')",
    "update or replace t set a = 'a' where id = 2",
  ],
  [
    'a value that becomes REAL and stays equal, under a generated column that tells',
    'create table t (id integer primary key, a, g as (length(a)) unique)',
    'insert into t (id, a) values (1, 1.5), (2, 0)',
    'update or replace t set a = 0.0 where id = 2',
  ],
  [
    'a zero that gets a sign, under an expression that tells',
    'create table t (id integer primary key, a); create unique index x on t (atan2(a, -1))',
    'insert into t values (1, -1e-300), (2, 0.0)',
    'update or replace t set a = 0.0 * -1 where id = 2',
  ],
  [
    'the rowid beside a declared key',
    'create table t (k text primary key)',
    "insert into t (rowid, k) values (1, 'a')",
    "replace into t (rowid, k) values (1, 'b')",
  ],
  [
    'SET rowid',
    'create table t (k text primary key)',
    "insert into t (rowid, k) values (1, 'a'), (2, 'b')",
    'update or replace t set rowid = 1 where rowid = 2',
  ],
  ['a NOCASE key', 'create table t (k text collate nocase primary key)', "insert into t values ('a')", "replace into t values ('A')"],
  ['a RTRIM key', 'create table t (k text collate rtrim primary key)', "insert into t values ('a')", "replace into t values ('a  ')"],
  ['1 and 1.0 in a typeless key', 'create table t (k primary key)', 'insert into t values (1)', 'replace into t values (1.0)'],
  ['0.0 and -0.0 in a typeless key', 'create table t (k primary key)', 'insert into t values (-0.0)', 'replace into t values (0.0)'],
  [
    'the lowest integer and the same REAL in a numeric key',
    'create table t (k numeric, n int, primary key (k, n))',
    'insert into t values (-9223372036854775808.0, -9223372036854775808)',
    'replace into t values (-9223372036854775808, -9223372036854775808.0)',
  ],
  ['a key that only changes its storage class', 'create table t (k primary key)', 'insert into t values (1)', 'update t set k = 1.0'],
  [
    'an index with another collation than its column',
    'create table t (id integer primary key, u text); create unique index i on t (u collate nocase)',
    "insert into t values (1, 'x')",
    "replace into t values (2, 'X')",
  ],
  [
    'a partial index',
    'create table t (id integer primary key, u, live); create unique index i on t (u) where live = 1',
    "insert into t values (1, 'x', 1), (2, 'x', 0)",
    'update or replace t set live = 1 where id = 2',
  ],
  [
    'an index on an expression',
    'create table t (id integer primary key, u); create unique index i on t (lower(u) desc)',
    "insert into t values (1, 'x')",
    "replace into t values (2, 'X')",
  ],
  [
    'SET rowid, into a partial index that asks for it',
    'create table t (k text primary key, u); create unique index i on t (u) where rowid > 3',
    "insert into t (rowid, k, u) values (1, 'a', 'x'), (5, 'b', 'x')",
    "update or replace t set rowid = 6 where k = 'a'",
  ],
  [
    'an id that brings a row into a partial index, by another name',
    'create table t (id integer primary key, u); create unique index i on t (u) where _ROWID_ > 3',
    "insert into t values (1, 'x'), (5, 'x')",
    'update or replace t set id = 6 where id = 1',
  ],
  [
    'a storage class that only an index on an expression tells apart',
    'create table t (id integer primary key, v); create unique index i on t (typeof(v))',
    'insert into t values (1, 1), (2, 2.5)',
    'update or replace t set v = 1.0 where id = 1',
  ],
  ['a key without a type that changes', 'create table t (k primary key)', 'insert into t values (1)', 'update t set k = 2'],
  [
    'a NOCASE key under a BINARY index that changes its case',
    'create table t (k text collate nocase not null, primary key (k collate binary))',
    "insert into t values ('a')",
    "update t set k = 'A'",
  ],
  [
    'an index on two columns',
    'create table t (id integer primary key, a, b); create unique index i on t (a, b)',
    "insert into t values (1, 'x', 'y')",
    "replace into t values (2, 'x', 'y')",
  ],
  [
    'a NOCASE key that changes its case',
    'create table t (k text collate nocase primary key, v)',
    "insert into t values ('a', 1)",
    "update t set k = 'A'",
  ],
  [
    'a case that changes into a BINARY index',
    'create table t (id integer primary key, x text collate nocase); create unique index i on t (x collate binary)',
    "insert into t values (1, 'a'), (2, 'A')",
    "update or replace t set x = 'A' where id = 1",
  ],
  [
    'a word as the default in place of NULL',
    'create table t (id integer primary key, x not null default true, unique (x))',
    'insert into t values (1, 1)',
    'replace into t values (2, null)',
  ],
  [
    'the day as the default in place of NULL',
    'create table t (id integer primary key, x text not null default current_date, unique (x))',
    'insert into t (id) values (1)',
    'replace into t values (2, null)',
  ],
  [
    'rows that a foreign key takes along',
    'create table t (id integer primary key, u unique); create table c (id integer primary key, t references t on delete cascade)',
    "insert into t values (1, 'x'); insert into c values (7, 1)",
    "replace into t values (2, 'x')",
  ],
  [
    'keys that all move by one',
    'create table t (id integer primary key)',
    'insert into t values (-1), (-2), (-3)',
    'update t set id = id - 1',
  ],
];

/** What a target that follows the change holds, beside what is stored, table by table. */
async function followed([, schema, before, change]: Shape, mutant?: Mutant): Promise<[string[], string[]][]> {
  using world = scratch(schema);
  const { db } = world;
  const source = readSchema(db);
  const plan = planOf(source);
  const { seq } = await install(db, plan, { install: 'i', target: 't' }, 1_000);
  if (mutant !== undefined) mutate(db, plan, source, mutant);
  db.exec(before);
  // The change is what a mutant may miss, not what was there before.
  if (mutant !== undefined)
    markTables(
      db,
      plan.tables.map(({ id }) => id),
    );
  const target = model(plan);
  const middle = headMark(db).seq;
  target.apply(readMarks(db, plan, seq, middle));
  db.exec(change);
  target.apply(readMarks(db, plan, middle, headMark(db).seq));
  return plan.tables.map(table => [target.rows(table.id), stored(db, table)]);
}

test.each(SHAPES)('%s is marked [G1]', async (...shape) => {
  for (const [actual, expected] of await followed(shape)) expect(actual).toEqual(expected);
});

test.each([...KINDS, ...CLAUSES])('without $without one of them is not [G1]', async mutant => {
  for (const shape of SHAPES)
    if ((await followed(shape, mutant)).some(([actual, expected]) => !isDeepStrictEqual(actual, expected))) return;
  expect.fail('nothing fails without it');
});

const columns = (n: number): string => Array.from({ length: n }, (_, index) => `c${index}`).join(', ');

test('a table of 100 columns is captured, generated columns at its end included [G1]', async () => {
  using world = scratch(`create table t (id integer primary key, ${columns(100)}, g as (c98 || c99) unique)`);
  const { db } = world;
  const plan = planOf(readSchema(db));
  const { seq } = await install(db, plan, { install: 'i', target: 't' }, 1_000);
  db.exec("insert into t (id, c98, c99) values (1, 'a', 'b'), (2, 'a', 'c'); update or replace t set c99 = 'b' where id = 2");
  const target = model(plan);
  target.apply(readMarks(db, plan, seq, headMark(db).seq));
  expect(target.rows(1)).toEqual(stored(db, plan.tables[0]!));
});

test('malformed JSON outside a partial index can still be written [G6]', async () => {
  using world = scratch(`create table t (id integer primary key, doc);
    create unique index i on t (json_extract(doc, '$.id')) where json_valid(doc)`);
  const { db } = world;
  await install(db, planOf(readSchema(db)), { install: 'i', target: 't' }, 1_000);
  expect(() => db.exec(`insert into t values (1, '{'), (2, '{"id": 1}')`)).not.toThrow();
  // A planner that knows how small the table is reads it instead of the index.
  expect(() => db.exec(`analyze; insert into t values (3, '{"id": 2}')`)).not.toThrow();
});

test('columns that are in no key and no unique index can be added, renamed and dropped [G6]', async () => {
  using world = scratch('create table t (id integer primary key, a, b, u unique)');
  const { db } = world;
  await install(db, planOf(readSchema(db)), { install: 'i', target: 't' }, 1_000);
  expect(() => db.exec('alter table t drop column a; alter table t rename column b to c; alter table t add column d')).not.toThrow();
});

test('what statements return is the same with and without capture [G6]', async () => {
  const schema = `create table t (id integer primary key, u unique, v); create table log (x);
    create trigger l after insert on t begin insert into log values (new.id); end`;
  const statements = [
    "insert into t (u, v) values ('a', 1), ('b', 2) returning id, u",
    "insert or replace into t (u, v) values ('a', 3) returning *",
    "insert or ignore into t (u) values ('b') returning *",
    "insert into t (u) values ('b') on conflict (u) do update set v = 9 returning *",
    'update t set v = v + 1 returning id, v',
    'delete from t where v > 3 returning id',
    'delete from t returning id',
  ];
  const results = async (captured: boolean): Promise<unknown[]> => {
    using world = scratch(schema);
    const { db } = world;
    if (captured) await install(db, planOf(readSchema(db)), { install: 'i', target: 't' }, 1_000);
    return statements.map(sql => [db.prepare(sql).all(), db.prepare('select last_insert_rowid(), changes()').get()]);
  };
  expect(await results(true)).toEqual(await results(false));
});

test('a library that knows no newer SQL can still read the file: triggers name no newer function [G6]', async () => {
  using world = scratch('create table t (k text primary key, u unique)');
  await install(world.db, planOf(readSchema(world.db)), { install: 'i', target: 't' }, 1_000);
  const texts = world.db.prepare("select lower(group_concat(sql)) from sqlite_schema where type = 'trigger'").pluck().get();
  expect(texts).not.toMatch(/upsert|returning|over \(|filter|nulls (first|last)|iif|json|with |"[^"]*" *\(|generated/);
});

test('an orphan that SQLite overlooks is refused as soon as there is any UPDATE trigger: a note says so [G6]', async () => {
  const schema = `pragma foreign_keys = on; insert into t (k) values ('a')`;
  const replace = "insert or replace into t (k, w) values ('a', 'nobody')";
  const table = 'create table t (k text primary key, w references t on delete set null)';
  using without = scratch(`${table}; ${schema}`);
  expect(() => without.db.exec(replace)).not.toThrow();
  using idle = scratch(`${table}; create trigger x after update on t begin select 1; end; ${schema}`);
  expect(() => idle.db.exec(replace)).toThrow('FOREIGN KEY constraint failed');
});

test('dropCapture removes the capture triggers and nothing else', async () => {
  using world = scratch('create table t (id integer primary key, u unique); create trigger a after insert on t begin select 1; end');
  await install(world.db, planOf(readSchema(world.db)), { install: 'i', target: 't' }, 1_000);
  expect(captureTriggers(world.db)).toHaveLength(5);
  dropCapture(world.db);
  expect(captureTriggers(world.db)).toEqual([]);
  expect(world.db.prepare("select name from sqlite_schema where type = 'trigger'").pluck().all()).toEqual(['a']);
});

test.each([
  [
    'unique-collation',
    `create table t (u text collate nocase unique); pragma writable_schema = on;
      update sqlite_schema set sql = replace(sql, 'nocase', 'own') where type = 'table'; pragma writable_schema = reset`,
  ],
  ['volatile-unique-default', 'create table t (id integer primary key, u default (random()) unique)'],
  ['volatile-unique-default', 'create table t (id integer primary key, u default (random())); create unique index i on t (lower(u))'],
  ['volatile-unique-default', 'create table t (k not null default (random()) primary key)'],
  ['volatile-unique-default', 'create table t (k text collate nocase not null default (hex(random())) primary key)'],
  ['unique-expression-over-id', 'create table t (id integer primary key, u); create unique index i on t (id + u)'],
  ['unique-expression-over-generated', 'create table t (id integer primary key, u, g text as (u)); create unique index i on t (lower(g))'],
  [
    'unique-expression-over-default',
    'create table t (id integer primary key, u text not null default 1); create unique index i on t (lower(u))',
  ],
  [
    'unique-expression-over-default',
    "create table t (id integer primary key, u text collate nocase not null default 'a'); create unique index i on t (max(u, 'B'))",
  ],
  [
    'unique-expression-over-default',
    'create table t (id integer primary key, u real not null default 1); create unique index i on t (lower(u))',
  ],
  ['unique-expression-comparison', 'create table t (id integer primary key, u text); create unique index i on t (u = 1)'],
  ...[
    ['u text', 'u = 1'],
    ['u integer', "u in (1, '1')"],
    ["u text collate nocase not null default ''", "u = 'A'"],
    ['w, u text as (w)', "u = 'a'"],
    ['w, u collate nocase as (w)', "u = 'A'"],
    ['u text', "u like 'a'"],
    ['u, w text', 'u = w'],
  ].map(([columns, where]) => [
    'unique-partial-comparison',
    `create table t (id integer primary key, doc, ${columns}); create unique index i on t (json_extract(doc, '$.id')) where ${where}`,
  ]),
  ['foreign-key-mismatch', 'create table p (a, b); create table t (x references p (b))'],
  ['foreign-key-mismatch', 'create table p (a); create unique index i on p (a) where a > 1; create table t (x references p (a))'],
  ['foreign-key-mismatch', 'create table p (a); create unique index i on p (a collate nocase); create table t (x references p (a))'],
  ['replace-self-reference', 'create table t (k text primary key, w references T on delete set null)'],
  ['unique-expression-fails', "create table t (id integer primary key, doc); create unique index i on t (json_extract(doc, '$.id'))"],
  ['raise-ignore', 'create table t (u); create trigger g after insert on t begin select raise(ignore); end'],
])('%s is found', (code, schema) => {
  const db: Database = new BetterSqlite3(':memory:');
  db.defaultSafeIntegers(true);
  db.unsafeMode(true);
  db.exec(schema);
  expect(captureHazards(readSchema(db))[0]?.code).toEqual(code);
  db.close();
});

test.each([
  ['create table t (id text primary key default (lower(hex(randomblob(16)))), u default current_timestamp unique)'],
  ['create table t (u); create trigger g before insert on t begin select raise(ignore); end'],
  [
    `create table t (id integer primary key, doc, "a b" text collate nocase, n integer not null default 0, d);
      create unique index i on t (json_extract(doc, '$.id')) where json_valid(doc) and "a b" <> 'x' and (n > -1 or d is not null)
      and lower(json_extract(doc, '$.k')) in ('a', 'b') and doc ->> '$.l' = 'c'`,
  ],
  ['create table p (id integer primary key); create table t (x references p)'],
  ['create table p (a, b, unique (b, a)); create table t (x, y, foreign key (x, y) references P (A, B))'],
])('nothing is found in %s', schema => {
  const db: Database = new BetterSqlite3(':memory:');
  db.defaultSafeIntegers(true);
  db.exec(schema);
  expect(captureHazards(readSchema(db)).filter(({ level }) => level !== 'note')).toEqual([]);
  db.close();
});
