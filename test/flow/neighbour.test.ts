/* What the application feels of a daemon that works beside it [G6]. How much slower its commits are is measured by `npm run bench -- neighbour`. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { insertEvents, schema } from '../bench/support/data.ts';
import { startWriter } from '../bench/support/live.ts';
import { caughtUp, openWorld, type World } from '../support/world.ts';

const ROWS = 20_000;

const shadowing = async (world: World): Promise<void> => {
  world.start();
  await world.until(caughtUp);
};

async function application(mode: 'wal' | 'delete'): Promise<World> {
  const world = await openWorld(db => {
    db.pragma(`journal_mode = ${mode}`);
    db.exec(schema());
    db.exec(insertEvents(ROWS, 1));
  });
  await world.json(0, 'sync', '--once');
  return world;
}

test('in rollback-journal mode a large backlog is read without failing one write of the application [G6]', async () => {
  await using world = await application('delete');
  world.app.exec('update events set score = score + 1');
  const writer = startWriter({ source: world.source, perSecond: 10, seconds: 60, updates: true }); // it ends at its first failure
  await shadowing(world);
  expect((await writer.stop()).writes).toBeGreaterThan(0);
  await world.json(0, 'verify');
});

test('while it tails and compares, no reader stays: the WAL is written from its beginning again and again [G6]', async () => {
  await using world = await application('wal');
  await shadowing(world);
  const writer = startWriter({ source: world.source, perSecond: 500, seconds: 3_600, updates: true });
  for (let round = 0; round < 2; round++) {
    await world.json(0, 'verify');
    const before = saltOf(world);
    await expect.poll(() => saltOf(world), { interval: 5 }).not.toBe(before);
  }
  await writer.stop();
});

/** What SQLite changes in the WAL's header each time that it begins anew, which it does when nobody reads. */
const saltOf = (world: World): string => readFileSync(`${world.source}-wal`).toString('hex', 16, 24);
