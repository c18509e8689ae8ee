import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyDdl, tableDdl } from '../../src/plan/ddl/ddl.ts';
import { decide } from '../../src/plan/decide.ts';
import { at, keyColumns, type Plan, type TablePlan } from '../../src/plan/plan.ts';
import { copyRows } from '../../src/postgres/apply/copy.ts';
import { digest } from '../../src/postgres/compare/digest.ts';
import { stateBehind } from '../../src/postgres/compare/state.ts';
import { connect, type Session } from '../../src/postgres/session/open.ts';
import { type Database, openSource } from '../../src/sqlite/open.ts';
import { profile } from '../../src/sqlite/profile/profile.ts';
import { chunk } from '../../src/sqlite/read/chunk.ts';
import { stretch } from '../../src/sqlite/read/digest.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';
import { startProxy } from '../support/proxy.ts';

/** One table for each kind of key; every codec whose form SQL makes alone. */
const COLUMNS = 'i integer, t text, f real, b blob, o boolean';
const SCHEMA = `
  create table by_rowid (id integer primary key, ${COLUMNS});
  create table by_pair (x integer not null, y integer not null, ${COLUMNS}, primary key (x, y)) without rowid;
  create table by_text (k text not null primary key, ${COLUMNS});
  create table by_nothing (${COLUMNS});
  create table twins (id integer primary key, s text, t text, p real, q real, b blob, c blob);`;

type World = AsyncDisposable & { readonly db: Database; readonly plan: Plan; readonly session: Session; readonly pg: TestPostgres };

