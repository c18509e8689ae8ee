/* Postgres is gone for good, or for now: SQLite becomes primary without it, and whatever only it had is named when it is back. */
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { SwitchDocument } from '../../src/server/documents.ts';
import { mirrored, mirroringWorld, stopDaemon, writeInPostgres } from '../support/mirroring.ts';
import { connect, type OwnPostgres, ownPostgres } from '../support/postgres.ts';
import { buildShop, writeSome } from '../support/shop.ts';
import { attacca, caughtUp, flagOf, openWorld, type World } from '../support/world.ts';

const LOST = /* sql */ `select table_name as "table", op, key::text, "row"->>'message' as message from attacca.lost_change order by id`;
const INSERT = /* sql */ `insert into log (message, at) values ('only in Postgres', 4711)`;
const BREAK = /* sql */ `
  select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'attacca lost changes' and wait_event_type = 'Lock'`;
const rowsOf = (world: World, message: string): number =>
  world.app.prepare<[string], number>('select count(*) from log where message = ?').pluck().get(message)!;

/** Mirroring, with changes that the mirror has and changes that it has not; then Postgres dies. */
async function gone(server: OwnPostgres, world: World): Promise<void> {
  await mirroringWorld(world);
  await writeInPostgres(world, 2);
  await world.pg.query(`insert into log (message, at) values ('in both', 4710)`);
  await world.until(mirrored);
  await expect.poll(() => rowsOf(world, 'in both')).toBe(1);
  await stopDaemon(world);
  await world.pg.query(INSERT);
  await world.pg.query(`update log set message = 'changed there' where at = 4710`);
  await world.pg.query(`delete from line where order_id = 7`);
  await world.pg.query('drop trigger _attacca_fence on customer');
  await server.crash();
}

/** Postgres is back, and so is the daemon: fenced, named, equal. `late`: what was committed there when it was fenced already. */
async function back(world: World, ...late: string[]): Promise<void> {
  await world.until(caughtUp);
  for (const write of [INSERT, 'update customer set vip = false'])
    await expect(world.pg.query(write)).rejects.toThrow(/ATTACCA_FENCED epoch=3 primary=sqlite/);
  expect(await world.pg.query(LOST)).toEqual([
    { table: 'log', op: 'insert', key: null, message: 'only in Postgres' },
    { table: 'log', op: 'update', key: expect.stringContaining('_attacca_rowid'), message: 'changed there' },
    { table: 'line', op: 'delete', key: '{"order_id":"7","n":"1"}', message: null },
    ...late.map(message => ({ table: 'log', op: 'insert', key: null, message })),
  ]);
  await expect.poll(() => world.differences()).toEqual([]);
  expect([flagOf(world), rowsOf(world, 'in both'), rowsOf(world, 'only in Postgres')]).toEqual(['sqlite', 1, 0]);
  expect(await world.pg.query('select 1 from pg_replication_slots')).toEqual([]);
  writeSome(world.app, 3);
  await world.until(caughtUp);
  await world.json(0, 'verify');
}

test('while Postgres answers, or SQLite is primary already, nothing is lost for nothing [G10]', async () => {
  await using server = await ownPostgres();
  await using world = await openWorld(buildShop(60), {}, { server });
  await mirroringWorld(world);
  await world.json(3, 'rollback', '--accept-loss', '--yes'); // Postgres answers: a plain rollback loses nothing
  await world.json(0, 'rollback', '--yes');
  await world.until(caughtUp);
  await stopDaemon(world);
  await world.json(3, 'rollback', '--accept-loss', '--yes');
});

