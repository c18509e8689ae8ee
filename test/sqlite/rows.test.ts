import { expect, test } from 'vitest';
import type { Seq, Slice } from '../../src/change/change.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { install } from '../../src/sqlite/capture/install.ts';
import { headMark, mark, markTables } from '../../src/sqlite/capture/marking.ts';
import { type HeldRows, readMarks } from '../../src/sqlite/journal/marks.ts';
import { prune } from '../../src/sqlite/journal/prune.ts';
import { heldState } from '../../src/sqlite/journal/state.ts';
import type { Database } from '../../src/sqlite/open.ts';
import { chunk, countRows } from '../../src/sqlite/read/chunk.ts';
import { readPortion } from '../../src/sqlite/read/portion.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { planOf, scratch, stored } from './planned.ts';

const seq = (n: number | bigint): Seq => BigInt(n) as Seq;

/** All rows by paging, `limit` at a time. */
function pages(db: Database, plan: Plan, limit: number): string[] {
  const rows: string[] = [];
  let cursor: string | null = null;
  do {
    const part = chunk(db, plan.tables[0]!, cursor, limit);
    rows.push(...part.rows.map(row => JSON.stringify(row)));
    cursor = part.cursor;
  } while (cursor !== null);
  return rows.sort();
}

test.each([
  [
    'an integer key',
    'create table t (id integer primary key); insert into t values (-9223372036854775808), (-1), (0), (9223372036854775807)',
  ],
  ['a hidden key', 'create table t (v); insert into t (rowid, v) values (-5, 1), (2, null), (7, 3)'],
  [
    'every storage class',
    "create table t (k primary key); insert into t values (1), (1.5), (-0.0), ('1'), ('b'), (x'31'), (x'00'), ('a' || char(0))",
  ],
  ['NOCASE', "create table t (k text collate nocase primary key); insert into t values ('b'), ('A'), ('_'), ('É'), ('é'), ('a ')"],
  [
    'several columns, without rowid',
    "create table t (a, k text, primary key (k, a)) without rowid; insert into t values (1, 'a'), (2, 'a'), ('x', 'a'), (x'78', 'b'), (1, 'b')",
  ],
  [
    'a descending key',
    'create table t (a not null, b not null, primary key (a desc, b)); insert into t values (1, 1), (1, 2), (2, 1), (3, 0)',
  ],
  [
    'an index with another collation',
    "create table t (k text collate nocase not null); create unique index i on t (k collate binary); insert into t values ('a'), ('A'), ('b')",
  ],
])('chunks of any size hold every row once: %s [G4]', (_, schema) => {
  using world = scratch(schema);
  const plan = planOf(readSchema(world.db));
  const expected = stored(world.db, plan.tables[0]!);
  for (const limit of [1, 2, 100]) expect(pages(world.db, plan, limit)).toEqual(expected);
  expect(countRows(world.db, plan.tables[0]!)).toBe(expected.length);
});

test('text that is not UTF-8 keeps its bytes, also as a key and a cursor [G4]', async () => {
  using world = scratch(
    "create table t (k text primary key, v); insert into t values (cast(x'ff' as text), cast(x'fe61' as text)), (cast(x'fe' as text), '\uFFFD')",
  );
  const { db } = world;
  const plan = planOf(readSchema(db));
  const expected = ['["x:fe","t:\uFFFD"]', '["x:ff","x:fe61"]'];
  expect(pages(db, plan, 1)).toEqual(expected);
  const start = await install(db, plan, { install: 'i', target: 't' }, 1_000);
  db.exec("update t set v = v; delete from t where k = cast(x'ff' as text)");
  const [slice] = slicesOf(readMarks(db, plan, start.seq, headMark(db).seq));
  expect(slice).toMatchObject({ rows: [['x:fe', 't:\uFFFD']], gone: [['x:ff']] });
});

test('of texts that are not UTF-8 and that NOCASE calls equal, one goes and the other comes [G1]', async () => {
  using world = scratch("create table t (k text collate nocase primary key); insert into t values (cast(x'ff61' as text))");
  const { db } = world;
  const plan = planOf(readSchema(db));
  const start = await install(db, plan, { install: 'i', target: 't' }, 1_000);
  db.exec("update t set k = cast(x'ff41' as text)");
  const [slice] = slicesOf(readMarks(db, plan, start.seq, headMark(db).seq));
  expect(slice).toMatchObject({ rows: [['x:ff41']], gone: [['x:ff61']] });
});

test('a UTF-16 file reads as text', () => {
  using world = scratch("pragma encoding = 'UTF-16le'; create table t (k text primary key); insert into t values ('é\uFFFD'), ('b')", {
    wal: false,
  });
  const plan = planOf(readSchema(world.db));
  expect(pages(world.db, plan, 1)).toEqual(['["t:b"]', '["t:é\uFFFD"]']);
});

