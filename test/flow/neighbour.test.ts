/* What the application feels of a daemon that works beside it [G6]. Sizes for CI; ATTACCA_ROWS=500000 for a long look. */
import { statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { insertEvents, SCHEMA } from '../bench/support/data.ts';
import { startWriter } from '../bench/support/live.ts';
import { median } from '../bench/support/report.ts';
import { openWorld, type World } from '../support/world.ts';

const ROWS = Number(process.env.ATTACCA_ROWS ?? 20_000);
const MB = 2 ** 20;

const shadowing = async (world: World): Promise<void> => {
  world.start();
  await world.until(({ phase, lag }) => phase === 'shadowing' && lag?.changes === '0');
};

async function application(mode: 'wal' | 'delete'): Promise<World> {
  const world = await openWorld(db => {
    db.pragma(`journal_mode = ${mode}`);
    db.exec(SCHEMA);
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
  const { writes, took } = await writer.stop();
  expect(writes).toBeGreaterThan(0);
  expect(Math.max(...took)).toBeLessThan(5_000); // a usual busy timeout
  await world.json(0, 'verify');
});

test('while it tails and compares, commits take as long as before, and the WAL stays small [G6]', async () => {
  await using world = await application('wal');
  const writing = { source: world.source, perSecond: 500, seconds: 3, updates: true };
  const alone = await observed(world, () => startWriter(writing).done);
  await shadowing(world);
  const writer = startWriter({ ...writing, seconds: 60 });
  const beside = await observed(world, async () => {
    for (let round = 0; round < 2; round++) await world.json(0, 'verify');
    return await writer.stop();
  });
  expect(median(beside.result.took)).toBeLessThan(1.5 * median(alone.result.took) + 0.1);
  expect(beside.wal).toBeLessThan(alone.wal + 16 * MB);
});

/** The largest that the WAL file was meanwhile, in bytes. */
async function observed<T>(world: World, work: () => Promise<T>): Promise<{ readonly result: T; readonly wal: number }> {
  let wal = 0;
  const look = (): void => {
    wal = Math.max(wal, statSync(`${world.source}-wal`, { throwIfNoEntry: false })?.size ?? 0);
  };
  const timer = setInterval(look, 5);
  try {
    const result = await work();
    look();
    return { result, wal };
  } finally {
    clearInterval(timer);
  }
}
