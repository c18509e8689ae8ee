import { expect, test } from 'vitest';
import type { Phase } from '../../src/cutover/phase.ts';
import type { StatusDocument, SwitchDocument } from '../../src/server/documents.ts';
import { backAgain, mirrored, mirroringWorld, writeInPostgres } from '../support/mirroring.ts';
import { buildShop, writeSome } from '../support/shop.ts';
import { hasStandby, standbyPair } from '../support/standby.ts';
import { caughtUp, flagOf, openWorld, type World } from '../support/world.ts';

test.skipIf(!hasStandby)(
  'a failover to a standby without the slot, and without the last commits, is noticed and resynced [G7] [G10]',
  async () => {
    await using pair = await standbyPair();
    await using world = await openWorld(buildShop(50), {}, { server: pair });
    const daemon = await mirroringWorld(world);
    await writeInPostgres(world, 3);
    await pair.caughtUp();
    await pair.cutOff();
    await writeInPostgres(world, 3); // these reach the mirror, not the standby
    await world.until(mirrored);
    await expect.poll(() => world.differences()).toEqual([]);

    await pair.failOver(() => waited(world));
    expect(await daemon.exited, daemon.log()).toBe(1);
    expect(daemon.log()).toMatch(/the mirror follows server \d+ on timeline 1, this is \d+ on 2/);
    expect((await world.json<StatusDocument>(0, 'status')).slot?.alarm).toContain('not there');
    expect(await world.differences()).not.toEqual([]);

    await world.json(0, 'resync', '--yes');
    expect(await world.differences()).toEqual([]);
    world.start();
    await writeInPostgres(world, 3);
    expect(await backAgain(world)).toEqual([]);
  },
);

/** The daemon has met a standby, and waits for it to be promoted. */
async function waited(world: World): Promise<void> {
  const lives = (): number => world.daemon().log().split('"restarting"').length;
  const before = lives();
  await expect.poll(lives).toBeGreaterThan(before + 1);
}

const WRITE = 'update orders set total = total + 1 where id = 1';

test.skipIf(!hasStandby)(
  'a standby that had not heard of the rollback is fenced first of all, and follows SQLite: never are both sides open for long [G8] [G10]',
  async () => {
    await using pair = await standbyPair();
    await using world = await openWorld(buildShop(50), {}, { server: pair });
    await mirroringWorld(world);
    await pair.caughtUp();
    await pair.cutOff();
    await writeInPostgres(world, 2); // these are in SQLite, and not on the standby
    expect(await backAgain(world)).toEqual([]);
    writeSome(world.app, 3);
    await world.until(caughtUp);

    await pair.failOver(() => waited(world));
    const refused = () => pair.query(WRITE).then(() => world.daemon().log(), String);
    await expect.poll(refused).toContain('ATTACCA_FENCED epoch=3 primary=sqlite');
    await expect.poll(() => world.differences().catch(String)).toEqual([]);
    await world.until(caughtUp);
    expect(world.daemon().log()).toContain('Postgres has forgotten the rollback to SQLite');
    writeSome(world.app, 3);
    await world.until(caughtUp);
    await world.json(0, 'verify');
    await world.json(0, 'cutover', '--yes');
    await world.until(mirrored);
    expect(await world.differences()).toEqual([]);
  },
);

/** The server as it was at the beginning of the last switch: in that phase, with the fence as it stood then. */
async function forgetting(world: World, phase: Phase, change: () => Promise<unknown>): Promise<void> {
  const [{ fence }] = (await world.pg.query(`select pg_get_functiondef('attacca.fence'::regproc) as fence`)) as [{ fence: string }];
  await change();
  world.daemon().process.kill('SIGTERM');
  await world.daemon().exited;
  await world.pg.query(fence);
  await world.pg.query('update attacca.control set phase = $1', [phase]);
}

