/*
 * `kill -9` of the daemon at named points, then a restart. The points are before and after every call of a port
 * (src/cli/engine/points.ts); the process kills itself there, so nothing runs that would not after a real kill.
 */
import { expect, test } from 'vitest';
import type { StatusDocument } from '../../src/server/documents.ts';
import { SEED } from '../support/seed.ts';
import { buildShop, writeSome } from '../support/shop.ts';
import { caughtUp, flagOf, isRunning, openWorld, type World } from '../support/world.ts';
import { CUTOVER, MIRRORING, ROLLBACK } from './points.ts';

const SIZE = 300;
/** A machine that is busy with other things must not keep a switch from beginning. */
const small = { snapshot: { parallelChunks: 2, chunkRows: 100 }, cutover: { maxLagMs: 60_000, maxPauseMs: 30_000 } };

/** Another third of the points in each run; `npm run test:cells` meets every step. */
const third = <T>(points: readonly T[]): T[] => points.filter((_, index) => (index + SEED) % 3 === 0);

const mirroring = ({ phase, lag }: StatusDocument): boolean => phase === 'mirroring' && lag?.ms !== null && (lag?.ms ?? 9e9) < 1_000;

test.each([
  'snapshot.write:before',
  'snapshot.write:after',
  'snapshot.write:before#4',
  'snapshot.write:after#9',
  'postgres.apply:before',
  'postgres.apply:after',
  'postgres.apply:after#3',
])('killed at %s while copying and tailing, the sides are equal after a restart [G2]', async point => {
  await using world = await openWorld(buildShop(SIZE), small);
  const first = world.start(point);
  const writing = write(world, () => isRunning(first));
  await first.exited;
  await writing;
  expect(first.process.signalCode).toBe('SIGKILL');

  world.start();
  writeSome(world.app, 5);
  await world.until(caughtUp);
  expect(await world.differences()).toEqual([]);
});

test.each(third(CUTOVER))('killed at %s in a cutover, a restart leaves exactly one side open: %s [G8]', async (point, primary) => {
  await using world = await openWorld(buildShop(SIZE), small);
  const first = world.start(point);
  await world.until(caughtUp);
  writeSome(world.app, 3);
  await world.json(0, 'verify');
  const writing = write(world, () => isRunning(first));
  const ran = await world.run('cutover', '--yes');
  expect(ran.code, ran.stderr).toBe(1);
  await first.exited;
  await writing;
  expect(first.process.signalCode).toBe('SIGKILL');

  world.start();
  await world.until(primary === 'sqlite' ? caughtUp : mirroring);
  await onlyOpen(world, primary);
});

test.each(third([...MIRRORING, ...ROLLBACK]))(
  'killed at %s while mirroring or in a rollback, a restart leaves exactly one side open: %s [G10]',
  async (point, primary) => {
    await using world = await openWorld(buildShop(SIZE), small);
    const first = world.start();
    await world.until(caughtUp);
    await world.json(0, 'verify');
    await world.json(0, 'cutover', '--yes');
    first.process.kill('SIGTERM');
    await first.exited;

    const second = world.start(point);
    await world.pg.query(`update customer set note = 't:written in postgres' where id <= 10`);
    await world.pg.query(`insert into log (message, at) values ('only in postgres', 77)`);
    if (!point.startsWith('mirror')) {
      await world.until(mirroring);
      await world.run('verify');
      await world.run('rollback', '--yes');
    }
    await second.exited;
    expect(second.process.signalCode).toBe('SIGKILL');

    world.start();
    await world.until(primary === 'sqlite' ? caughtUp : mirroring);
    await onlyOpen(world, primary);
  },
);

/** One side takes a write and passes it on, the other refuses; the flag says the same; then both are equal. */
async function onlyOpen(world: World, primary: 'sqlite' | 'postgres'): Promise<void> {
  const sqlite = (): unknown => world.app.prepare(`insert into log values ('last', 1)`).run();
  const postgres = (): Promise<unknown> => world.pg.query(`insert into log (message, at) values ('last', 1)`);
  if (primary === 'sqlite') {
    sqlite();
    await expect(postgres()).rejects.toThrow(/ATTACCA_FENCED/);
    await world.until(caughtUp);
    const slots = await world.pg.query('select slot_name from pg_replication_slots where database = current_database()');
    expect(slots, 'a slot that nobody reads would keep WAL until the disk is full').toEqual([]);
  } else {
    await postgres();
    expect(sqlite).toThrow(/ATTACCA_FENCED/);
    expect(flagOf(world)).toBe('postgresql');
    await expect.poll(() => world.app.prepare(`select count(*) from log where message = 'last'`).pluck().get()).toBe(1);
  }
  expect(await world.differences()).toEqual([]);
}

/** Writes while `running` says so, a little at a time, until the fence refuses it. */
async function write(world: World, running: () => boolean): Promise<void> {
  while (running()) {
    try {
      writeSome(world.app, 2);
    } catch (error) {
      if (!String(error).includes('ATTACCA_FENCED')) throw error;
      return;
    }
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
