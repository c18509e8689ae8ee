/*
 * Follows the WAL of Postgres: the source of the reverse pipe.
 *
 * (1) A batch is one transaction. What was not acknowledged comes again, what was does not [G2].
 * (2) We report only what the sink holds. An idle stream moves on through empty batches, which the sink stores like any other: so the
 *     slot is never ahead of the sink, and a slot that is ahead means that changes are gone [G10].
 * (3) Rows are pulled: while the sink is busy the socket is paused, however large the transaction is.
 */
import type { Batch, Lsn, RowChange } from '../change/change.ts';
import type { Source } from '../change/ports.ts';
import type { Plan } from '../plan/plan.ts';
import { replicationError } from './errors.ts';
import type { Message } from './pgoutput.ts';
import { translator } from './relations.ts';
import { openStream, type Stream, type StreamOptions } from './stream.ts';

export type WalOptions = StreamOptions & {
  readonly plan: Plan;
  /** How often an idle stream moves on, at most. Default 10 s. */
  readonly idleMs?: number;
};

const IDLE_MS = 10_000;

/**
 * The changes that commit after a position, transaction by transaction; `changes` of a batch can be read once. `read` begins at the
 * slot's own place for position 0. It throws ReplicationError: 'retry' when the connection is lost, 'halt' where the tables no longer
 * fit the plan, or the slot is gone, lost or ahead of the position.
 */
export function wal(options: WalOptions): Source<Lsn, AsyncIterable<RowChange>> {
  let current: Stream | undefined;
  return {
    async *read(after, signal) {
      try {
        await using stream = await openStream(options, after, signal);
        current = stream;
        yield* batches(stream, options);
      } catch (error) {
        if (!signal.aborted) throw replicationError(error);
      } finally {
        current = undefined;
      }
    },
    async acknowledge(position) {
      current?.acknowledge(position);
    },
  };
}

type WalBatch = Batch<Lsn, AsyncIterable<RowChange>>;

/** One batch for each transaction, and an empty one now and then while nothing happens. */
async function* batches(stream: Stream, { plan, idleMs = IDLE_MS }: WalOptions): AsyncGenerator<WalBatch> {
  const translate = translator(plan);
  let last = Date.now();
  for (;;) {
    const item = await stream.take();
    if (item.kind === 'begin') {
      const changes = changesOf(stream, translate);
      yield { position: behind(item.commit), changes };
      for await (const _ of changes); // what the sink did not read: it knew the batch already
      last = Date.now();
    } else if (item.kind === 'idle' && Date.now() - last >= idleMs) {
      yield { position: item.position, changes: nothing() };
      last = Date.now();
    }
  }
}

/**
 * The position of a transaction. Where its commit record ends is not known before its last row, and a sink wants the position first;
 * where it begins is. Postgres sends again what begins at or behind a position: one byte on, exactly this transaction is included.
 */
const behind = (commit: Lsn): Lsn => (commit + 1n) as Lsn;

/** The changes of the transaction that has just begun, up to its commit. Leaving the loop early does not lose its place. */
function changesOf(stream: Stream, translate: (message: Message) => RowChange | undefined): AsyncIterable<RowChange> {
  let committed = false;
  const next = async (): Promise<IteratorResult<RowChange, undefined>> => {
    while (!committed) {
      const item = await stream.take();
      if (item.kind === 'commit') committed = true;
      const change = item.kind === 'idle' ? undefined : translate(item);
      if (change !== undefined) return { done: false, value: change };
    }
    return { done: true, value: undefined };
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

async function* nothing(): AsyncGenerator<never> {}
