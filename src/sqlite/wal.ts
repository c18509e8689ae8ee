import type { Database } from './open.ts';

type Pages = readonly [busy: bigint, written: bigint, copied: bigint];

/** How much the WAL holds since it was last begun anew, in bytes; 0 in other journal modes. Writes nothing. */
export function walBytes(db: Database): number {
  const [, written] = db.prepare(/* sql */ `pragma wal_checkpoint(noop)`).raw().get() as Pages;
  return Math.max(0, Number(written)) * Number(db.pragma('page_size', { simple: true }));
}

/** Copies the WAL into the file as far as no reader needs it, and waits for nobody. */
export const checkpointWal = (db: Database): void => void db.pragma('wal_checkpoint(passive)');
