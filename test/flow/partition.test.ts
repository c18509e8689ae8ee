/* A table that is partitioned by time in Postgres alone, on the whole way. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { SwitchDocument, VerifyDocument } from '../../src/server/documents.ts';
import { backAgain, mirrored, mirroringWorld } from '../support/mirroring.ts';
import { numbersFrom } from '../support/random.ts';
import { SEED } from '../support/seed.ts';
import { caughtUp, type Daemon, openWorld, type World } from '../support/world.ts';

const MONTHS = ['2024-01', '2024-02', '2024-03'];

function build(db: Database.Database): void {
  db.exec(`create table person (id integer primary key, name text);
    create table events (id integer primary key autoincrement, at datetime not null default current_timestamp, who integer references person, doc text);
    create table visit (code text primary key, day date not null, n integer) without rowid;
    create index by_who on events (who); insert into person values (1, 'Ann')`);
  const add = db.prepare('insert into events (at, who, doc) values (?, 1, ?)');
  for (let n = 0; n < 300; n++) add.run(`${MONTHS[n % 3]}-${String((n % 28) + 1).padStart(2, '0')} 10:00:00`, `${n}`);
  db.exec(`insert into visit values ('a', '2023-12-31', 1), ('b', '2024-01-01', 2)`);
}

async function partitionedWorld(): Promise<World> {
  const world = await openWorld(build, { plan: 'attacca.plan.yaml' });
  writeFileSync(join(world.folder, 'attacca.plan.yaml'), 'version: 1\nimprove: { partition: { events.at: month, visit.day: year } }\n');
  return world;
}

async function shadowed(world: World): Promise<Daemon> {
  const daemon = world.start();
  await world.until(caughtUp);
  await world.json(0, 'verify');
  return daemon;
}

const parts = (world: World) => world.pg.query(`select tableoid::regclass::text as part, count(*) as n from events group by 1 order by 1`);
const rows = (world: World) => world.app.prepare('select id, at, doc from events order by id').all();
const equal = (world: World) => expect.poll(() => world.differences(), { timeout: 30_000 }).toEqual([]);

test('copied, followed, mirrored and rolled back; a row moves when its time changes, and none is refused [G1] [G4] [G10]', async () => {
  await using world = await partitionedWorld();
  const { app, pg } = world;
  const daemon = await shadowed(world);
  expect(await parts(world)).toEqual(MONTHS.map(month => ({ part: `events_${month.replace('-', '_')}`, n: '100' })));
  app.exec(`update events set at = '2024-02-05 00:00:00' where id = 1; update events set at = '2050-01-01 00:00:00' where id in (2, 3);
    delete from events where id = 4; insert into events (doc) values ('now'); insert or replace into events values (5, '2024-03-03 00:00:00', 1, 'evicts');
    update events set doc = 'same month' where id = 6; update visit set code = 'A', day = '2050-01-01' where code = 'a'; replace into visit values ('b', '2023-05-05', 3)`);
  app.exec(`update events set id = id + 1000 where id between 10 and 20`);
  await expect.poll(() => world.differences(), { timeout: 30_000 }).toEqual([]);
  expect(await pg.query('select count(*) as n from events_default')).toEqual([{ n: '3' }]);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, differences: 0 });

  const { primary } = await world.json<SwitchDocument>(0, 'cutover', '--yes');
  expect(primary).toBe('postgres');
  const [last] = await pg.query('select max(id) as id from events');
  await pg.query(`insert into events (at, doc) values ('2024-01-15', 'from Postgres'), (now(), 'today')`);
  expect((await pg.query(`select min(id) as id from events where doc in ('from Postgres', 'today')`))[0]?.id).toBe(
    String(Number(last?.id) + 1),
  );
  await pg.query(
    `update events set at = '2024-03-31 12:00:00' where id = 1; update events set at = '2024-01-31 12:00:00', doc = repeat('x', 9000) where id = 7`,
  );
  await pg.query(
    `begin; delete from events_2024_02 where id = 8; update events_2024_03 set doc = 'by its partition' where id = 9; update visit set n = n + 1; commit`,
  );
  await equal(world);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, differences: 0 });
  await world.json(0, 'rollback', '--yes');
  await world.until(caughtUp);
  expect(await world.differences()).toEqual([]);
  app.exec(`update events set at = '2024-02-02 00:00:00' where doc = 'today'`);
  await equal(world);
  await world.json(0, 'verify');
  await world.json(0, 'uninstall', '--yes');
  expect(await daemon.exited).toBe(0);
  expect(await pg.query(`select relname from pg_class where relnamespace = 'public'::regnamespace`)).toEqual([]);
});

test(`whatever REPLACE evicts and wherever a row moves, the partitions follow (ATTACCA_SEED=${SEED}) [G1]`, async () => {
  await using world = await partitionedWorld();
  await shadowed(world);
  const numbers = numbersFrom(SEED);
  const random = (): number => numbers() / 2 ** 32;
  const id = (): number => 1 + Math.floor(random() * 330);
  const at = (): string => `20${24 + Math.floor(random() * 2)}-0${1 + Math.floor(random() * 4)}-0${1 + Math.floor(random() * 9)} 00:00:00`;
  const statements = [
    () => `insert or replace into events (id, at, doc) values (${id()}, '${at()}', 'replaced')`,
    () => `update or replace events set id = ${id()} where id = ${id()}`,
    () => `update or replace events set id = ${id()}, at = '${at()}' where id = ${id()}`,
    () => `update events set at = '${at()}' where id between ${id()} and ${id()}`,
    () => `delete from events where id = ${id()}`,
    () => `insert into events (at, doc) values ('${at()}', 'new')`,
  ];
  for (let n = 0; n < 600; n++) world.app.exec(statements[Math.floor(random() * statements.length)]!());
  await equal(world);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, differences: 0 });
});

test('no partition is a hole in the fence, not one that came while Postgres was primary either [G8]', async () => {
  await using world = await partitionedWorld();
  const { pg } = world;
  await shadowed(world);
  const writes = ['events', 'events_2024_01', 'events_default', 'visit_2023', 'visit_default'].flatMap(name => [
    `delete from ${name}`,
    `truncate ${name}`,
  ]);
  for (const sql of writes) await expect(pg.query(sql), sql).rejects.toThrow(/ATTACCA_FENCED/);
  await pg.query('drop trigger _attacca_fence on events_2024_02');
  const open = await world.json<VerifyDocument>(4, 'verify');
  expect(open.objects).toMatchObject([{ kind: 'fence', table: 'events' }]);
  expect((await world.json<SwitchDocument>(3, 'cutover', '--dry-run')).blockers.map(({ code }) => code)).toContain('fence');
  await world.json(0, 'verify', '--repair');
  await expect(pg.query('delete from events_2024_02')).rejects.toThrow(/ATTACCA_FENCED/);

  await world.json(0, 'cutover', '--yes');
  await pg.query(`create table events_2024_04 partition of events for values from ('2024-04-01') to ('2024-05-01')`);
  await pg.query(`insert into events (at, doc) values ('2024-04-04', 'new partition')`);
  await equal(world);
  expect(await backAgain(world)).toEqual([]);
  for (const sql of ['delete from events_2024_04', 'truncate events_2024_04'])
    await expect(pg.query(sql)).rejects.toThrow(/ATTACCA_FENCED/);
});

test('a table that the application itself partitions while Postgres is primary is copied anew, and no partition is a hole in the fence, also later [G7] [G8] [G10]', async () => {
  await using world = await openWorld(build);
  const { pg, app } = world;
  const daemon = await mirroringWorld(world);
  await pg.query(`begin; alter table visit rename to visit_before; create table visit (like visit_before) partition by list (code);
    alter table visit attach partition visit_before default; alter table visit add primary key (code); commit;
    insert into visit values ('c', '2024-03-03', 3)`);
  expect(await daemon.exited).toBe(1);
  expect(daemon.log()).toMatch(/public\.visit_before, which is not in the plan[\s\S]+attacca resync/);
  await world.json(0, 'resync', '--yes');
  world.start();
  await world.until(mirrored);
  await pg.query(`create table visit_d partition of visit for values in ('d'); insert into visit values ('d', '2024-04-04', 4)`);
  await pg.query(`insert into visit_before values ('e', '2024-05-05', 5)`);
  await equal(world);
  expect(await backAgain(world)).toEqual([]);
  app.exec(`update visit set n = n + 1, code = 'x' || code where code in ('a', 'd'); delete from visit where code = 'b'`);
  await pg.query(`create table visit_f partition of visit for values in ('f')`);
  expect((await world.json<VerifyDocument>(4, 'verify')).objects).toMatchObject([{ kind: 'fence', table: 'visit' }]);
  await world.json(0, 'verify', '--repair');
  for (const name of ['visit', 'visit_before', 'visit_d', 'visit_f'])
    await expect(pg.query(`delete from ${name}`), name).rejects.toThrow(/ATTACCA_FENCED/);
  await world.json(0, 'cutover', '--yes');
  await world.until(mirrored);
  expect(await world.differences()).toEqual([]);
  await world.json(0, 'finish', '--yes');
  expect(await pg.query('select tgname from pg_trigger where not tgisinternal')).toEqual([]);
});

test('TRUNCATE of the table reaches SQLite; of a partition it does not, which refuses a rollback until the mirror is copied anew [G9] [G10]', async () => {
  await using world = await partitionedWorld();
  const { pg } = world;
  const daemon = await mirroringWorld(world);
  await pg.query('truncate visit');
  await expect.poll(() => world.app.prepare('select count(*) from visit').pluck().get(), { timeout: 30_000 }).toBe(0);
  await pg.query('truncate events_2024_01; drop table events_2024_02');
  await expect.poll(() => daemon.log(), { timeout: 30_000 }).toMatch(/"tables":\[[^\]]*"events"[^\n]*rewritten in Postgres/);
  const refused = await world.run('rollback', '--yes', '--json');
  expect([refused.code, refused.stdout], refused.stderr).toEqual([3, expect.stringContaining('"differences"')]);
  await world.json(0, 'resync', '--yes');
  await world.until(mirrored);
  expect(rows(world)).toHaveLength(100);
  expect(await backAgain(world)).toEqual([]);
});

test('two rows of one id, which Postgres does not refuse, halt the mirror: neither is lost in silence [G7] [G10]', async () => {
  await using world = await partitionedWorld();
  const { pg } = world;
  const daemon = await mirroringWorld(world);
  await pg.query(`insert into events (id, at, doc) values (1, '2024-02-02 02:02:02', 'the same id')`);
  expect(await daemon.exited).toBe(1);
  expect(daemon.log()).toContain('UNIQUE constraint failed: events.id');
  await pg.query(`delete from events where doc = 'the same id'`);
});

test('finish leaves the partitions, without a trigger of attacca [G11]', async () => {
  await using world = await partitionedWorld();
  const daemon = await mirroringWorld(world);
  await world.json(0, 'finish', '--yes');
  expect(await daemon.exited).toBe(0);
  expect(await world.pg.query('select tgname from pg_trigger where not tgisinternal')).toEqual([]);
  expect(await parts(world)).toHaveLength(3);
});
