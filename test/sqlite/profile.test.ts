import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test, vi } from 'vitest';
import { contradiction } from '../../src/plan/column/contradiction.ts';
import { decide } from '../../src/plan/decide.ts';
import type { Profile } from '../../src/plan/schema.ts';
import { openSource } from '../../src/sqlite/open.ts';
import { count, type Task } from '../../src/sqlite/profile/count.ts';
import { profile } from '../../src/sqlite/profile/profile.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';

function profiled(sql: string, setup = '') {
  const db = new Database(':memory:').defaultSafeIntegers(true);
  db.exec(`${setup}; ${sql}`);
  return profile(db, readSchema(db));
}

test('counts storage classes, ranges and lengths', () => {
  const { t } = profiled(`
    create table t (v);
    insert into t values (0), (1), (2), (null), (1.0), ('é'), (x'000000'), (9007199254740992), (9007199254740993), (-9223372036854775808), (9007199254740994);`);
  expect(t?.rows).toBe(11);
  expect(t?.columns[0]).toMatchObject({
    name: 'v',
    nulls: 1,
    integers: 7,
    reals: 1,
    texts: 1,
    blobs: 1,
    zeroOne: 2,
    inexact: 2,
    unclean: 0,
    maxBytes: 3,
  });
});

test('how far it is is told of tables without a rowid too', () => {
  const db = new Database(':memory:').defaultSafeIntegers(true);
  db.exec(`create table t (k text primary key, v) without rowid; create index t_v on t (v);
    with recursive n (n) as (values (1) union all select n + 1 from n where n < 1200) insert into t select 'k' || n, n from n`);
  const told: unknown[] = [];
  const { t } = profile(db, readSchema(db), done => told.push(done));
  expect(t?.rows).toBe(1_200);
  expect(told).toEqual([500, 1_000].map(rows => ({ table: 't', rows, total: 1_200 })));
});

test('however many tables there are, no function is defined twice: each time SQLite throws away what it has prepared', () => {
  const db = new Database(':memory:').defaultSafeIntegers(true);
  db.exec(
    'create table a (v); create table b (v, w); create table c (v primary key) without rowid; insert into b values (1, zeroblob(5000))',
  );
  const defined = vi.spyOn(db, 'function');
  const { b } = profile(db, readSchema(db));
  expect(b?.columns.map(({ integers, maxBytes }) => [integers, maxBytes])).toEqual([
    [1, 0],
    [0, 5_000],
  ]);
  const names = defined.mock.calls.map(([name]) => name);
  expect(names).toHaveLength(new Set(names).size);
});

test('unclean text is told by its bytes, not by U+FFFD', () => {
  const { t } = profiled(
    "create table t (v text); insert into t values (char(65533)), (cast(x'ff' as text)), ('a' || char(0) || 'b'), ('ok'), (x'ff')",
  );
  expect(t?.columns[0]).toMatchObject({ texts: 4, blobs: 1, unclean: 2 });
});

test.each(['UTF-16le', 'UTF-16be'])('%s: surrogates must come in pairs', encoding => {
  const [half, before] = encoding === 'UTF-16le' ? ['00d8', '00d86100'] : ['d800', 'd8000061'];
  const { t } = profiled(
    `create table t (v text); insert into t values ('𝄞é'), (char(65533)), (cast(x'${half}' as text)), (cast(x'${before}' as text)), ('a' || char(0))`,
    `pragma encoding = '${encoding}'`,
  );
  expect(t?.columns[0]).toMatchObject({ texts: 5, unclean: 3 });
});

test('samples are keys of the minority, never values', () => {
  const { t } = profiled(
    "create table t (id text primary key, v int); insert into t values ('a', 1), ('b', 2), ('c', 's3cret'), ('d', x'00')",
  );
  expect(t?.columns[1]?.samples).toEqual(['["t:c"]', '["t:d"]']);
});

test('NULLs in keys are counted for each key', () => {
  const { t } = profiled(
    'create table t (a, b, c unique, primary key (a, b)); insert into t values (1, null, 1), (null, null, null), (1, 1, null)',
  );
  expect(t?.nullKeys).toEqual({ '': 2, sqlite_autoindex_t_1: 2, sqlite_autoindex_t_2: 2 });
});

test('generated columns are not read, and keep their place', () => {
  const { t } = profiled("create table t (a int, g as (abs(b)), b text); insert into t (a, b) values (1, 'x')");
  expect(t?.columns.map(({ name, texts, integers, nulls }) => [name, texts, integers, nulls])).toEqual([
    ['a', 0, 1, 0],
    ['g', 0, 0, 0],
    ['b', 1, 0, 0],
  ]);
});

