/*
 * The initial copy: every table in key-range chunks, each its own SQLite read and its own Postgres transaction that also
 * records how far it came. Chunks are taken at different times; the catch-up batch that follows makes them one state,
 * because everything that changed meanwhile is marked.
 *
 * (1) A chunk's rows and its progress commit together: killed anywhere, it goes on at the chunk [G2].
 * (2) Memory is bounded by parallelChunks x chunkRows rows.
 */
import PQueue from 'p-queue';
import type { Chunk } from '../change/ports.ts';

export type Progress = { readonly cursor: string | null; readonly rows: number; readonly done: boolean };

/** Tables go by TablePlan.id. */
export type Snapshot = {
  readonly tables: readonly number[];
  readonly parallelChunks: number;
  readonly chunkRows: number;
  readonly progress: ReadonlyMap<number, Progress>;
  /** Reads up to `limit` rows after `cursor` in a read of its own. */
  read(table: number, cursor: string | null, limit: number): Chunk;
  /** Writes the chunk and the progress after it in one transaction. */
  write(table: number, chunk: Chunk, after: Progress): Promise<void>;
  readonly onProgress: (table: number, progress: Progress) => void;
};

/** Copies what is not copied yet. Rejects with the first failure once the chunks under way have settled. */
export async function snapshot(work: Snapshot, signal: AbortSignal): Promise<void> {
  const queue = new PQueue({ concurrency: work.parallelChunks });
  const stop = new AbortController();
  const cancelled = AbortSignal.any([signal, stop.signal]);
  const failures: unknown[] = [];
  for (const table of work.tables) {
    // Caught inside the task: the queue hears of the failure after `cancelled`, so it begins no other table.
    void queue.add(() =>
      copy(work, table, cancelled).catch(error => {
        failures.push(error);
        stop.abort();
      }),
    );
  }
  await queue.onIdle();
  signal.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}

async function copy(work: Snapshot, table: number, signal: AbortSignal): Promise<void> {
  let at = work.progress.get(table) ?? { cursor: null, rows: 0, done: false };
  while (!at.done && !signal.aborted) {
    const chunk = work.read(table, at.cursor, work.chunkRows);
    const after = { cursor: chunk.cursor, rows: at.rows + chunk.rows.length, done: chunk.cursor === null };
    await work.write(table, chunk, after);
    work.onProgress(table, after);
    at = after;
  }
}
