import type { Batch } from './change.ts';

/** Where changes come from. `read` ends only by `signal` or by an error. */
export interface Source<P, C> {
  /** Batches after `after`, in order; waits for the next one itself. */
  read(after: P, signal: AbortSignal): AsyncIterable<Batch<P, C>>;
  /** The sink holds everything up to `position`, durably: the source may forget it. */
  acknowledge(position: P): Promise<void>;
}

/** Where changes go. */
export interface Sink<P, C> {
  /** The position up to which the sink holds everything. */
  checkpoint(): Promise<P>;
  /** Writes the batch and its position in one transaction [G2]. A batch at or below the checkpoint is a replay: a no-op. */
  apply(batch: Batch<P, C>): Promise<void>;
}
