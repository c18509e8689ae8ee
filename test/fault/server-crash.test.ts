import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ownPostgres } from '../support/postgres.ts';
import { numbersFrom } from '../support/random.ts';
import { SEED } from '../support/seed.ts';
import { buildShop, writeSome } from '../support/shop.ts';
import { caughtUp, openWorld } from '../support/world.ts';

test('Postgres crashes in the middle of batches, again and again: it loses no change and has none twice [G2]', async () => {
  await using server = await ownPostgres();
  await using world = await openWorld(buildShop(2_000), { snapshot: { parallelChunks: 2, chunkRows: 200 } }, { server });
  const daemon = world.start();
  const numbers = numbersFrom(SEED);
  await expect.poll(() => daemon.log(), { interval: 10 }).toMatch(/preparing/);
  const done = new AbortController();
  let resting = false;
  const writing = (async () => {
    for (let n = 0; !done.signal.aborted; n++) {
      if (!resting) writeSome(world.app, 5);
      if (n % 20 === 19 && !resting) world.app.prepare(`update log set message = message || '.'`).run();
      await delay(15);
    }
  })();
  for (let round = 0; round < 6; round++) {
    await delay(100 + (numbers() % 600));
    await server.crash();
    await server.start();
    resting = round === 2; // however slow the machine is, the copy comes to its end then
    if (resting) await world.until(({ phase }) => phase === 'shadowing');
    resting = false;
  }
  done.abort();
  await writing;
  await world.until(caughtUp);
  expect(daemon.process.exitCode, 'it went on by itself').toBeNull();
  expect(await world.differences()).toEqual([]);
});
