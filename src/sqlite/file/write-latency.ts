import type { FileHandle } from 'node:fs/promises';
import { isTransient } from '../../change/errors.ts';
import type { Database } from '../open.ts';
import { persist } from '../transaction.ts';

const PAGE = Buffer.alloc(4_096);
/** Longer than this nobody is interested in how long exactly. */
const LONGEST_MS = 1_000;

/**
 * What a write of the application would meet now, in ms: the wait for SQLite's write lock, which is let go at once, and the time that
 * `file`, on the same disk, takes for a page. Nothing is written to the database.
 */
export async function writeLatency(db: Database, file: FileHandle): Promise<number> {
  const began = performance.now();
  try {
    await persist(() => db.exec('begin immediate'), LONGEST_MS);
    db.exec('rollback');
  } catch (error) {
    if (!isTransient(error)) throw error;
  }
  await file.write(PAGE, 0, PAGE.length, 0);
  await file.datasync();
  return performance.now() - began;
}
