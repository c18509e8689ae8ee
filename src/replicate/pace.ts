/*
 * How fast the first copy goes: as fast as it can, unless somebody asks for less. Everything can change while it runs.
 */
import { EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import PQueue from 'p-queue';
import type { Allowance } from '../change/ports.ts';
import type { Pace } from './snapshot.ts';

export type Throttle = {
  /** All lanes together; null: as many as possible. */
  readonly rowsPerSecond: number | null;
  /** Every lane rests this many times as long as it has worked. */
  readonly nice: number;
  /** Rows in a chunk at most. */
  readonly chunkRows: number;
  /** No lane takes another chunk. */
  readonly paused: boolean;
};

/** A throttle that somebody may turn at any time. */
export type Dial = { readonly value: Throttle; set(value: Throttle): void; readonly changes: EventEmitter };

export function dialOf(value: Throttle): Dial {
  const changes = new EventEmitter().setMaxListeners(0);
  let current = value;
  return {
    get value() {
      return current;
    },
    set(value) {
      current = value;
      changes.emit('changed');
    },
    changes,
  };
}

export interface AdjustablePace extends Pace {
  /** Runs `work` while no lane reads; those that want to read wait. */
  gap(work: () => Promise<void>): Promise<void>;
}

/** A rate is kept in steps of about this length. */
const STEP_MS = 250;
const FEWEST_ROWS = 10;
/** How soon a lane hears that it may work again, also after a pause. */
const ADMIT_MS = 50;
/** What a timer can hold is about 24 days. */
const LONGEST_MS = 3_600_000;

export type PaceOptions = {
  readonly lanes: number;
  /** What a read may take at full speed, beside the dial's rows. */
  readonly allowance: Omit<Allowance, 'rows'>;
  readonly dial: Dial;
  /** Added to the dial's `nice`. */
  readonly backOff?: () => number;
  /** How many lanes may work just now; absent: all. */
  readonly working?: () => number;
};

export function paceOf({ lanes, allowance, dial, backOff = () => 0, working = () => lanes }: PaceOptions): AdjustablePace {
  const reads = new PQueue({ concurrency: lanes });
  /** When all rows so far would have been copied, had they come at the wanted rate. */
  let due = 0;
  dial.changes.on('changed', () => {
    due = 0;
  });

  /** While it makes way it also takes less at once: on a slow disk a write waits behind a whole chunk, however long the rest after it. */
  const atOnce = (): Allowance => {
    const { rowsPerSecond, chunkRows } = dial.value;
    const part = 1 + backOff();
    const most = Math.max(FEWEST_ROWS, Math.round(chunkRows / part));
    const step = rowsPerSecond === null ? most : Math.max(FEWEST_ROWS, Math.round((rowsPerSecond * STEP_MS) / 1_000 / lanes));
    return { ...allowance, rows: Math.min(chunkRows, most, step), bytes: Math.round(allowance.bytes / part) };
  };

  return {
    async admit(place, signal) {
      while ((dial.value.paused || place >= working()) && !signal.aborted)
        await delay(ADMIT_MS, undefined, { signal }).catch(() => undefined);
    },
    reading: read => reads.add(() => read(atOnce())),
    async gap(work) {
      reads.pause();
      try {
        await reads.onPendingZero();
        await work();
      } finally {
        reads.start();
      }
    },
    async rest({ rows, ms }, signal) {
      const began = performance.now();
      const { rowsPerSecond } = dial.value;
      if (rowsPerSecond !== null) due = Math.max(due, began - ms) + (rows * 1_000) / rowsPerSecond;
      const own = due;
      const made = backOff();
      for (;;) {
        const until = Math.max(began + ms * (dial.value.nice + made), dial.value.rowsPerSecond === null ? 0 : Math.min(own, due));
        const left = until - performance.now();
        if (left <= 0 || signal.aborted) return;
        const enough = new AbortController();
        const either = AbortSignal.any([signal, enough.signal]);
        await Promise.race([
          delay(Math.min(left, LONGEST_MS), undefined, { signal: either }),
          once(dial.changes, 'changed', { signal: either }),
        ]).catch(() => undefined);
        enough.abort();
      }
    },
  };
}