test('pages hold every row once, whatever the rowids are', () => {
  const ids = 'insert into t select x * 7919 - 400000, x from n; insert into t values (9223372036854775807, 1), (-9223372036854775808, 2)';
  const db = new Database(':memory:').defaultSafeIntegers(true);
  db.exec(`create table n (x); with recursive c (x) as (select 1 union all select x + 1 from c where x < 5000) insert into n select x from c;
    create table t (id integer primary key, v); ${ids};
    create table dense (v); with recursive c (x) as (select 1 union all select x + 1 from c where x < 30000) insert into dense select x from c;`);
  const said: { table: string; rows: number; total: number }[] = [];
  const { t, dense } = profile(db, readSchema(db), done => said.push(done));
  expect([t?.rows, t?.columns[1]?.integers, dense?.rows]).toEqual([5002, 5002, 30000]);
  const ofDense = said.filter(({ table }) => table === 'dense');
  expect(ofDense).toHaveLength(60);
  expect(ofDense.at(19)).toEqual({ table: 'dense', rows: 10_000, total: 30_000 });
  expect(said.find(({ table }) => table === 'n')?.rows, 'with those of the table before').toBe(30_500);
});

test.each([
  ['pages', ''],
  ['rows without a rowid', 'without rowid'],
])('long values are counted once each, with %s', (_, clause) => {
  const { t } = profiled(`create table t (id integer primary key, v) ${clause};
    with recursive c (x) as (select 1 union all select x + 1 from c where x < 1200) insert into t select x, null from c;
    update t set v = printf('%.9000c', 'x') where id % 3 = 0; update t set v = zeroblob(70000) where id % 3 = 1;`);
  expect(t?.columns[1]).toMatchObject({ nulls: 400, texts: 400, blobs: 400, maxBytes: 70000 });
});

test('a column is looked at until it is certain to be text, one with a declared form to the end', () => {
  const { t } = profiled(`create table t (free text, made datetime, id text);
    with recursive c (x) as (select 1 union all select x + 1 from c where x < 1000)
    insert into t select 'word ' || x, iif(x % 2, 'word', '2024-01-01'), printf('%08x-0000-4000-8000-000000000000', x) from c`);
  const [free, made, id] = t?.columns ?? [];
  expect([free?.texts, made?.formats]).toEqual([1000, { text: 500, 'date(YYYY-MM-DD)': 500 }]);
  expect(Object.values(id?.formats ?? {}).reduce((sum, count) => sum + count)).toBe(1000);
  for (const codec of ['uuid(lower)', 'numeric', 'jsonb', 'date(YYYY-MM-DD)'])
    expect(free && contradiction(codec, 'text', free)).toBe(`it holds 1000 texts that do not fit ${codec}`);
});

test('tables of many columns', () => {
  const names = Array.from({ length: 1900 }, (_, index) => `c${index}`);
  const { t } = profiled(`create table t (${names.join(', ')}); insert into t (c0, c1899) values (1, 'x')`);
  expect(t?.rows).toBe(1);
  expect([t?.columns[0]?.integers, t?.columns[1899]?.texts, t?.columns[5]?.nulls]).toEqual([1, 1, 1]);
});

test('names that need quoting, and a user column called rowid', () => {
  const { 'a "b" c': t } = profiled(
    'create table "a ""b"" c" ("rowid" text, "x\'y" int, "select" int); insert into "a ""b"" c" values (\'r\', 1, \'s\')',
  );
  expect(t?.columns.map(({ integers, texts }) => [integers, texts])).toEqual([
    [0, 1],
    [1, 0],
    [0, 1],
  ]);
});

test('reading changes nothing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-profile-'));
  try {
    const path = join(folder, 'a.db');
    new Database(path).exec("create table t (v); insert into t values ('a'), (1)").close();
    const digest = () => createHash('sha256').update(readFileSync(path)).digest('hex');
    const before = digest();
    const db = openSource(path, { readonly: true });
    expect(profile(db, readSchema(db)).t?.rows).toBe(2);
    db.close();
    expect(digest()).toBe(before);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each(['counts', 'ends without a word'])('with somebody beside who %s, the same is decided', how => {
  const db = new Database(':memory:').defaultSafeIntegers(true);
  db.exec(/* sql */ `
    create table large (id integer primary key, v, at datetime, doc json);
    with recursive n (n) as (values (-30000) union all select n + 7 from n where n < 40000)
      insert into large select n, case abs(n) % 5 when 0 then n when 1 then n / 7.0 when 2 then 'é' || n when 3 then zeroblob(abs(n) % 9) end,
        date(n, 'unixepoch'), case when n < 20000 then '{}' else '{' end from n;
    create table small (k text primary key, v) without rowid;
    insert into small values ('a', 1), ('b', null)`);
  const schema = readSchema(db);
  let given: readonly Task[] = [];
  const beside = {
    begin(tasks: readonly Task[]): void {
      given = tasks;
    },
    result: () => (how === 'counts' ? structuredClone(given).map(task => count(db, task)) : undefined),
  };
  const decided = (found: Profile) => decide(schema, found, { schema: 'public', exclude: [] });
  expect(decided(profile(db, schema, undefined, undefined, beside))).toEqual(decided(profile(db, schema)));
  expect(given.map(({ table, above, upTo }) => [table.name, above, upTo])).toEqual([['large', 5000n, null]]);
});
