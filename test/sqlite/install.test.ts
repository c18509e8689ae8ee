import { expect, test, vi } from 'vitest';
import { Refused, SourceMoved } from '../../src/change/errors.ts';
import { adopt } from '../../src/sqlite/capture/adopt.ts';
import { captureTriggers, unhookedTables } from '../../src/sqlite/capture/capture.ts';
import { fileControlAt, readFileControl } from '../../src/sqlite/capture/control.ts';
import { examine } from '../../src/sqlite/capture/health.ts';
import { install, uninstall } from '../../src/sqlite/capture/install.ts';
import { headMark } from '../../src/sqlite/capture/marking.ts';
import { type Database, openSource } from '../../src/sqlite/open.ts';
import { schemaVersion } from '../../src/sqlite/read/values.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { manyTables } from '../bench/support/locks.ts';
import { planOf, scratch } from './planned.ts';

const SCHEMA = `create table t (id integer primary key autoincrement, u unique);
  create table "odd ""name" (k text, l, primary key (k, l)) without rowid;
  create table "two\nlines" ("a\nkey" text primary key, "--\nx" unique);
  create table none (x); create view v as select 1; create index i on t (u);
  create trigger app after insert on t begin insert into none values (new.id); end`;
const ME = { install: 'i', target: 't' };

const schemaOf = (db: Database): unknown => db.prepare('select type, name, tbl_name, sql from sqlite_schema order by rowid').all();

test('uninstall leaves the schema as it was, byte for byte [G11]', async () => {
  using world = scratch(SCHEMA);
  const before = schemaOf(world.db);
  await install(world.db, planOf(readSchema(world.db)), ME, 1_000);
  expect(schemaOf(world.db)).not.toEqual(before);
  world.db.exec("insert into t (u) values ('a')");
  await uninstall(world.db, 1_000);
  expect(schemaOf(world.db)).toEqual(before);
  expect(readFileControl(world.db)).toBeUndefined();
});

test('what only begins with our name is the application’s: it is captured, and nobody drops it [G1] [G11]', async () => {
  using world = scratch(`create table _attacca_notes (id integer primary key); create view _attacca_view as select * from _attacca_notes;
    create table t (id integer primary key); create trigger _attacca_app after insert on t begin insert into _attacca_notes values (new.id); end`);
  const before = schemaOf(world.db);
  const plan = planOf(readSchema(world.db));
  const { seq } = await install(world.db, plan, ME, 1_000);
  world.db.exec('insert into t values (7)');
  const marked = world.db.prepare('select tbl from _attacca_journal where seq > ?').pluck().all(seq);
  expect(marked.sort()).toEqual(plan.tables.map(({ id }) => BigInt(id)));
  await uninstall(world.db, 1_000);
  expect(schemaOf(world.db)).toEqual(before);
});

test('installing twice changes nothing and returns the head', async () => {
  using world = scratch(SCHEMA);
  const plan = planOf(readSchema(world.db));
  const first = await install(world.db, plan, ME, 1_000);
  const before = schemaOf(world.db);
  expect(await install(world.db, plan, ME, 1_000)).toEqual(first);
  expect(schemaOf(world.db)).toEqual(before);
  expect(readFileControl(world.db)).toEqual({
    ...ME,
    primary: 'sqlite',
    epoch: 0n,
    seq: first.seq,
    lsn: null,
    source: null,
    watermark: null,
  });
});

test('a file that is captured for another installation or target is refused', async () => {
  using world = scratch(SCHEMA);
  const plan = planOf(readSchema(world.db));
  await install(world.db, plan, ME, 1_000);
  await expect(install(world.db, plan, { ...ME, target: 'other' }, 1_000)).rejects.toBeInstanceOf(Refused);
  await expect(install(world.db, plan, { ...ME, install: 'other' }, 1_000)).rejects.toBeInstanceOf(Refused);
});

test.each(['drop table none', 'alter table none rename to other'])(
  '%s before it is installed is a change to follow, and leaves nothing',
  async sql => {
    using world = scratch(SCHEMA);
    const plan = planOf(readSchema(world.db));
    world.db.exec(`drop trigger app; ${sql}`);
    const before = schemaOf(world.db);
    const moved = await install(world.db, plan, ME, 1_000).catch(error => error);
    expect(moved).toBeInstanceOf(SourceMoved);
    expect(moved.message).toMatch(/^the schema of the SQLite file has changed: none/);
    expect(schemaOf(world.db)).toEqual(before);
  },
);

test('with Postgres primary, uninstall is refused', async () => {
  using world = scratch(SCHEMA);
  await install(world.db, planOf(readSchema(world.db)), ME, 1_000);
  world.db.exec(`update _attacca_control set "primary" = 'postgres'`);
  await expect(uninstall(world.db, 1_000)).rejects.toBeInstanceOf(Refused);
});

test('a busy file: nothing is installed when the budget is used up', async () => {
  using world = scratch(SCHEMA);
  const before = schemaOf(world.db);
  const plan = planOf(readSchema(world.db));
  using other = scratchConnection(world.path);
  other.db.exec('begin immediate');
  await expect(install(world.db, plan, ME, 30)).rejects.toMatchObject({ disposition: 'retry' });
  other.db.exec('rollback');
  expect(schemaOf(world.db)).toEqual(before);
});

test('of two that install at once one captures the file, the other tries again', async () => {
  using world = scratch(SCHEMA);
  using other = scratchConnection(world.path);
  const plan = planOf(readSchema(world.db));
  const outcomes = await Promise.allSettled([install(world.db, plan, ME, 1_000), install(other.db, plan, ME, 1_000)]);
  expect(outcomes).toMatchObject([{ status: 'fulfilled' }, { status: 'rejected', reason: { disposition: 'retry' } }]);
  expect(examine(world.db, plan)).toEqual({ state: 'fine' });
});

