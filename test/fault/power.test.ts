import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { StatusDocument } from '../../src/server/documents.ts';
import { buildShop, writeSome } from '../support/shop.ts';
import { caughtUp, openWorld } from '../support/world.ts';

const copy = (from: string, to: string): void => void expect(spawnSync('cp', [from, to]).status).toBe(0);

/**
 * What a power failure leaves of a database with synchronous = NORMAL: the file, and a WAL that ends at an earlier commit. `again`:
 * the application then writes as much as was lost, and more, so that every number in the journal is there once more.
 */
test.each([
  ['and nobody has written since', 0],
  ['and the numbers of its marks are in use again', 30],
])('a power failure takes commits that Postgres has, %s: halted with the way on, and no difference after it [G7]', async (_, again) => {
  await using world = await openWorld(db => {
    buildShop(100)(db);
    db.pragma('wal_autocheckpoint = 0');
  });
  const first = world.start();
  await world.until(caughtUp);
  writeSome(world.app, 5);
  await world.until(caughtUp);
  const { size } = statSync(`${world.source}-wal`);
  writeSome(world.app, 10);
  await world.until(caughtUp);
  first.process.kill('SIGKILL');
  await first.exited;

  const image = mkdtempSync(join(tmpdir(), 'attacca-image-'));
  for (const end of ['', '-wal']) copy(`${world.source}${end}`, join(image, `app${end}`));
  await world.reopen(() => {
    for (const end of ['', '-wal']) copy(join(image, `app${end}`), `${world.source}${end}`);
    truncateSync(`${world.source}-wal`, size);
    rmSync(`${world.source}-shm`, { force: true });
  });
  rmSync(image, { recursive: true });
  expect(world.app.prepare('select count(*) from orders').pluck().get()).toBe(105);
  writeSome(world.app, again);

  const halted = world.start();
  expect(await halted.exited).toBe(1);
  expect(halted.log() + (await world.run('status')).stdout).toContain(
    'the SQLite file, or Postgres, was restored or lost its last commits',
  );
  const way = /`attacca (\w+)`/.exec((await world.json<StatusDocument>(0, 'status')).halt?.hint ?? '')?.[1];
  expect(way, 'the hint names the command').toBeDefined();
  expect((await world.run(way!, '--yes')).code).toBe(0);
  world.start();
  await world.until(caughtUp);
  expect(await world.differences()).toEqual([]);
});
