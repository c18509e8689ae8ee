/* What the application feels of a daemon that works beside it [G6]. How much slower its commits are is measured by `npm run bench -- neighbour`. */
import { readFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { StatusDocument } from '../../src/server/documents.ts';
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

test('Litestream, which begins while the file is shadowed, makes its backups and its checkpoints whoever is primary [G6] [G11]', async () => {
  await using world = await application('wal');
  await shadowing(world);
  using litestream = beside(world.source);
  const tables = async (): Promise<string[]> => (await world.json<StatusDocument>(0, 'status')).tables.map(({ table }) => table);
  const replicated = await tables();
  for (const primary of ['sqlite', 'postgres', 'sqlite']) {
    for (const _ of [1, 2, 3]) litestream.checkpoint();
    await world.until(status => status.primary === primary && status.halt === null);
    if (primary === 'sqlite') await world.until(caughtUp);
    await world.json(0, 'verify');
    expect(await tables()).toEqual(replicated);
    await world.json(0, primary === 'sqlite' ? 'cutover' : 'rollback', '--yes');
  }
  litestream.checkpoint();
  expect(litestream.checkpoints()).toBe(10n);
});

/** What Litestream does to a file, by its own statements: a reader that holds the WAL, let go only for a checkpoint of its own. */
function beside(source: string) {
  const db = new Database(source).defaultSafeIntegers();
  const held = new Database(source);
  db.exec(`pragma wal_autocheckpoint = 0; create table if not exists _litestream_seq (id integer primary key, seq integer);
    create table if not exists _litestream_lock (id integer)`);
  const hold = (): void => void held.exec('begin; select count(1) from _litestream_seq');
  hold();
  return {
    checkpoint(): void {
      held.exec('rollback');
      db.exec('begin; insert into _litestream_lock (id) values (1)'); // takes the write lock
      db.exec('rollback');
      db.pragma('wal_checkpoint(passive)');
      hold();
      db.exec('insert into _litestream_seq (id, seq) values (1, 1) on conflict (id) do update set seq = seq + 1');
    },
    checkpoints: () => db.prepare('select seq from _litestream_seq').pluck().get(),
    [Symbol.dispose](): void {
      held.close();
      db.close();
    },
  };
}