test('a server that has heard the beginning of a rollback, and not its end, is fenced and follows SQLite [G8] [G10]', async () => {
  await using world = await openWorld(buildShop(20));
  await mirroringWorld(world);
  await forgetting(world, 'verifying_back', () => backAgain(world));
  await world.pg.query(WRITE); // as open as SQLite
  writeSome(world.app, 3);
  const record = () => world.app.prepare('select * from _attacca_control').all();
  const [{ install }] = record() as [{ install: string }];
  const rename = world.app.prepare('update _attacca_control set install = ?');

  rename.run('another');
  const foreign = record();
  world.start();
  expect(await world.daemon().exited, 'a file of another installation is not the truth here').toBe(1);
  expect(record()).toEqual(foreign);
  rename.run(install);

  world.start();
  await world.until(caughtUp);
  expect(world.daemon().log()).toContain('Postgres has forgotten the rollback to SQLite');
  expect(world.daemon().log()).toContain('"reason":"Postgres was restored or failed over"');
  await expect(world.pg.query(WRITE)).rejects.toThrow('ATTACCA_FENCED epoch=3 primary=sqlite');
  expect(await world.differences()).toEqual([]);
});

test.each<Phase>(['draining', 'switching'])(
  'a server that has heard of a cutover up to %s halts the daemon where it is another, and SQLite can be opened [G7] [G8]',
  async phase => {
    await using world = await openWorld(buildShop(20));
    world.start();
    await world.until(caughtUp);
    await world.json(0, 'verify');
    await forgetting(world, phase, () => world.json(0, 'cutover', '--yes'));
    world.app.exec(`update _attacca_control set source = replace(source, '"timeline":', '"timeline":1')`); // of the server before

    world.start();
    expect(await world.daemon().exited, world.daemon().log()).toBe(1);
    expect(world.daemon().log()).toMatch(/Postgres has forgotten the cutover of epoch 1[\s\S]+--accept-loss/);
    await world.json(0, 'rollback', '--accept-loss', '--yes');
    writeSome(world.app, 3);
    world.start();
    await world.until(caughtUp);
    expect(await world.differences()).toEqual([]);
  },
);

test.skipIf(!hasStandby)(
  'a standby that had not heard of the cutover halts the daemon, and SQLite, which has everything, can be opened without it [G7] [G8] [G10]',
  async () => {
    await using pair = await standbyPair();
    await using world = await openWorld(buildShop(50), {}, { server: pair });
    world.start();
    await world.until(caughtUp);
    await world.json(0, 'verify');
    await pair.caughtUp();
    await pair.cutOff();
    await world.json(0, 'cutover', '--yes');
    await world.until(mirrored);
    await writeInPostgres(world, 3);
    const held = world.app.prepare(`select count(*) from customer where email like 'pg%'`).pluck();
    await expect.poll(() => held.get()).toBe(3);

    await pair.failOver(() => waited(world));
    expect(await world.daemon().exited, world.daemon().log()).toBe(1);
    expect(world.daemon().log()).toMatch(/Postgres has forgotten the cutover of epoch 1[\s\S]+--accept-loss/);
    await expect(pair.query(WRITE)).rejects.toThrow('ATTACCA_FENCED');
    expect(() => world.app.exec(WRITE)).toThrow('ATTACCA_FENCED');

    expect(await world.json<SwitchDocument>(0, 'rollback', '--accept-loss', '--yes')).toMatchObject({ primary: 'sqlite', epoch: '3' });
    expect(flagOf(world)).toBe('sqlite');
    writeSome(world.app, 3);
    world.start();
    await world.until(caughtUp);
    expect(await world.differences()).toEqual([]);
    expect(held.get()).toBe(3);
    await expect(pair.query(WRITE)).rejects.toThrow('ATTACCA_FENCED epoch=3 primary=sqlite');
    await world.json(0, 'verify');
    await world.json(0, 'cutover', '--dry-run');
  },
);
