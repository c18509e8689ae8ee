import type Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { ownPostgres } from '../support/postgres.ts';
import { buildShop, writeSome } from '../support/shop.ts';
import { caughtUp, openWorld } from '../support/world.ts';

const marks = (app: Database.Database): number => Number(app.prepare('select count(*) from _attacca_journal').pluck().get());

test('while Postgres is away the journal stays bounded, also if the daemon dies at it, and nothing is lost [G1] [G2]', async () => {
  await using server = await ownPostgres();
  await using world = await openWorld(buildShop(300), { journal: { maxMarks: 2_000 } }, { server });
  const flood = (): void => void world.app.prepare('update log set message = message || 1').run();
  const first = world.start('compact.step:after#2');
  await world.until(caughtUp);
  await server.crash();
  writeSome(world.app, 20);
  while (first.process.signalCode === null) {
    flood();
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  expect(first.process.signalCode).toBe('SIGKILL');
  writeSome(world.app, 5);

  await server.start();
  const second = world.start();
  await world.until(caughtUp);
  expect(await world.differences()).toEqual([]);

  const flooded = (): string => {
    flood();
    return second.log();
  };
  await server.crash();
  await expect.poll(flooded, { interval: 20 }).toContain('journal compacted');
  expect(marks(world.app)).toBeLessThan(20_000);
  await server.start();
  const { journal } = await world.until(caughtUp);
  expect(journal?.maxMarks).toBe(2_000);
  expect(await world.differences()).toEqual([]);
});

test('a daemon that was off while the journal grew compacts it when it comes back [G1]', async () => {
  await using world = await openWorld(buildShop(300), { journal: { maxMarks: 2_000 } });
  const first = world.start();
  await world.until(caughtUp);
  first.process.kill('SIGTERM');
  await first.exited;
  for (let i = 0; i < 10; i++) world.app.prepare('update log set message = message || 1').run();
  writeSome(world.app, 5);

  const { stdout } = await world.run('status');
  expect(stdout).toMatch(/journal .* marks wait of at most 2000: NEARLY FULL/);
  const second = world.start();
  await world.until(caughtUp);
  expect(second.log()).toContain('journal compacted');
  expect(await world.differences()).toEqual([]);
});
