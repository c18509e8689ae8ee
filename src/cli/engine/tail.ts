import type { Lag } from '../../replicate/lag.ts';
import { closePair, type StatePair } from '../../verify/rows.ts';

/** A pipe that runs: one direction, until it is stopped or fails. */
export type Tail = {
  readonly direction: 'forward' | 'reverse';
  /** Settles when the pipe has ended; rejects with its failure. */
  readonly done: Promise<void>;
  /** For how long one state is compared before a newer one is taken, in ms. */
  readonly anchorMs: number;
  /** Both sides at one common state. The caller closes them. */
  pin(): Promise<StatePair>;
  lag(): Lag;
  /** Ends it between two batches. */
  stop(): Promise<void>;
};

/** Resolves once the pipe has brought both sides to one state: everything committed before this call is on both. */
export async function caughtUp(tail: Pick<Tail, 'pin'>): Promise<void> {
  await closePair(await tail.pin());
}
