/*
 * One table from its first key to its last, stretch by stretch, with a place to go on from at any time.
 *
 * How long a stretch is follows from the rows alone, never from the clock: so two walks over the same rows give the same digests.
 */
import { hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { compareRows, type StatePair, type Subject } from './rows.ts';

/** How far a table is compared. */
export type Place = {
  /** Where the next stretch begins; null at the start, and when `done`. */
  readonly cursor: string | null;
  readonly done: boolean;
  /** Rows compared. */
  readonly rows: number;
  /** How many rows the next stretch has. */
  readonly next: number;
  /** The digest of everything that was compared, of each side. */
  readonly source: string;
  readonly target: string;
};

const CHUNK_ROWS = 2_000;
const FIRST_ROWS = 50;
const MOST_ROWS = 10_000;
/** A stretch is read in one go: a longer one would keep the daemon from its pipe for too long. */
const STRETCH_BYTES = 1_000_000;

export const START: Place = { cursor: null, done: false, rows: 0, next: FIRST_ROWS, source: '', target: '' };

/**
 * Compares the rows of a table from `place` on, for as long as the state `stands`; returns where to go on. Postgres makes the digest of
 * one stretch while SQLite makes that of the next.
 */
export async function walk(pair: StatePair, subject: Subject, place: Place, stands: () => boolean): Promise<Place> {
  const { id } = subject.table;
  let { cursor, rows, next, source, target } = place;
  const saw = (count: number, digests: { readonly source: string; readonly target: string }): void => {
    rows += count;
    subject.tally.saw(count);
    source = chained(source, digests.source);
    target = chained(target, digests.target);
  };
  let settle = async (): Promise<void> => undefined;
  do {
    const stretch = pair.source.stretch(id, cursor, next);
    await settle();
    settle = async () => undefined;
    if (stretch === undefined) {
      const part = await chunkByValue(pair, subject, cursor, CHUNK_ROWS);
      saw(part.rows, part.digests);
      cursor = part.cursor;
    } else {
      const theirs = pair.target.digest(id, stretch.keys);
      theirs.catch(() => undefined); // it is awaited when the next one of SQLite is there
      await setImmediate(); // SQLite works in this thread: Postgres has to be asked before
      const start = cursor;
      settle = async () => {
        const { digest: own, rows: count } = stretch;
        if ((await theirs) === own) return saw(count, { source: own, target: own });
        const part = await byValue(pair, subject, start, count);
        saw(part.rows, { source: own, target: part.digests.target === part.digests.source ? own : part.digests.target });
      };
      cursor = stretch.cursor;
      next = Math.max(1, Math.min(MOST_ROWS, stretch.rows * 4, Math.round((stretch.rows * STRETCH_BYTES) / Math.max(1, stretch.bytes))));
    }
  } while (cursor !== null && stands());
  await settle();
  return { cursor, done: cursor === null, rows, next, source, target };
}

const chained = (before: string, next: string): string => hash('sha256', `${before}${next}`);

/** Compares `count` rows behind `cursor` value by value; a chunk may have fewer than were asked for. */
async function byValue(pair: StatePair, subject: Subject, cursor: string | null, count: number) {
  let at = cursor;
  let [rows, left] = [0, count];
  const digests = { source: '', target: '' };
  do {
    const part = await chunkByValue(pair, subject, at, Math.min(left, CHUNK_ROWS));
    digests.source = chained(digests.source, part.digests.source);
    digests.target = chained(digests.target, part.digests.target);
    rows += part.rows;
    left -= part.taken;
    at = part.cursor;
  } while (at !== null && left > 0);
  return { rows, digests };
}

/** `rows` were compared; `taken` counts also those that do not fit. */
async function chunkByValue(pair: StatePair, subject: Subject, cursor: string | null, limit: number) {
  const { rows, misfits, cursor: next } = pair.source.chunk(subject.table.id, cursor, limit);
  const digests = await compareRows(pair.target, subject, { rows, misfits });
  return { rows: rows.length, taken: rows.length + misfits.length, digests: digests(), cursor: next };
}
