/*
 * SQLite → Postgres, for as long as SQLite is primary: the pipe, and beside it the comparison of what changed, after which the
 * journal's rows are no longer needed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Mark, Rows } from '../../../change/change.ts';
import { PipeEnded } from '../../../change/errors.ts';
import type { Sink } from '../../../change/ports.ts';
import { settle } from '../../../postgres/apply/small.ts';
import { targetState } from '../../../postgres/compare/state.ts';
import { readVerified } from '../../../postgres/installed/control.ts';
import { type Lag, lagTracker } from '../../../replicate/lag.ts';
import { pipe } from '../../../replicate/pipe.ts';
import { doorbell } from '../../../sqlite/journal/doorbell.ts';
import { journal } from '../../../sqlite/journal/journal.ts';
import { prune } from '../../../sqlite/journal/prune.ts';
import { isBusy, isFull, isLocked, openSource } from '../../../sqlite/open.ts';
import type { StatePair } from '../../../verify/rows.ts';
import type { Installed } from '../engine.ts';
import { watchLengths } from '../lengths.ts';
import { watched } from '../points.ts';
import { compareRecent } from '../prove/recent.ts';
import type { Tail } from '../tail.ts';
import { reasonOf } from '../tell/alerts.ts';
import { drained, headIn } from './journal-cap.ts';

/** A read transaction keeps the application's WAL from being reset: never for longer than this. */
const ANCHOR_MS = 300;

/** Starts following the journal. `verifying`: also compare what changed, every few seconds. `returned`: as in StatePair. */
export function forwardTail(
  on: Installed,
  sink: Sink<Mark, Rows>,
  options: { readonly checkpoint: Mark; readonly verifying: boolean; readonly returned?: boolean },
): Tail {
  const { engine, plan } = on;
  const stop = new AbortController();
  const bell = doorbell(engine.config.source);
  const lag = lagTracker(options.checkpoint.seq);
  // Before the first look of the pipe, and after its last: one that does not run must not say that it has caught up. And while it waits for Postgres.
  const lookAhead = (): void => lag.seen(headIn(engine.config.source) ?? options.checkpoint.seq, performance.now());
  lookAhead();
  const source = watched(
    'journal',
    journal({
      path: engine.config.source,
      plan,
      wake: bell.wake,
      onHead: head => lag.seen(head.seq, performance.now()),
    }),
    engine.reached,
  );
  const pin = (): Promise<StatePair> =>
    source.pin(async state => ({
      source: state,
      target: await targetState(engine.url, plan),
      primary: 'sqlite',
      returned: options.returned === true,
    }));
  const marks = watched('marks', { prune }, engine.reached);

  const piping = pipe(source, sink, stop.signal, batch => {
    lag.applied(batch.position.seq);
    engine.log.debug({ seq: String(batch.position.seq), rows: batch.changes.size }, 'applied');
  })
    // Whoever comes for a state now gets none: the comparison would wait for it, and `done` for the comparison.
    .finally(() => source[Symbol.dispose]())
    .then(() => settle(engine.main, on.writer));
  const checking = options.verifying ? check() : Promise.resolve();
  const done = Promise.all([piping, checking])
    .then(() => undefined)
    .finally(async () => {
      stop.abort();
      lookAhead();
      await Promise.allSettled([piping, checking]);
      bell[Symbol.dispose]();
    });
  done.catch(() => undefined); // whoever waits for the tail gets it; nobody has to

  async function check(): Promise<void> {
    for (;;) {
      await delay(engine.config.verify.everySeconds * 1_000, undefined, { signal: stop.signal }).catch(() => undefined);
      if (stop.signal.aborted) return;
      await checkMarked();
    }
  }

  /** Applied and verified: then the marks are no longer needed. While the application keeps the file locked they stay for now. */
  async function checkMarked(): Promise<void> {
    try {
      await watchLengths(on);
      await compareRecent(on, pin, stop.signal);
      drained(engine);
      using db = openSource(engine.config.source, { waitMs: 0 });
      await marks.prune(db, await readVerified(engine.side), () => engine.reached?.('prune.step:after'));
      engine.alerts.over('marks', () => engine.log.info('marks are forgotten again'));
    } catch (error) {
      // Stopped in the middle of a comparison: that is not a failure of the pipe, and a switch must not end the daemon.
      if (stop.signal.aborted || error instanceof PipeEnded) return;
      if (!isLocked(error) && !isBusy(error) && !isFull(error)) throw error;
      engine.alerts.raise('marks', reasonOf(error), () => engine.log.warn({ err: error }, 'marks cannot be forgotten now'));
    }
  }

  return {
    direction: 'forward',
    anchorMs: ANCHOR_MS,
    done,
    pin,
    lag(): Lag {
      if (lag.lag(performance.now()).changes > 0n) lookAhead();
      return lag.lag(performance.now());
    },
    async stop() {
      stop.abort();
      await done.catch(() => undefined);
    },
  };
}
