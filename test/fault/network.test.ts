import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { testPostgres } from '../support/postgres.ts';
import { type BadNetwork, startProxy } from '../support/proxy.ts';
import { numbersFrom } from '../support/random.ts';
import { SEED } from '../support/seed.ts';
import { buildShop, writeSome } from '../support/shop.ts';
import { caughtUp, isRunning, openWorld } from '../support/world.ts';

const FAULTS: readonly ((proxy: BadNetwork) => Promise<void> | void)[] = [
  proxy => proxy.cut(),
  proxy => proxy.halfClose('server'),
  proxy => proxy.halfClose('client'),
  async proxy => {
    proxy.stall();
    await delay(4_500); // longer than the limit in the URL
    proxy.heal();
  },
];

/** Postgres behind a proxy; a query that gets no answer for three seconds has failed. */
async function behindProxy(size: number) {
  const pg = await testPostgres();
  const direct = new URL(pg.url);
  const proxy = await startProxy({ host: direct.hostname, port: Number(direct.port) });
  const url = Object.assign(new URL(pg.url), { port: String(proxy.port), search: '?query_timeout=3000&connect_timeout=6' });
  const config = { target: url.href, snapshot: { parallelChunks: 2, chunkRows: 100 } };
  return { proxy, world: await openWorld(buildShop(size), config, { server: pg }) };
}

test('a network that cuts, stalls and half-closes, while copying and in small and large batches: both sides are equal in the end [G2]', async () => {
  const { proxy, world } = await behindProxy(4_000);
  await using _world = world;
  await using _proxy = proxy;
  const daemon = world.start();
  const numbers = numbersFrom(SEED);
  await expect.poll(() => daemon.log(), { interval: 10 }).toMatch(/preparing/);
  for (let round = 0; round < 10; round++) {
    writeSome(world.app, 20);
    if (round % 3 === 2) world.app.prepare(`update log set message = message || '.'`).run();
    await delay(numbers() % 250);
    await FAULTS[round % FAULTS.length]!(proxy);
    if (round === 4) await world.until(caughtUp);
  }
  await world.until(caughtUp);
  expect(isRunning(daemon), 'it went on by itself').toBe(true);
  expect(await world.differences()).toEqual([]);
});

test('one that breaks before anything is installed ends the daemon, which does not say that it tries again [G7]', async () => {
  await using world = await openWorld(buildShop(5));
  await world.pg.query(`create function break_off() returns event_trigger language plpgsql as
    $$ begin perform pg_terminate_backend(pg_backend_pid()); end $$`);
  await world.pg.query('create event trigger break_off on ddl_command_start execute function break_off()');
  const daemon = world.start();
  expect(await daemon.exited).toBe(1);
  expect(daemon.log()).toMatch(/the connection to Postgres failed|SQLSTATE 57P01/);
  expect(daemon.log()).not.toContain('by itself');
});

test('a connection that keeps silent for good is given up, and the daemon can be stopped meanwhile [G7]', async () => {
  const { proxy, world } = await behindProxy(50);
  await using _world = world;
  await using _proxy = proxy;
  const daemon = world.start();
  await world.until(caughtUp);
  proxy.stall();
  writeSome(world.app, 3);
  await expect.poll(() => daemon.log()).toMatch(/the connection to Postgres failed.+restarting until it works/);
  daemon.process.kill('SIGTERM');
  expect(await daemon.exited).toBe(0);
});
