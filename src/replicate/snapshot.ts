/*
 * The initial copy: every table in key-range chunks, each its own SQLite read and its own Postgres transaction that also
 * records how far it came. Chunks are taken at different times; the catch-up batch that follows makes them one state,
 * because everything that changed meanwhile is marked.
 *
 * (1) A chunk's rows and its progress commit together: killed anywhere, it goes on at the chunk [G2].
 * (2) Several lanes work at once, also on one table: while one writes a chunk, the next is read. A table's chunks are read one
 *     after the other, each beginning where the one before it ended, and commit in that order.
 * (3) Memory is bounded by one chunk for each lane.
 */
import type { Allowance, TableProgress } from '../change/ports.ts';

/** One reader and one writer, which take one chunk at a time: `read`, `copy`, `write`. Tables go by TablePlan.id. */
export interface Lane {
  /** Reads what is behind `cursor` in a read of its own. `cursor` of the answer: where the next chunk begins, null for the end. */
  read(table: number, cursor: string | null, allowance: Allowance): Promise<{ readonly cursor: string | null }>;
  /** Copies it, without making it durable. */
  copy(): Promise<void>;
  /** Makes it durable, with the progress after it; resolves with the number of rows. */
  write(): Promise<number>;
}

/** How fast the lanes may go. */
export interface Pace {
  /** Resolves when the lane of this place, counted from 0, may take its next chunk. */
  admit(place: number, signal: AbortSignal): Promise<void>;
  /** Runs a read when reads are welcome, with what it may take. */
  reading<T>(read: (allowance: Allowance) => Promise<T>): Promise<T>;
  /** Waits as long as the chunk that took `ms` asks for. */
  rest(chunk: { readonly rows: number; readonly ms: number }, signal: AbortSignal): Promise<void>;
}

export type Snapshot = {
  readonly tables: readonly number[];
  readonly lanes: readonly Lane[];
  readonly progress: ReadonlyMap<number, TableProgress>;
  readonly pace: Pace;
  readonly onProgress: (table: number, progress: TableProgress) => void;
};

/** A table under way. `written` resolves when the last chunk that was read of it is written, or never will be: the one behind it is refused then (chunk.ts). */
type Course = { readonly table: number; cursor: string | null; read: boolean; reading: boolean; rows: number; written: Promise<void> };

/** Copies what is not copied yet. Rejects with the first failure once the chunks under way have settled. */
export async function snapshot(work: Snapshot, signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const cancelled = AbortSignal.any([signal, stop.signal]);
  const nothingLeft = new AbortController();
  const over = AbortSignal.any([cancelled, nothingLeft.signal]);
  const courses = coursesOf(work);
  const failures: unknown[] = [];
  const run = async (lane: Lane, place: number): Promise<void> => {
    try {
      for (;;) {
        await work.pace.admit(place, over);
        const course = await courses.next(cancelled);
        if (course === undefined) return nothingLeft.abort();
        await pass(work, lane, course, courses.changed, cancelled);
      }
    } catch (error) {
      failures.push(error);
      stop.abort();
      courses.changed();
    }
  };
  await Promise.all(work.lanes.map(run));
  signal.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}

/** Hands out tables, in order: the first that has more and that nobody reads from just now. */
function coursesOf(work: Snapshot) {
  const courses: Course[] = work.tables.flatMap(table => {
    const { cursor, rows, done } = work.progress.get(table) ?? { cursor: null, rows: 0, done: false };
    return done ? [] : [{ table, cursor, rows, read: false, reading: false, written: Promise.resolve() }];
  });
  let waiting = Promise.withResolvers<void>();
  return {
    changed(): void {
      waiting.resolve();
      waiting = Promise.withResolvers<void>();
    },
    /** A table to read from, marked as being read; undefined when everything has been read, or `signal` says so. */
    async next(signal: AbortSignal): Promise<Course | undefined> {
      for (;;) {
        const left = courses.filter(course => !course.read);
        if (signal.aborted || left.length === 0) return undefined;
        const free = left.find(course => !course.reading);
        if (free !== undefined) {
          free.reading = true;
          return free;
        }
        await waiting.promise;
      }
    },
  };
}

/** One chunk from end to end. */
async function pass(work: Snapshot, lane: Lane, course: Course, changed: () => void, signal: AbortSignal): Promise<void> {
  const began = performance.now();
  const chunk = await work.pace.reading(allowance => lane.read(course.table, course.cursor, allowance));
  const before = course.written;
  const done = Promise.withResolvers<void>();
  Object.assign(course, { cursor: chunk.cursor, read: chunk.cursor === null, reading: false, written: done.promise });
  changed();
  let rows = 0;
  try {
    await lane.copy();
    await before;
    rows = await lane.write();
    course.rows += rows;
    work.onProgress(course.table, { cursor: chunk.cursor, rows: course.rows, done: chunk.cursor === null });
  } finally {
    done.resolve();
  }
  await work.pace.rest({ rows, ms: performance.now() - began }, signal);
}
