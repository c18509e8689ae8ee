import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { watchWal } from '../../../../src/cli/engine/copy/wal-watch.ts';
import { type AdjustablePace, dialOf, paceOf } from '../../../../src/replicate/pace.ts';
import { openSource } from '../../../../src/sqlite/open.ts';
import { readTransaction } from '../../../../src/sqlite/transaction.ts';

const MB = 1_048_576;

/** How large the WAL becomes while an application commits 24 MB and two readers take turns without ever leaving a gap. */
async function largest(watched: boolean): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-wal-'));
  const path = join(folder, 'app.db');
  const app = new Database(path);
  app.exec('pragma journal_mode = wal; pragma synchronous = off; create table t (v)');
  const readers = [openSource(path), openSource(path)];
  const db = openSource(path);
  const pace: AdjustablePace = paceOf({
    lanes: 2,
    allowance: { bytes: 1, ms: 1 },
    dial: dialOf({ rowsPerSecond: null, nice: 0, chunkRows: 100, paused: false }),
  });
  const over = new AbortController();
  const watching = watched ? watchWal(db, pace, over.signal, MB) : Promise.resolve();
  let held = 0;
  const read = async (reader: Database.Database): Promise<void> => {
    while (!over.signal.aborted) {
      await pace.reading(async () => {
        using _state = readTransaction(reader);
        held++;
        // It ends when the other one has begun: there is always one. In a gap there is nobody to wait for.
        for (let turn = 0; turn < 20 && !(held === 2 && turn > 3); turn++) await new Promise(setImmediate);
        held--;
      });
    }
  };
  const reading = Promise.all(readers.map(read));
  const insert = app.prepare('insert into t values (randomblob(100000))');
  for (let commit = 0; commit < 240; commit++) {
    insert.run();
    await new Promise(resolve => setTimeout(resolve, 2));
  }
  const size = statSync(`${path}-wal`).size;
  over.abort();
  await Promise.all([watching, reading]);
  for (const open of [app, db, ...readers]) open.close();
  rmSync(folder, { recursive: true });
  return size;
}

test('the WAL stays small although somebody always reads, because now and then nobody does [G6]', async () => {
  expect(await largest(false), 'without the watch it must grow, or this proves nothing').toBeGreaterThan(15 * MB);
  expect(await largest(true)).toBeLessThan(12 * MB);
});