test('half a pair in UTF-16 keeps its bytes, also as a key and a cursor, whatever character SQLite makes of it [G4]', async () => {
  using world = scratch(
    `pragma encoding = 'UTF-16le'; create table t (k text primary key, v text);
    insert into t values (cast(x'00d86100' as text), 'x'), ('\u{10061}', cast(x'41d88000' as text))`,
    { wal: false },
  );
  const { db } = world;
  const plan = planOf(readSchema(db));
  expect(pages(db, plan, 1)).toEqual(['["t:\u{10061}","y:41d88000"]', '["x:00d86100","t:x"]']);
  const start = await install(db, plan, { install: 'i', target: 't' }, 1_000);
  db.exec("update t set v = v; delete from t where k = cast(x'00d86100' as text)");
  const [slice] = slicesOf(readMarks(db, plan, start.seq, headMark(db).seq));
  expect(slice).toMatchObject({ rows: [['t:\u{10061}', 'y:41d88000']], gone: [['x:00d86100']] });
});

const slicesOf = (rows: HeldRows): Slice[] => [...rows.slices()];

test('a large batch waits in a file, and can be read more than once', async () => {
  using world = scratch('create table t (id integer primary key, v)');
  const { db } = world;
  const plan = planOf(readSchema(db));
  const start = await install(db, plan, { install: 'i', target: 't' }, 1_000);
  db.exec(
    "with recursive n (i) as (select 1 union all select i + 1 from n where i < 5000) insert into t select i, 'line\n' || char(0, 8232, 55357) || printf('%200d', i) from n",
  );
  using rows = readMarks(db, plan, start.seq, headMark(db).seq, { memoryRows: 100 });
  using kept = readMarks(db, plan, start.seq, headMark(db).seq);
  expect(rows).toMatchObject({ marks: 5000, size: 5000 });
  expect(slicesOf(rows).length).toBeGreaterThan(1);
  expect(slicesOf(rows).every(slice => slice.rows.length <= 1_000)).toBe(true);
  expect(slicesOf(rows)).toEqual(slicesOf(kept));
});

test('what changed comes in steps, and is what is marked, as of one state [G3]', async () => {
  using world = scratch('create table t (id integer primary key, v)');
  const { db } = world;
  const plan = planOf(readSchema(db));
  const start = await install(db, plan, { install: 'i', target: 't' }, 1_000);
  const numbers = 'with recursive n (i) as (select 1 union all select i + 1 from n where i < 12000)';
  db.exec(`${numbers} insert into t select i, 0 from n; update t set v = 1 where id % 4000 = 1; delete from t where id % 1000 = 0`);
  const state = heldState(db, plan);
  db.exec('insert into t values (99999, 0)'); // later than the state
  const once = (slices: Iterable<Slice>) => {
    const [rows, gone] = [new Map<string, unknown>(), new Set<string>()];
    for (const slice of slices) {
      for (const row of slice.rows) rows.set(row[0]!, row[1]);
      for (const key of slice.gone) gone.add(key[0]!);
    }
    return { rows: [...rows].sort(), gone: [...gone].sort() };
  };
  const named = state.named(1, ['["i:1"]', '["i:1000"]']).slices() as Iterable<Slice>;
  expect([...named]).toMatchObject([{ rows: [['i:1', 'i:1']], gone: [['i:1000']] }]);
  const steps = [...(state.changed(start.seq).slices() as Iterable<Slice>)];
  expect(once(steps)).toEqual(once(slicesOf(readMarks(db, plan, start.seq, state.position.seq))));
  expect(once(steps)).toMatchObject({ rows: { length: 11_988 }, gone: { length: 12 } });
  const keys = steps.flatMap(({ rows, gone }) => [...rows, ...gone].map(([id]) => id));
  expect(
    keys.filter(id => id === 'i:1'),
    'marked in the first step, and again in the last',
  ).toHaveLength(2);
  state.close();
});

test('a table marked whole comes whole, and its other marks are not read', async () => {
  using world = scratch('create table t (id integer primary key); insert into t values (1), (2), (3)');
  const { db } = world;
  const plan = planOf(readSchema(db));
  const start = await install(db, plan, { install: 'i', target: 't' }, 1_000);
  db.exec('delete from t where id = 2');
  markTables(db, [1]);
  const rows = readMarks(db, plan, start.seq, headMark(db).seq);
  expect(rows).toMatchObject({ replaced: [1], size: 2 });
  expect(slicesOf(rows)).toMatchObject([{ rows: [['i:1'], ['i:3']], gone: [] }]);
});

