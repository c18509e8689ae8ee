/*
 * Reads the journal: every batch is everything from the checkpoint to the head, as rows of one committed state [G3].
 *
 * (1) Whatever decides is read in the batch's own read transaction, before anything is applied: which file it is, the anchor,
 *     the VACUUM canary, the schema with our triggers. If something moved, nothing is applied until it is dealt with [G1].
 *     Triggers are put back here; what changes the plan is the controller's business (SourceMoved).
 * (2) The rows are read out of SQLite before they are applied, and the read transaction is let go: a slow Postgres never
 *     blocks the application, nor keeps its WAL from being reset [G6].
 * (3) `pin` is the exception: it hands on a read transaction at a moment when the sink holds exactly that state.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Mark, Rows, Seq } from '../../change/change.ts';
import { PipeEnded, ReplicationError } from '../../change/errors.ts';
import type { Source, SourceState } from '../../change/ports.ts';
import type { Plan } from '../../plan/plan.ts';
import { mend, moved, needsMending } from '../capture/health.ts';
import { headMark, nonceAt } from '../capture/marking.ts';
import { settleWal } from '../file/wal.ts';
import { type Database, fileAt, isBusy, isLocked, openSource, orFull, refuseMoved } from '../open.ts';
import { schemaVersion } from '../read/values.ts';
import { readTransaction, writeTransaction } from '../transaction.ts';
import { type HeldRows, openMarks, readMarks } from './marks.ts';
import { sourceState } from './state.ts';

export type JournalOptions = {
  readonly path: string;
  readonly plan: Plan;
  /** Resolves when there may be news, or when the signal aborts. */
  readonly wake: (signal: AbortSignal) => Promise<void>;
  /** Told the head at every look, for the lag. */
  readonly onHead?: (head: Mark) => void;
};

export type Journal = Source<Mark, Rows> & {
  /**
   * Calls `begin` with a committed state that the sink holds exactly, and lets the pipe wait until it resolves. The state
   * is the caller's, who closes it, unless `begin` fails. Needs a running `read`; rejects with PipeEnded when that ends first.
   */
  pin<T>(begin: (state: SourceState) => Promise<T>): Promise<T>;
  [Symbol.dispose](): void;
};

const REPAIR_MS = 5_000;
const BUSY_MS = 2;
/** A batch of up to this many rows is applied in a moment: a state may be held for so long. */
const PINNABLE_ROWS = 20_000;
/** In rollback-journal mode a read lock held while Postgres commits blocks the application: idle moments are tried first. */
const PATIENCE = 20;

type Pin = { readonly hand: (state: SourceState) => Promise<void>; readonly fail: (error: unknown) => void };

/** The forward source. Throws as `openSource` does; `read` throws ReplicationError. Dispose of it when `read` has ended. */
export function journal({ path, plan, wake, onHead }: JournalOptions): Journal {
  const file = fileAt(path);
  let db = openReader(path, plan, {});
  let examined: unknown;
  const pins: Pin[] = [];
  let called = new AbortController();

  /** Begins a read transaction on a sound journal; undefined: something was in the way, try again. */
  async function begin(after: Mark): Promise<{ readonly head: Mark } | undefined> {
    refuseMoved(path, file);
    try {
      if (pins.length > 0) settleWal(db);
      readTransaction(db);
    } catch (error) {
      if (!isBusy(error)) throw error;
      await delay(BUSY_MS); // a writer is committing, in rollback-journal mode
      return undefined;
    }
    const version = schemaVersion(db);
    if (version !== examined && needsMending(db, plan)) {
      db.exec('rollback');
      await repair();
      return undefined;
    }
    examined = version;
    checkAnchor(db, after);
    return { head: headMark(db) };
  }

  async function repair(): Promise<void> {
    const health = await writeTransaction(db, REPAIR_MS, () => mend(db, plan));
    if (health.state !== 'fine' && health.state !== 'unhooked') throw moved(health);
  }

  /** The keys are sorted in temporary storage, which may have no room. */
  function marked(after: Seq, head: Seq): HeldRows {
    try {
      return readMarks(db, plan, after, head);
    } catch (error) {
      throw orFull(db, error);
    }
  }

  /** Gives the open read transaction away, with its connection. */
  async function handOver(): Promise<void> {
    const pin = pins.shift();
    if (pin === undefined) return;
    const state = sourceState(db, plan);
    try {
      db = openReader(path, plan, { waitMs: 0 });
    } catch (error) {
      if (isBusy(error) || isLocked(error)) {
        // A writer waits for this very read to end (rollback-journal mode): it goes first.
        pins.unshift(pin);
        db.exec('rollback');
        await delay(BUSY_MS);
        return;
      }
      state.close();
      const failure = new ReplicationError('retry', 'the SQLite file could not be opened again', {
        hint: 'it is tried again',
        cause: error,
      });
      pin.fail(failure);
      throw failure;
    }
    await pin.hand(state);
  }

  async function* read(after: Mark, signal: AbortSignal): AsyncGenerator<{ position: Mark; changes: HeldRows }> {
    const holdsAfter = rollbackMode(db) ? PATIENCE : 0;
    let tries = 0;
    try {
      while (!signal.aborted) {
        const state = await begin(after);
        if (state === undefined) continue;
        onHead?.(state.head);
        if (state.head.seq > after.seq) {
          using changes = marked(after.seq, state.head.seq);
          const held = pins.length > 0 && tries++ >= holdsAfter && changes.size <= PINNABLE_ROWS;
          if (!held) db.exec('rollback');
          yield { position: state.head, changes };
          after = state.head;
          if (held) await handOver();
        } else if (pins.length > 0) {
          tries = 0;
          await handOver();
        } else {
          db.exec('rollback');
          await wake(AbortSignal.any([signal, called.signal]));
          if (called.signal.aborted) called = new AbortController();
        }
      }
    } finally {
      if (db.open && db.inTransaction) db.exec('rollback');
      reject(pins.splice(0));
    }
  }

  return {
    read,
    /** Marks are forgotten when they are applied *and* verified: see prune.ts. */
    acknowledge: async () => {},
    pin: begin =>
      new Promise((resolve, fail) => {
        const hand = async (state: SourceState): Promise<void> => {
          try {
            resolve(await begin(state));
          } catch (error) {
            state.close();
            fail(error);
          }
        };
        pins.push({ hand, fail });
        if (!db.open) reject(pins.splice(0));
        called.abort();
      }),
    [Symbol.dispose]() {
      reject(pins.splice(0));
      db.close();
    },
  };
}

const reject = (pins: readonly Pin[]): void => {
  for (const { fail } of pins) fail(new PipeEnded('the journal is no longer read'));
};

function openReader(path: string, plan: Plan, options: { readonly waitMs?: number }): Database {
  const db = openSource(path, options);
  openMarks(db, plan);
  db.pragma('busy_timeout = 0'); // from here on waiting is done without blocking the event loop
  return db;
}

const rollbackMode = (db: Database): boolean => db.pragma('journal_mode', { simple: true }) !== 'wal';

/** The row at the checkpoint proves that this file is still the one that was read up to there. Throws ReplicationError 'halt'. */
export function checkAnchor(db: Database, after: Mark): void {
  if (nonceAt(db, after.seq) === after.nonce) return;
  throw new ReplicationError('halt', 'the SQLite file, or Postgres, was restored or lost its last commits', {
    hint: 'the journal in the file does not go on from where Postgres stands. If the file is right, as after a failover of Postgres, `attacca resync` copies it anew; otherwise put the right file back',
  });
}