async function world(fill: (db: BetterSqlite3.Database) => void, before = ''): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-test-'));
  const app = new BetterSqlite3(join(folder, 'app.db'));
  app.exec(before + SCHEMA);
  fill(app);
  app.close();
  const db = openSource(join(folder, 'app.db'));
  const schema = readSchema(db);
  const { plan } = decide(schema, profile(db, schema));
  const pg = await testPostgres();
  const session = await connect(pg.url, { applicationName: 'attacca test' });
  for (const table of plan.tables) {
    await pg.query(tableDdl(plan, table));
    await copyRows(session, plan, table, chunk(db, table, null, 1_000_000).rows);
    await pg.query(keyDdl(plan, table));
  }
  return {
    db,
    plan,
    session,
    pg,
    async [Symbol.asyncDispose]() {
      db.close();
      await session.end();
      await pg[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

const values = fc.record({
  i: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  t: fc.option(
    fc.oneof(
      fc.string({ unit: 'binary' }).filter(text => !text.includes('\0') && text.isWellFormed()),
      fc.constantFrom('', '1:', '?', 'é\n"', ','),
    ),
  ),
  f: fc.option(fc.double({ noNaN: true }).filter(value => !Object.is(value, -0))),
  b: fc.option(fc.uint8Array({ maxLength: 40 })),
  o: fc.option(fc.constantFrom(0, 1)),
});

/** Compares every stretch of `rows` rows; gives those that are not equal by their digests. */
async function unequal({ db, session }: World, plan: Plan, table: TablePlan, rows: number): Promise<number> {
  let found = 0;
  let cursor: string | null = null;
  do {
    const part: NonNullable<ReturnType<typeof stretch>> = stretch(db, table, cursor, rows)!;
    if ((await digest(session, plan, table, part.keys)) !== part.digest) found++;
    cursor = part.cursor;
  } while (cursor !== null);
  return found;
}

test('what was copied has the same digest on both sides, whatever is stored and however rows are found', async () => {
  const rows = fc.sample(values, { numRuns: 90, seed: 7 });
  await using w = await world(db => {
    const into = (name: string, keys: string, key: (n: number) => unknown[]): void => {
      const insert = db.prepare(`insert into ${name} values (${keys}?, ?, ?, ?, ?)`);
      for (const [n, row] of rows.entries()) insert.run(...key(n), row.i, row.t, row.f, row.b, row.o);
    };
    into('by_rowid', '?, ', n => [BigInt(n * 3 - 500)]);
    into('by_pair', '?, ?, ', n => [BigInt(n % 5), BigInt(n)]);
    into('by_text', '?, ', n => [`${n % 7}é${n}`]);
    into('by_nothing', '', () => []);
    const insert = db.prepare('insert into twins values (?, ?, ?, ?, ?, ?, ?)');
    for (const [n, row] of rows.entries())
      insert.run(n, row.t, rows[n - 1]?.t ?? null, row.f, rows[n - 1]?.f ?? null, row.b, rows[n - 1]?.b ?? null);
  });
  expect(w.plan.tables.map(table => keyColumns(table).map(({ codec }) => codec))).toEqual([
    ['integer'],
    ['integer', 'integer'],
    ['integer'],
    ['text'],
    ['integer'],
  ]);
  for (const table of w.plan.tables)
    for (const size of [1_000, 17, 1]) expect(await unequal(w, w.plan, table, size), `${table.name} by ${size}`).toBe(0);
});

/** What somebody may do to one side, and nobody noticed. */
test.each([
  ['a flipped bit of a REAL', `update by_rowid set f = 1.0000000000000002 where id = 5`],
  ['a REAL that lost its sign', `update by_rowid set f = '-0' where id = 6`],
  ['NULL that became an empty text', `update by_rowid set t = '' where id = 7`],
  ['an empty text that became NULL', `update by_rowid set t = null where id = 8`],
  ['an empty BLOB that became NULL', `update by_rowid set b = null where id = 9`],
  ['another byte', `update by_rowid set b = '\\x00' where id = 9`],
  ['a blank at the end', `update by_rowid set t = t || ' ' where id = 5`],
  ['a flipped boolean', `update by_rowid set o = not o where id = 5`],
  ['a boundary between two columns that moved', `update by_pair set i = 12, t = '3' where x = 1 and y = 1`],
  ['a missing row', `delete from by_rowid where id = 5`],
  ['a row too many, at the end', `insert into by_rowid (id) values (99)`],
  ['a row too many, at the start', `insert into by_rowid (id) values (-99)`],
  ['a row too many, in between', `insert into by_pair (x, y) values (1, 2)`],
  ['a byte of a text that moved to the next column', `update twins set s = 'a', t = 'bcd' where id = 1`],
  ['a byte of a text that moved to the next row', `update twins set s = case id when 1 then 'a' else 'bxy' end where id < 3`],
  ['two texts that changed places', `update twins set s = t, t = s where id = 1`],
  ['texts of two rows that changed places', `update twins set s = case id when 1 then 'xy' else 'ab' end where id < 3`],
  ['NULL that changed its row', `update twins set s = case id when 1 then null when 3 then 'ab' else s end`],
  ['a REAL that moved to the next column', `update twins set p = q, q = p where id = 1`],
  ['REALs of two rows that changed places', `update twins set p = case id when 1 then 3.5 else 1.5 end where id < 3`],
  ['a REAL that became NaN', `update twins set p = 'NaN' where id = 3`],
  ['a byte of a BLOB that moved to the next column', `update twins set b = '\\x01', c = '\\x0203' where id = 1`],
  [
    'a byte of a BLOB that moved to the next row',
    `update twins set b = case id when 1 then '\\x01'::bytea else '\\x0204' end where id < 3`,
  ],
  ['another row of a text key', `update by_text set i = 4 where k = 'b'`],
  ['a missing row of a text key', `delete from by_text where k = 'b'`],
])('%s changes the digest [G4]', async (_, damage) => {
  await using w = await world(db => {
    db.exec(`insert into by_rowid values (5, 5, 'five', 1.0, x'05', 1), (6, 6, 'six', 0.0, x'06', 0), (7, 7, null, null, null, null),
      (8, 8, '', null, null, null), (9, 9, null, null, x'', 1);
      insert into by_pair (x, y, i, t) values (1, 1, 1, '23'), (1, 3, 1, 'a'); insert into by_text (k, i) values ('a', 1), ('b', 2), ('c', 3);
      insert into twins values (1, 'ab', 'cd', 1.5, 2.5, x'0102', x'03'), (2, 'xy', '', 3.5, 4.5, x'04', x''), (3, null, null, null, null, null, null)`);
  });
  const count = async () => {
    let found = 0;
    for (const table of w.plan.tables) found += await unequal(w, w.plan, table, 1_000);
    return found;
  };
  expect(await count()).toBe(0);
  await w.pg.query(damage);
  expect(await count()).toBe(1);
});

test('a value of another storage class is no match for the same digits in Postgres: 1 is not the text 1 [G4]', async () => {
  await using w = await world(db => db.exec(`insert into by_rowid (id, i, t, f) values (1, 1, '1', 1.0)`));
  const table = at(
    w.plan.tables,
    w.plan.tables.findIndex(({ name }) => name === 'by_rowid'),
  );
  for (const [column, value] of [
    ['i', `cast(x'31' as blob)`],
    ['t', `x'31'`],
    ['f', `x'31'`],
    ['b', `'x'`],
    ['o', `'t'`],
  ]) {
    w.db.exec(`begin; update by_rowid set ${column} = ${value}`);
    expect(await unequal(w, w.plan, table, 10), `${column} = ${value}`).toBe(1);
    w.db.exec('rollback');
  }
  expect(await unequal(w, w.plan, table, 10)).toBe(0);
});

test('a text of SQLite with a NUL, or that is not UTF-8, is no match for what Postgres may have instead [G4]', async () => {
  await using w = await world(db => db.exec(`insert into twins (id, s, t) values (1, 'a', 'b'), (2, null, '')`));
  const table = w.plan.tables.find(({ name }) => name === 'twins')!;
  expect(await unequal(w, w.plan, table, 10)).toBe(0);
  for (const [texts, id] of [
    [`s = cast(x'6100' as text), t = ''`, 1],
    [`s = cast(x'610062' as text), t = null`, 1],
    [`s = null, t = cast(x'610062' as text)`, 1],
    [`s = cast(x'ff' as text)`, 2],
    [`s = ''`, 2],
    [`t = cast(x'00' as text)`, 2],
    [`t = x''`, 2],
  ]) {
    w.db.exec(`begin; update twins set ${texts} where id = ${id}`);
    expect(await unequal(w, w.plan, table, 10), String(texts)).toBe(1);
    w.db.exec('rollback');
  }
  w.db.exec(`begin; update twins set s = cast(x'610078' as text) where id = 1; delete from twins where id = 2`);
  await w.pg.query(`update twins set s = case id when 1 then 'a' else 'x' end`);
  expect(await unequal(w, w.plan, table, 10)).toBe(1); // two rows from one
  w.db.exec('rollback');
});

test('documents have a digest, and a key that may be NULL; where one is, the rows are compared one by one', async () => {
  await using w = await world(
    () => undefined,
    `create table document (id integer primary key, v json); insert into document (v) values ('{"bb":1,"a": [1.50, true]}'), ('[1]'), (null);
    create table open_key (k text unique, primary key (k)); insert into open_key values ('a');`,
  );
  const named = (name: string): TablePlan => w.plan.tables.find(table => table.name === name)!;
  for (const name of ['document', 'open_key']) expect(await unequal(w, w.plan, named(name), 10)).toBe(0);
  w.db.exec(`update document set v = '{"bb":1,"a": [1.50, false]}' where id = 1; insert into open_key values (null)`);
  expect(await unequal(w, w.plan, named('document'), 10)).toBe(1);
  expect(stretch(w.db, named('open_key'), null, 10)).toBeUndefined();
});

test('a digest, or a count, that gets no answer is given up: batches wait for it [G7]', async () => {
  await using w = await world(app => app.exec(`insert into by_rowid (id) values (1)`));
  const { hostname, port } = new URL(w.pg.url);
  await using proxy = await startProxy({ host: hostname, port: Number(port) });
  const url = Object.assign(new URL(w.pg.url), { port: String(proxy.port), search: '?query_timeout=50' }).href;
  const session = await connect(url, { applicationName: 'attacca test' });
  proxy.stall();
  const table = w.plan.tables.find(({ name }) => name === 'by_rowid')!;
  await expect(digest(session, w.plan, table, { after: null, upTo: null })).rejects.toThrow('Query read timeout');
  await expect(stateBehind(session, w.plan, () => session.end()).count(table.id)).rejects.toThrow('Query read timeout');
  await session.end();
});

test.each([
  ['of every type', ['text', 'integer', 'real', 'blob']],
  ['of texts', ['text', 'text']],
])('tables of more columns than a function of Postgres has arguments, or a query of SQLite aggregates: %s', async (_, types) => {
  const columns = Array.from({ length: 1_200 }, (_, n) => `c${n} ${types[n % types.length]}`).join(', ');
  await using w = await world(
    () => undefined,
    `create table broad (id integer primary key, ${columns}); insert into broad (c0, c1197) values ('a', '5');`,
  );
  const table = w.plan.tables.find(({ name }) => name === 'broad')!;
  expect(await unequal(w, w.plan, table, 10)).toBe(0);
  w.db.exec(`update broad set c1197 = '6'`);
  expect(await unequal(w, w.plan, table, 10)).toBe(1);
});