test('rows marked by hand are read again, whatever their key holds', async () => {
  using world = scratch("create table t (a, b, primary key (a, b)); insert into t values (1, 'a'), (1.0, cast(x'ff' as text))");
  const { db } = world;
  const plan = planOf(readSchema(db));
  const start = await install(db, plan, { install: 'i', target: 't' }, 1_000);
  const state = heldState(db, plan);
  const keys = db.prepare('select a, b from t').raw().all() as [bigint, string][];
  const [table] = plan.tables;
  await mark(
    db,
    1_000,
    [keys[0]!, [9n, 'gone']].map(key => ({ table: table!, key })),
  );
  const [slice] = slicesOf(readMarks(db, plan, start.seq, headMark(db).seq));
  expect(slice).toMatchObject({ rows: [['i:1', 't:a']], gone: [['i:9', 't:gone']] });
  const absent = [
    ['i:1', 't:a'],
    ['r:1', 't:a'],
    ['r:1', 'x:ff'],
    ['i:2', 't:a'],
  ];
  expect(state.absent(1, absent)).toEqual([absent[1], absent[3]]);
});

test('a key that became NULL is a misfit; once it is gone, or has a value again, its name is handed on [G4]', async () => {
  using world = scratch('create table t (k text primary key, v)');
  const { db } = world;
  const plan = planOf(readSchema(db));
  const start = await install(db, plan, { install: 'i', target: 't' }, 1_000);
  db.exec("insert into t values ('a', 1); update t set k = null");
  const middle = headMark(db).seq;
  const [slice] = slicesOf(readMarks(db, plan, start.seq, middle));
  expect(slice).toMatchObject({
    rows: [],
    gone: [['t:a']],
    misfits: [{ key: '[null,"i:1"]', target: undefined, column: 'k', reason: expect.stringContaining('its key is NULL') }],
  });
  expect(chunk(db, plan.tables[0]!, null, 10)).toMatchObject({ rows: [], misfits: [{ key: '[null,"i:1"]' }] });
  expect(chunk(db, plan.tables[0]!, '["t:a"]', 10), 'told with the first chunk').toMatchObject({ rows: [], misfits: [] });
  const portion = readPortion(db, plan.tables[0]!, null, { rows: 10, bytes: 1e9, ms: 1e9 });
  expect(portion).toMatchObject({ csv: [], rows: [], misfits: [{ key: '[null,"i:1"]' }] });
  db.exec("update t set k = 'b'");
  const given = { rows: [['t:b', 'i:1']], misfits: [], vanished: ['[null]'] };
  expect(slicesOf(readMarks(db, plan, middle, headMark(db).seq))).toMatchObject([given]);
  db.exec('update t set k = null');
  const last = headMark(db).seq;
  db.exec('delete from t');
  expect(slicesOf(readMarks(db, plan, last, headMark(db).seq))).toMatchObject([{ misfits: [], vanished: ['[null]'] }]);
});

test('rows that share a key with NULL are named one by one, by their rowid; a mark of any means all of them [G4]', async () => {
  using world = scratch('create table t (k text primary key, v)');
  const { db } = world;
  const plan = planOf(readSchema(db));
  await install(db, plan, { install: 'i', target: 't' }, 1_000);
  db.exec("insert into t (rowid, k) values (1, null), (2, null), (3, 'c'), (7, null)");
  const names = ['[null,"i:1"]', '[null,"i:2"]', '[null,"i:7"]'];
  expect(chunk(db, plan.tables[0]!, null, 10).misfits.map(({ key }) => key)).toEqual(names);
  const before = headMark(db).seq;
  db.exec('update t set v = 1 where rowid = 2');
  const [slice] = slicesOf(readMarks(db, plan, before, headMark(db).seq));
  expect(slice).toMatchObject({ vanished: ['[null]'], misfits: names.map(key => ({ key })) });
  const asked = heldState(db, plan).named(1, names);
  expect(slicesOf(asked as HeldRows)).toMatchObject([{ vanished: ['[null]'], misfits: names.map(key => ({ key })) }]);
  const last = headMark(db).seq;
  await mark(db, 1_000, [{ table: plan.tables[0]!, key: [null, 1n] }]);
  expect(slicesOf(readMarks(db, plan, last, headMark(db).seq))).toMatchObject([{ misfits: names.map(key => ({ key })) }]);
});

