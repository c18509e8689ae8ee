import { expect, test } from 'vitest';
import type { SwitchDocument } from '../../src/server/documents.ts';
import { ownPostgres } from '../support/postgres.ts';
import { buildShop, writeSome } from '../support/shop.ts';
import { caughtUp, openWorld, type World } from '../support/world.ts';

const SLOW = { snapshot: { rowsPerSecond: 1 } };
const AS_CONFIGURED = { rowsPerSecond: 1, nice: 0, chunkRows: 20_000, paused: false };

const copying = (world: World) => world.until(({ phase, tables }) => phase === 'copying' && tables.some(({ rows }) => rows > 0));

async function blockers(world: World, ...words: string[]) {
  return (await world.json<SwitchDocument>(3, ...words)).blockers;
}

test('a copy that would take hours is let go while it runs [G6]', async () => {
  await using world = await openWorld(buildShop(2_000), SLOW);
  expect((await world.run('throttle', '--rows-per-second', '5')).code, 'nobody is there to be throttled').toBe(3);
  world.start();
  await copying(world);
  expect(await world.json(0, 'throttle')).toEqual(AS_CONFIGURED);
  const free = { rowsPerSecond: null, nice: 0.1, chunkRows: 150, paused: false };
  expect(await world.json(0, 'throttle', '--rows-per-second', 'off', '--nice', '0.1', '--chunk-rows', '150')).toEqual(free);
  const { throttle } = await world.until(caughtUp);
  expect(throttle).toEqual(free);
  expect(await world.differences()).toEqual([]);
});

test('a paused copy stands still and says so, to whoever waits for it too; what was turned outlives a lost Postgres [G6] [G9]', async () => {
  await using server = await ownPostgres();
  await using world = await openWorld(buildShop(2_000), SLOW, { server });
  world.start();
  await copying(world);
  await world.json(0, 'throttle', '--pause', '--rows-per-second', 'off', '--chunk-rows', '100');
  await server.crash();
  await server.start();
  const { phase, throttle } = await world.until(({ daemon }) => daemon !== null);
  expect({ phase, throttle }).toEqual({ phase: 'copying', throttle: { rowsPerSecond: null, nice: 0, chunkRows: 100, paused: true } });
  expect((await world.run('status')).stdout).toMatch(/throttle +PAUSED until `attacca throttle --resume`/);
  expect(await blockers(world, 'cutover', '--dry-run')).toMatchObject([
    { code: 'phase', remedy: expect.stringContaining('attacca throttle --resume') },
  ]);
  for (const words of [['verify'], ['resync', '--yes'], ['quarantine', 'retry'], ['plan', '--widen']])
    expect(
      (await blockers(world, ...words)).map(({ code }) => code),
      words.join(' '),
    ).toEqual(['paused']);
  writeSome(world.app, 20); // nobody keeps the application waiting
  expect((await world.json<{ phase: string }>(0, 'status')).phase, 'at full speed it would be over').toBe('copying');

  await world.json(0, 'throttle', '--resume');
  await world.until(caughtUp);
  expect(await world.differences()).toEqual([]);
  expect(await blockers(world, 'throttle', '--pause')).toMatchObject([{ code: 'phase' }]);
  expect(await world.json(0, 'throttle')).toMatchObject({ paused: false });
});

test('who waits for the copy already when it is paused is refused then, and waits no longer [G9]', async () => {
  await using world = await openWorld(buildShop(2_000), SLOW);
  world.start();
  await copying(world);
  const waiting = blockers(world, 'verify');
  await world.until(({ timeline }) => timeline.some(({ event }) => event === 'asked: verify'));
  await world.json(0, 'throttle', '--pause');
  expect(await waiting).toMatchObject([{ code: 'paused', remedy: expect.stringContaining('attacca throttle --resume') }]);
  await world.json(0, 'throttle', '--resume', '--rows-per-second', 'off');
  await world.json(0, 'verify');
});

test('whoever has paused the copy may stop the daemon, which then goes on as configured, or give up [G11]', async () => {
  await using world = await openWorld(buildShop(2_000), SLOW);
  const first = world.start();
  await copying(world);
  await world.json(0, 'throttle', '--pause');
  first.process.kill('SIGTERM');
  expect(await first.exited).toBe(0);
  expect(await world.json(0, 'status'), 'it was stopped, and has not halted').toMatchObject({ phase: 'copying', halt: null });
  const second = world.start();
  await copying(world);
  expect(await world.json(0, 'throttle')).toEqual(AS_CONFIGURED);
  await world.json(0, 'throttle', '--pause');
  await world.json(0, 'uninstall', '--yes');
  expect(await second.exited).toBe(0);
  expect(world.app.prepare("select name from sqlite_schema where name glob '_attacca*'").all()).toEqual([]);
});