test("capture with which the application's writes would fail is refused, and leaves nothing [G6]", async () => {
  using world = scratch(`${manyTables(200)} create table zz (k text primary key, v)`); // several transactions
  const before = schemaOf(world.db);
  const plan = planOf(readSchema(world.db));
  const last = plan.tables.at(-1)!;
  const columns = last.columns.map(column => ({ ...column, name: column.name === 'k' ? 'gone' : column.name }));
  await expect(install(world.db, { ...plan, tables: [...plan.tables.slice(0, -1), { ...last, columns }] }, ME, 5_000)).rejects.toThrow();
  expect(schemaOf(world.db)).toEqual(before);
  world.db.exec("insert into zz values ('a', 1)");
});

test("a plan that would make the application's writes fail is not followed: capture stays as it was [G6]", async () => {
  using world = scratch('create table t (k text primary key, v)');
  const { db } = world;
  const plan = planOf(readSchema(db));
  await install(db, plan, ME, 5_000);
  const before = schemaOf(db);
  const [t] = plan.tables;
  const columns = t!.columns.map(column => ({ ...column, name: column.name === 'k' ? 'gone' : column.name }));
  const broken = { ...plan, tables: [{ ...t!, columns }] };
  await expect(adopt(db, broken, { version: schemaVersion(db), whole: [] }, 5_000)).rejects.toMatchObject({ disposition: 'halt' });
  expect(schemaOf(db)).toEqual(before);
  db.exec("insert into t values ('a', 1)");
});

test('what was decided for a schema that has moved on since is not done [G1]', async () => {
  using world = scratch('create table t (id integer primary key, a)');
  const { db } = world;
  const plan = planOf(readSchema(db));
  await install(db, plan, ME, 5_000);
  const version = schemaVersion(db);
  db.exec('alter table t add column b');
  const before = [schemaOf(db), headMark(db)];
  expect(await adopt(db, plan, { version, whole: [2] }, 5_000)).toBe(false);
  expect([schemaOf(db), headMark(db)]).toEqual(before);
});

test('of many tables each is told, and taking them out holds the lock for a moment at a time: what a crash leaves goes on from there [G6] [G11]', async () => {
  using world = scratch(manyTables(100));
  const before = schemaOf(world.db);
  const plan = planOf(readSchema(world.db));
  const hooked: number[] = [];
  await install(world.db, plan, ME, 5_000, { hooked: ({ rows, total }) => hooked.push(rows / total) });
  expect(hooked).toHaveLength(100);
  expect(hooked.at(-1)).toBe(1);
  const all = captureTriggers(world.db).length;
  const seen = new Set<number>();
  using other = scratchConnection(world.path);
  const dies = uninstall(world.db, 5_000, triggers => {
    if (triggers % 20 === 0) seen.add(captureTriggers(other.db).length); // as the application sees it: what is committed
    if (triggers > all / 2) throw new Error('killed');
  });
  await expect(dies).rejects.toThrow('killed');
  expect(seen.size, 'several transactions').toBeGreaterThan(1);
  expect(readFileControl(world.db)).toMatchObject(ME);
  expect(examine(world.db, plan)).toMatchObject({ state: 'unhooked' });
  await uninstall(world.db, 5_000);
  expect(schemaOf(world.db)).toEqual(before);
});

test('a foreign key that does not fit, and that nobody enforces, stands in no way; the connection enforces them afterwards as before', async () => {
  using world = scratch('create table p (a); create table c (id integer primary key, a references p (a))');
  world.db.pragma('foreign_keys = on');
  await install(world.db, planOf(readSchema(world.db)), ME, 1_000);
  expect(world.db.pragma('foreign_keys', { simple: true })).toBe(1n);
});

test('every table has its triggers, and the journal its first mark', async () => {
  using world = scratch(Array.from({ length: 26 }, (_, n) => `create table t${n} (id integer primary key, a unique, b, c);`).join(''));
  const plan = planOf(readSchema(world.db));
  await install(world.db, plan, ME, 1_000);
  expect(captureTriggers(world.db)).toHaveLength(26 * 5);
  expect(headMark(world.db).seq).toBe(1n);
});

test('stopped between two tables it keeps what is there, and goes on with that [G6]', async () => {
  using world = scratch(Array.from({ length: 200 }, (_, n) => `create table t${n} (id integer primary key, a unique, b, c);`).join(''));
  const plan = planOf(readSchema(world.db));
  const stop = new AbortController();
  const exec = world.db.exec.bind(world.db);
  const watching = vi.spyOn(world.db, 'exec').mockImplementation(sql => {
    if (fileControlAt(world.path) !== undefined) stop.abort(); // as others see it: something is committed
    return exec(sql);
  });
  await expect(install(world.db, plan, ME, 1_000, { signal: stop.signal })).rejects.toMatchObject({ name: 'AbortError' });
  watching.mockRestore();
  expect(readFileControl(world.db)).toMatchObject(ME);
  expect(captureTriggers(world.db).length).toBeLessThan(200 * 5);
  await install(world.db, plan, ME, 1_000);
  expect(captureTriggers(world.db)).toHaveLength(200 * 5);
  expect(unhookedTables(world.db, plan, readSchema(world.db))).toEqual([]);
});

function scratchConnection(path: string) {
  const db = openSource(path);
  return { db, [Symbol.dispose]: () => db.close() };
}
