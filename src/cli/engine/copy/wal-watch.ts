import { setTimeout as delay } from 'node:timers/promises';
import type { AdjustablePace } from '../../../replicate/pace.ts';
import { checkpointWal, walBytes } from '../../../sqlite/file/wal.ts';
import type { Database } from '../../../sqlite/open.ts';

/** So much larger than without us may the application's WAL become. */
const WAL_STEP = 16 * 1_048_576;
const LOOK_MS = 50;

/**
 * Makes room for the WAL to be reset: readers that follow each other without a gap never let it. Each time it has grown by `step`
 * bytes, all reads pause together while what it holds is copied into the file; the application's next commit then begins it anew.
 */
export async function watchWal(
  db: Database,
  pace: Pick<AdjustablePace, 'gap'>,
  signal: AbortSignal,
  step: number = WAL_STEP,
): Promise<void> {
  let released = walBytes(db);
  while (!signal.aborted) {
    const now = walBytes(db);
    released = Math.min(released, now); // less than then: it was begun anew
    if (now - released >= step) {
      await pace.gap(async () => void checkpointWal(db));
      released = walBytes(db);
    }
    await delay(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}