test('one that is stopped: SQLite opens, Postgres is fenced when it returns, what only it had is named, copied from SQLite, and a cutover is possible again [G8] [G9] [G10]', async () => {
  await using server = await ownPostgres();
  await using world = await openWorld(buildShop(60), {}, { server });
  await gone(server, world);
  expect(await world.json(1, 'rollback', '--yes')).toMatchObject({ hint: expect.stringContaining('`attacca rollback --accept-loss`') });
  expect((await world.run('rollback', '--accept-loss')).code, 'it asks').toBe(2);
  const dry = await world.run('rollback', '--accept-loss', '--dry-run');
  expect(dry.code, dry.stderr).toBe(0);
  expect(dry.stderr).toMatch(
    /SQLite holds everything that PostgreSQL had committed by \d{4}-\S+Z, \d+ s ago \(position [0-9A-F]+\/[0-9A-F]+\)/,
  );
  expect(() => world.app.exec(`insert into log values ('x', 1)`)).toThrow(/ATTACCA_FENCED/);

  const opened = await world.json<SwitchDocument>(0, 'rollback', '--accept-loss', '--yes');
  expect(opened).toMatchObject({ ok: true, primary: 'sqlite', epoch: '3', loss: { after: expect.stringMatching(/Z$/) } });
  expect(flagOf(world)).toBe('sqlite');
  writeSome(world.app, 5);
  world.app.exec(`insert into log values ('before Postgres returned', 1)`);

  await server.start();
  const slow = await connect(world.pg.url);
  await slow.query(`begin; insert into log (message, at) values ('begun before the fence', 4712)`);
  const other = await connect(world.pg.url);
  await other.query('begin; create table attacca.lost_change ()');
  world.start();
  await expect.poll(() => world.pg.query(`select from pg_locks where not granted`)).not.toEqual([]);
  await slow.query('commit');
  await slow.end();
  await expect.poll(() => world.pg.query(BREAK)).toHaveLength(1); // which is no reason to know nothing
  await other.end();
  await back(world, 'begun before the fence');
  world.app.exec('alter table log add column since'); // the next mirror has it from the beginning
  await expect.poll(() => world.pg.query(`select from information_schema.columns where column_name = 'since'`)).toHaveLength(1);
  await world.until(caughtUp);
  await world.json(0, 'cutover', '--yes');
  await world.until(mirrored);
  await world.pg.query(INSERT);
  await world.json(0, 'rollback', '--yes');
  await world.until(caughtUp);
  expect(rowsOf(world, 'only in Postgres')).toBe(1);
});

test('a crash at any step of it goes on where it was, the daemon’s included [G2] [G8]', async () => {
  await using server = await ownPostgres();
  await using world = await openWorld(buildShop(60), {}, { server });
  await gone(server, world);
  const config = ['--config', `${world.folder}/attacca.config.json`];
  const died = (point: string) => attacca(['rollback', '--accept-loss', '--yes', ...config], { env: { ATTACCA_DIE_AT: point } });
  expect((await died('accept.commit:before')).stderr).toContain('died at');
  expect(() => world.app.exec(`insert into log values ('x', 1)`)).toThrow(/ATTACCA_FENCED/);
  expect((await died('accept.commit:after')).stderr).toContain('died at');
  world.app.exec(`insert into log values ('open', 1)`);
  expect(flagOf(world)).toBe('postgresql');
  await world.json(0, 'rollback', '--accept-loss', '--yes'); // once more: it only writes the flag
  expect(flagOf(world)).toBe('sqlite');

  await server.start();
  for (const point of [
    'loss.fence:before',
    'loss.fence:after',
    'loss.move:before',
    'loss.move:after',
    'loss.follow:before',
    'loss.follow:after',
  ]) {
    const daemon = world.start(point);
    await daemon.exited;
    expect(daemon.log()).toContain(`died at ${point}`);
    if (point !== 'loss.fence:before') await expect(world.pg.query(INSERT)).rejects.toThrow(/ATTACCA_FENCED/);
  }
  world.start();
  await back(world);
});

test('its epoch is beyond that of a rollback which had begun, also where that went on from a flag that stood further [G8]', async () => {
  await using server = await ownPostgres();
  await using world = await openWorld(buildShop(60), {}, { server });
  await mirroringWorld(world);
  await stopDaemon(world);
  writeFileSync(world.flag, 'DB_TYPE=postgresql\nDB_TYPE_EPOCH=9\n');
  await world.pg.query(`update attacca.control set phase = 'fencing_back', epoch = 10`);
  await server.crash();
  const { epoch } = await world.json<SwitchDocument>(0, 'rollback', '--accept-loss', '--yes');
  expect(epoch).toBe('11');
  await server.start();
  await world.pg.query('select pg_drop_replication_slot(slot_name) from pg_replication_slots');
  world.start();
  const { verification } = await world.until(caughtUp);
  expect(verification.fullAt, 'what was compared before says nothing now').toBeNull();
  expect(world.daemon().log()).toMatch(/slot[^\n]+does not exist[^\n]+nobody can tell which changes only Postgres had/);
  await expect(world.pg.query(INSERT)).rejects.toThrow(/ATTACCA_FENCED epoch=11 primary=sqlite/);
  expect(await world.differences()).toEqual([]);
});

test('whoever follows a flag that is in Postgres hears nothing of it, which is said before', async () => {
  await using world = await openWorld(buildShop(20), { flag: { kind: 'postgres' } });
  await world.pg.query('create table app_flag (name text primary key, value text not null, epoch bigint not null default 0)');
  await mirroringWorld(world);
  await stopDaemon(world);
  const dry = await world.run('rollback', '--accept-loss', '--dry-run', '--target', 'postgresql://nobody@127.0.0.1:1/gone');
  expect([dry.code, dry.stderr]).toEqual([0, expect.stringContaining('point the application at SQLite by hand')]);
});
