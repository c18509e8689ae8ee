/* What only a person can settle ends the pipe with its own reason, whoever waits for the pipe [G7]. */
import { expect, test } from 'vitest';
import type { SwitchDocument } from '../../src/server/documents.ts';
import { backAgain, mirroringWorld, stopDaemon } from '../support/mirroring.ts';
import { buildShop } from '../support/shop.ts';
import { caughtUp, openWorld, type World } from '../support/world.ts';

const STOPPING = { quarantine: { policy: 'stop', afterRows: 0 } };
const POISON = "update orders set total = 'much' where id = 1"; // its column holds numbers
const STOPPED = /1 rows would be in quarantine, the last of them from orders; the limit is 0/;

async function reasonInStatus(world: World): Promise<string | undefined> {
  const { halt } = await world.json<{ halt: { reason: string } | null }>(0, 'status');
  return halt?.reason;
}

test('a row that stops the pipe stops `sync --once` and the daemon with its reason, and a cutover [G9]', async () => {
  await using world = await openWorld(buildShop(20), STOPPING);
  await world.json(0, 'sync', '--once');
  world.app.exec(POISON);
  const once = await world.run('sync', '--once');
  expect(once.code).toBe(1);
  expect(once.stderr).toMatch(STOPPED);
  const daemon = world.start();
  expect(await daemon.exited).toBe(1);
  expect(daemon.log()).toMatch(STOPPED);
  expect(daemon.log()).not.toContain('restarting');
  expect(await reasonInStatus(world)).toMatch(STOPPED);
  const { blockers } = await world.json<SwitchDocument>(3, 'cutover', '--dry-run');
  expect(blockers).toContainEqual(expect.objectContaining({ code: 'stopped', reason: expect.stringMatching(STOPPED) }));
});

test('so it does before the first copy has caught up', async () => {
  await using world = await openWorld(buildShop(20), STOPPING);
  await world.start('snapshot.write:after').exited;
  world.app.exec(POISON);
  const daemon = world.start();
  expect(await daemon.exited).toBe(1);
  expect(daemon.log()).toMatch(STOPPED);
  expect(daemon.log()).not.toContain('restarting');
});

test('a daemon that is at work has not halted, in the first copy either, whatever the one before ended with [G7]', async () => {
  await using world = await openWorld(buildShop(2_000), { snapshot: { rowsPerSecond: 1 }, http: { port: 0 } });
  const copying = () => world.until(({ phase, tables }) => phase === 'copying' && tables.some(({ rows }) => rows > 0));
  const first = world.start();
  await copying();
  first.process.kill('SIGKILL');
  await first.exited;
  await world.pg.query(`update attacca.control set halt_reason = 'it was full', halt_hint = 'make room'`);
  expect(await reasonInStatus(world)).toBe('it was full');
  world.start();
  const { halt, daemon } = await copying();
  expect(halt).toBeNull();
  expect((await fetch(`${daemon?.dashboard}readyz`)).status).toBe(200);
});

test('a schema that Postgres cannot follow halts with what stands in the way', async () => {
  await using world = await openWorld(buildShop(20));
  const daemon = world.start();
  await world.until(caughtUp);
  await world.pg.query('create view loyal as select vip from customer');
  world.app.exec('alter table customer drop column vip');
  expect(await daemon.exited).toBe(1);
  expect(daemon.log()).toContain('somebody made objects in Postgres that stand in the way');
  expect(daemon.log()).not.toContain('restarting');
  expect(await reasonInStatus(world)).toMatch(/view \S*loyal depends on column vip/);
});

test('where the mirror has halted, `finish` is a way out [G11]', async () => {
  await using world = await openWorld(buildShop(20));
  await mirroringWorld(world);
  await stopDaemon(world);
  await world.pg.query(`select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()`);
  const once = await world.run('sync', '--once');
  expect(once.code).toBe(1);
  expect(once.stderr).toMatch(/slot \S+ does not exist[\s\S]+attacca finish/);
  await world.json(0, 'finish', '--yes');
  expect(() => world.app.exec("insert into log values ('late', 1)")).toThrow('ATTACCA_FENCED');
  expect(await world.pg.query("select 1 from pg_namespace where nspname = 'attacca'")).toEqual([]);
});

test('a table that somebody drops in the fenced file halts the mirror by name; made again it comes back, and without it `finish` is a way out [G7] [G11]', async () => {
  await using world = await openWorld(buildShop(20));
  const daemon = await mirroringWorld(world);
  const [made] = world.app.prepare<[], string>("select sql from sqlite_schema where name = 'line'").pluck().all();
  world.app.exec('drop table line');
  expect(await daemon.exited).toBe(1);
  expect(daemon.log()).toMatch(/no longer has "line": dropped or renamed[\s\S]+attacca resync[\s\S]+attacca finish/);
  world.app.exec(made ?? '');
  await world.json(0, 'resync', '--yes');
  const again = world.start();
  expect(await backAgain(world)).toEqual([]);

  await world.json(0, 'cutover', '--yes');
  world.app.exec('alter table orders drop column photo');
  await world.pg.query('update orders set total = 1 where id = 1');
  expect(await again.exited).toBe(1);
  expect(again.log()).toMatch(/no such column: "?photo[\s\S]+undo that[\s\S]+attacca finish/);
  world.app.exec('drop table line');
  await world.json(0, 'finish', '--yes');
  expect(() => world.app.exec("insert into log values ('late', 1)")).toThrow('ATTACCA_FENCED');
});

test('so it is where the application has renamed or dropped tables in Postgres, and none of them keeps anything of attacca [G11]', async () => {
  await using world = await openWorld(buildShop(20));
  const daemon = await mirroringWorld(world);
  await world.pg.query('alter table log rename to messages; drop table line');
  expect(await daemon.exited).toBe(1);
  await world.json(0, 'finish', '--yes');
  const ours = `select attname from pg_attribute where attname like '\\_attacca%' and not attisdropped union all select tgname from pg_trigger where tgname like '\\_attacca%'`;
  expect(await world.pg.query(ours)).toEqual([]);
  expect(await world.pg.query(`select relreplident as identity from pg_class where relname = 'messages'`)).toEqual([{ identity: 'd' }]);
});