test('keys with a NULL are named by their very bytes: 0.0 goes, -0.0 stays [G4]', async () => {
  using world = scratch('create table t (k text collate nocase, l, primary key (k, l))');
  const { db } = world;
  const plan = planOf(readSchema(db));
  const start = await install(db, plan, { install: 'i', target: 't' }, 1_000);
  db.exec("insert into t values (null, -0.0), (null, 0.0), ('a', null), ('A', null)");
  const middle = headMark(db).seq;
  db.exec("delete from t where l is 0.0 and atan2(l, -1) > 0; delete from t where k is 'A' collate binary");
  const [slice] = slicesOf(readMarks(db, plan, middle, headMark(db).seq));
  expect(slice).toMatchObject({ misfits: [], vanished: ['[null,"r:0"]', '["t:A",null]'] });
  expect(slicesOf(readMarks(db, plan, start.seq, middle))[0]!.misfits.map(({ key }) => key)).toEqual([
    '[null,"r:-0","i:1"]',
    '["t:a",null,"i:3"]',
  ]);
});

test('a row whose key is double precision in Postgres can go [G1]', async () => {
  using world = scratch('create table t (k real primary key)');
  const { db } = world;
  const tagged = planOf(readSchema(db));
  const plan = {
    ...tagged,
    tables: tagged.tables.map(table => ({ ...table, columns: [{ ...table.columns[0]!, codec: 'real' as const }] })),
  };
  const start = await install(db, plan, { install: 'i', target: 't' }, 1_000);
  db.exec('insert into t values (1.5); delete from t');
  expect(slicesOf(readMarks(db, plan, start.seq, headMark(db).seq))).toMatchObject([{ rows: [], gone: [['1.5']] }]);
});

test('marks of 0.0 and of -0.0, which a REAL column stores as one, are marks of one row [G1]', async () => {
  using world = scratch('create table t (k real primary key)');
  const { db } = world;
  const tagged = planOf(readSchema(db));
  const [table] = tagged.tables.map(each => ({ ...each, columns: each.columns.map(column => ({ ...column, codec: 'real' as const })) }));
  const plan: Plan = { ...tagged, tables: [table!] };
  await install(db, plan, { install: 'i', target: 't' }, 1_000);
  db.exec('insert into t values (0.0)');
  const { seq: before } = headMark(db);
  await mark(
    db,
    1_000,
    [0, -0].map(key => ({ table: table!, key: [key] })),
  );
  expect(slicesOf(readMarks(db, plan, before, headMark(db).seq))).toMatchObject([{ rows: [['0']], gone: [] }]);
});

test('a row that does not fit is named, and its older version leaves the target [G4]', async () => {
  using world = scratch('create table t (id integer primary key, v)');
  const { db } = world;
  const tagged = planOf(readSchema(db));
  const [table] = tagged.tables;
  const columns = table!.columns.map(column => (column.name === 'v' ? { ...column, codec: 'integer' as const } : column));
  const plan: Plan = { ...tagged, tables: [{ ...table!, columns }] };
  const start = await install(db, plan, { install: 'i', target: 't' }, 1_000);
  db.exec("insert into t values (1, 2), (3, 'no')");
  const [slice] = slicesOf(readMarks(db, plan, start.seq, headMark(db).seq));
  expect(slice!.rows).toEqual([['i:1', '2']]);
  expect(slice!.misfits).toEqual([{ key: '["i:3"]', target: ['i:3'], column: 'v', reason: 'not an integer', raw: 't:no' }]);
});

test('a row that is gone, and whose key has no place in Postgres, is handed on by its name: it may stand in quarantine [G4]', async () => {
  using world = scratch("create table t (k primary key); insert into t values (1), ('no')");
  const { db } = world;
  const tagged = planOf(readSchema(db));
  const columns = [{ ...tagged.tables[0]!.columns[0]!, codec: 'integer' as const }];
  const plan: Plan = { ...tagged, tables: [{ ...tagged.tables[0]!, columns }] };
  const start = await install(db, plan, { install: 'i', target: 't' }, 1_000);
  db.exec('delete from t');
  expect(slicesOf(readMarks(db, plan, start.seq, headMark(db).seq))).toMatchObject([{ gone: [['1']], vanished: ['["t:no"]'] }]);
});

test('pruning keeps the anchor and the newest row, and takes steps', async () => {
  using world = scratch('create table t (id integer primary key)');
  const { db } = world;
  await install(db, planOf(readSchema(db)), { install: 'i', target: 't' }, 1_000);
  db.exec('with recursive n (i) as (select 1 union all select i + 1 from n where i < 3000) insert into t select i from n');
  const count = db.prepare('select count(*), min(seq), max(seq) from _attacca_journal').raw();
  expect(await prune(db, seq(2000))).toBe(1999);
  expect(count.get()).toEqual([1002n, 2000n, 3001n]);
  expect(await prune(db, seq(2000))).toBe(0);
  expect(await prune(db, seq(999_999))).toBe(1001);
  expect(count.get()).toEqual([1n, 3001n, 3001n]);
  db.exec('insert into t values (9999)');
  expect(headMark(db).seq).toBe(3002n);
});
