import { PipeEnded } from '../../change/errors.ts';
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

/** The pipe from Postgres. */
export type ReverseTail = Tail & {
  /** Resolves once everything that was committed before the watermark `token` is in SQLite. Ask before writing the token. */
  reached(token: string, signal: AbortSignal): Promise<void>;
  /** Runs `work` while it writes nothing. */
  rest<T>(work: () => Promise<T>): Promise<T>;
  /** Begins nothing any more. Resolves as soon as nothing here writes the file; then it is to be stopped. */
  silence(): Promise<void>;
};

/**
 * Resolves once the pipe has brought both sides to one state: everything committed before this call is on both. Rejects with the pipe's
 * own failure where that ends it; with PipeEnded where it was stopped.
 */
export async function caughtUp(tail: Pick<Tail, 'pin' | 'done'>): Promise<void> {
  try {
    await closePair(await tail.pin());
  } catch (error) {
    if (error instanceof PipeEnded) await tail.done;
    throw error;
  }
}

/** Runs a pipe until it has caught up, and ends it. Rejects as `caughtUp` does, and when `signal` aborts. */
export async function untilCaughtUp(tail: Tail, signal: AbortSignal): Promise<void> {
  const stop = (): void => void tail.stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await caughtUp(tail);
  } finally {
    signal.removeEventListener('abort', stop);
    await tail.stop();
  }
  await tail.done;
  signal.throwIfAborted();
}
