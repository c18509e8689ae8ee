import { type Database, isFull } from '../open.ts';

type Pages = readonly [busy: bigint, written: bigint, copied: bigint];

/** How much the WAL holds since it was last begun anew, in bytes; 0 in other journal modes. Writes nothing. */
export function walBytes(db: Database): number {
  const [, written] = db.prepare(/* sql */ `pragma wal_checkpoint(noop)`).raw().get() as Pages;
  return Math.max(0, Number(written)) * Number(db.pragma('page_size', { simple: true }));
}

const NOTHING: Pages = [0n, 0n, 0n];

/** Copies the WAL into the file as far as no reader needs it, and waits for nobody. Where the disk is full it stays as it is. */
export function checkpointWal(db: Database): Pages {
  try {
    return db.prepare(/* sql */ `pragma wal_checkpoint(passive)`).raw().get() as Pages;
  } catch (error) {
    if (isFull(error)) return NOTHING;
    throw error;
  }
}

const SETTLE_ATTEMPTS = 3;

/**
 * Copies the WAL into the file, so that the read transaction begun next stands on the file alone: SQLite can then begin the WAL
 * anew however long that one lasts. A commit that slips in between makes it stand in the WAL: then it is released soon enough.
 */
export function settleWal(db: Database): void {
  for (let attempt = 0; attempt < SETTLE_ATTEMPTS; attempt++) {
    const [busy, written, copied] = checkpointWal(db);
    if (busy !== 0n || written === copied) return;
  }
}
