/*
 * Follows the WAL of Postgres: the source of the reverse pipe.
 *
 * (1) A batch is one transaction, or several whole ones in their order. What was not acknowledged comes again, what was does not [G2].
 * (2) We report only what the sink holds. An idle stream moves on through empty batches, which the sink stores like any other: so the
 *     slot is never ahead of the sink, and a slot that is ahead means that changes are gone [G10].
 * (3) Rows are pulled: while the sink is busy the socket is paused, however large the transaction is.
 */
import { setImmediate } from 'node:timers/promises';
import { type Batch, type Lsn, type RowChange, WATERMARK } from '../../change/change.ts';
import type { Source } from '../../change/ports.ts';
import type { Plan } from '../../plan/plan.ts';
import { replicationError } from '../session/errors.ts';
import type { Message } from './pgoutput.ts';
import { translator } from './relations.ts';
import { openStream, type Stream, type StreamOptions } from './stream.ts';

export type WalOptions = StreamOptions & {
  readonly plan: Plan;
  /** How often an idle stream moves on, at most. Default 10 s. */
  readonly idleMs?: number;
  /** A batch joins at most this many transactions. Default 1,000. */
  readonly together?: number;
};

const IDLE_MS = 10_000;
const TOGETHER = 1_000;
/** And none that arrives later than this after the first of them. */
const MOST_MS = 50;

/**
 * The changes that commit after a position, transaction by transaction; `changes` of a batch can be read once. `read` begins at the
 * slot's own place for position 0. It throws ReplicationError: 'retry' when the connection is lost, 'halt' where the tables no longer
 * fit the plan, or the slot is gone, lost or ahead of the position. `nudge`: Postgres looks at once whether there is something to send.
 */
export function wal(options: WalOptions): Source<Lsn, AsyncIterable<RowChange>> & { nudge(): void } {
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
    nudge: () => current?.nudge(),
  };
}

type WalBatch = Batch<Lsn, AsyncIterable<RowChange>>;

/** One batch for the transactions that have arrived, and an empty one now and then while nothing happens. */
async function* batches(stream: Stream, { plan, idleMs = IDLE_MS, together = TOGETHER }: WalOptions): AsyncGenerator<WalBatch> {
  const translate = translator(plan);
  let last = performance.now();
  for (;;) {
    const item = await stream.take();
    if (item.kind === 'begin') {
      const joined = join(stream, translate, { first: item.commit, together });
      yield joined;
      await joined.skip();
      await setImmediate(); // a long backlog must not keep timers and sockets from their turn
      last = performance.now();
    } else if (item.kind === 'idle' && performance.now() - last >= idleMs) {
      yield { position: item.position, changes: nothing() };
      last = performance.now();
    }
  }
}

/**
 * The position of a transaction. Where its commit record ends is not known before its last row, and a sink wants the position first;
 * where it begins is. Postgres sends again what begins at or behind a position: one byte on, exactly this transaction is included.
 */
const behind = (commit: Lsn): Lsn => (commit + 1n) as Lsn;

/**
 * The transaction that has just begun, and whole ones behind it that have arrived by the time it is read: the sink syncs its disk
 * once for all of them. A watermark ends the batch, since somebody wants the state exactly there. `position` is that of the last
 * transaction joined: final once `changes` has ended. `skip` leaves what the sink did not read, and joins nothing more.
 */
function join(
  stream: Stream,
  translate: (message: Message) => RowChange | undefined,
  { first, together }: { readonly first: Lsn; readonly together: number },
): WalBatch & { skip(): Promise<void> } {
  const began = performance.now();
  let position = behind(first);
  let open = true;
  let transactions = 1;
  let ended = false;
  /** What is on its way to us has its turn first: behind a backlog the next one is always just about to arrive. */
  const more = async (): Promise<boolean> => {
    if (ended || transactions >= together || performance.now() - began >= MOST_MS) return false;
    if (!stream.waiting()) await setImmediate();
    return stream.waiting();
  };
  const next = async (): Promise<IteratorResult<RowChange, undefined>> => {
    while (open || (await more())) {
      const item = await stream.take();
      if (item.kind === 'idle') continue;
      if (item.kind === 'commit') open = false;
      if (item.kind === 'begin') {
        position = behind(item.commit);
        open = true;
        transactions++;
      }
      const change = translate(item);
      if (change === undefined) continue;
      if (change.op !== 'truncate' && change.table === WATERMARK) ended = true;
      return { done: false, value: change };
    }
    ended = true;
    return { done: true, value: undefined };
  };
  return {
    get position() {
      return position;
    },
    changes: { [Symbol.asyncIterator]: () => ({ next }) },
    async skip() {
      ended = true;
      while (!(await next()).done);
    },
  };
}

async function* nothing(): AsyncGenerator<never> {}
