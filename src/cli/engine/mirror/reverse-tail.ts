/*
 * Postgres → SQLite, for as long as Postgres is primary: the mirror that keeps a rollback possible.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { orClose } from '../../../change/opening.ts';
import type { TargetState } from '../../../change/ports.ts';
import type { Plan } from '../../../plan/plan.ts';
import { stateOn } from '../../../postgres/compare/state.ts';
import { lockForReading } from '../../../postgres/installed/fence.ts';
import { connect, type Session } from '../../../postgres/session/open.ts';
import { insertWatermark, writeWatermark } from '../../../postgres/wal/slot.ts';
import { wal } from '../../../postgres/wal/wal.ts';
import { lagTracker } from '../../../replicate/lag.ts';
import { pipe } from '../../../replicate/pipe.ts';
import { readFileControl } from '../../../sqlite/capture/control.ts';
import { openState } from '../../../sqlite/journal/state.ts';
import { sqliteSink } from '../../../sqlite/mirror/apply.ts';
import { isLocked, openSource } from '../../../sqlite/open.ts';
import { persist } from '../../../sqlite/transaction.ts';
import type { StatePair } from '../../../verify/rows.ts';
import type { Installed } from '../engine.ts';
import { watched } from '../points.ts';
import { dated } from '../stream-names.ts';
import type { ReverseTail } from '../tail.ts';
import { watchCatalog } from './ahead.ts';
import { fenceWatch } from './fence-watch.ts';
import { mirrorCheck } from './mirror-check.ts';
import { type Pins, pinning } from './pinning.ts';
import { refuseOtherServer, slotGuard } from './slot-guard.ts';

/** How long a comparison may try to find a moment without writers, in which both ends are brought to one state. */
const PIN_LOCK_MS = 10_000;
const PIN_WAIT_MS = 30_000;
const HEARTBEAT_MS = 1_000;
/** Tables that are looked at in one beat. */
const LOOKED_AT = 200;
/** A state costs the application's writers a moment, and only the mirror writes the file: it may be held longer than forward. */
const ANCHOR_MS = 2_000;

/** Starts the mirror from the position stored in the SQLite file. */
export async function reverseTail(on: Installed, stream: { readonly slot: string; readonly publication: string }): Promise<ReverseTail> {
  const { engine, plan } = on;
  const quiet = new AbortController(); // nothing here begins to write, or to ask, any more
  const stop = new AbortController(); // and everything is closed
  const end = (): void => {
    quiet.abort();
    stop.abort();
  };
  refuseOtherServer(on);
  const guardSlot = slotGuard(on, stream.slot);
  await guardSlot(engine.side);
  const fence = fenceWatch(on);
  const file = { path: engine.config.source, plan, install: on.install, onForeign: fence.foreign, onRefenced: fence.refenced };
  const reader = openSource(engine.config.source, { readonly: true });
  const sink = await orClose(
    () => reader.close(),
    () => watched('mirror', sqliteSink(file), engine.reached),
  );
  const closeFile = (): void => {
    sink[Symbol.dispose]();
    reader.close();
  };
  const beats = await orClose(closeFile, () => connect(engine.url, { applicationName: 'attacca heartbeat' }));
  // Waiting inside SQLite would block the event loop, and with it the very commit that is waited for.
  reader.pragma('busy_timeout = 0');
  const watermark = (): string | null => readFileControl(reader)?.watermark ?? null;
  const source = wal({ url: engine.url, plan, ...stream });
  const arrived = (token: string): void => lag.applied(beatOf(token));
  const pins = pinning(sink, { watermark, arrived, nudge: source.nudge, quiet: quiet.signal, stop: stop.signal });
  const lag = lagTracker(0n);
  const look = watchCatalog(on, fence.ours);
  const everyBeats = Math.ceil(plan.tables.length / LOOKED_AT);
  let guarding: Promise<void> = Promise.resolve();
  const piping = pipe(source, pins.sink, stop.signal).catch(error => {
    if (!quiet.signal.aborted) throw error;
  });
  const pin = (): Promise<StatePair> => pinReverse(on, pins, quiet.signal);
  const check = mirrorCheck(on, { pin, ours: fence.ours, signal: quiet.signal });
  const parts = [piping, watch(), check.run()];
  const done = Promise.all(parts)
    .then(() => undefined)
    .finally(async () => {
      end();
      await Promise.allSettled(parts);
      closeFile();
      await beats.end();
    });
  done.catch(() => undefined); // whoever waits for the tail gets it; nobody has to

  /** A heartbeat through the mirror, which measures the lag, and a look at SQLite's fence, which a table rebuild could have dropped [G8]. */
  async function watch(): Promise<void> {
    for (let beat = 1n; !quiet.signal.aborted; beat++) {
      for (const { lost } of [engine.main, engine.side]) lost.throwIfAborted(); // nothing here asks them for anything for hours
      lag.seen(beat, performance.now());
      await writeWatermark(beats, dated(`${HEARTBEAT}${beat}`));
      if (quiet.signal.aborted) return;
      guarding = fence.look(reader).then(() => (Number(beat) % everyBeats === 0 ? look(beats) : undefined));
      await guarding.catch(later);
      await guardSlot(beats);
      await delay(HEARTBEAT_MS, undefined, { signal: quiet.signal }).catch(() => undefined);
    }
  }

  return {
    direction: 'reverse',
    anchorMs: ANCHOR_MS,
    done,
    pin,
    reached: (token, signal) => pins.at(token, async () => undefined, AbortSignal.any([signal, quiet.signal])),
    lag: () => lag.lag(performance.now()),
    async rest(work) {
      const token = dated(randomUUID());
      return (await Promise.all([pins.at(token, work, quiet.signal), writeWatermark(beats, token)]))[0];
    },
    async silence() {
      quiet.abort();
      await pins.idle();
      await guarding.catch(() => undefined); // `done` tells
      await check.idle();
    },
    async stop() {
      end();
      await done.catch(() => undefined);
    },
  };
}

/** The sink holds the file for as long as one transaction is long: then it is looked at with a later beat. */
function later(error: unknown): void {
  if (!isLocked(error)) throw error;
}

const HEARTBEAT = 'heartbeat-';

/** The number in a heartbeat's token; 0 for any other watermark. */
const beatOf = (token: string): bigint => BigInt(/^heartbeat-(\d+)@/.exec(token)?.[1] ?? 0);

/**
 * One common state while Postgres is written: writers are kept out for the moment in which the snapshot is taken; the watermark
 * commits together with the end of that lock, so SQLite is in the same state exactly when the watermark arrives there.
 */
async function pinReverse({ engine, plan }: Installed, pins: Pins, signal: AbortSignal): Promise<StatePair> {
  const token = dated(randomUUID());
  await using locker = await connect(engine.url, { applicationName: 'attacca verify' });
  const session = await connect(engine.url, { applicationName: 'attacca verify' });
  const target = await locked(locker, plan, session);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PIN_WAIT_MS)]);
  const arrived = pins.at(token, () => persist(() => openState(engine.config.source, plan), PIN_LOCK_MS), limit);
  try {
    arrived.catch(() => undefined); // it may fail before it is waited for
    await insertWatermark(locker, token);
    await locker.query('commit');
    return { source: await arrived, target, primary: 'postgres' };
  } catch (error) {
    arrived.then(state => state.close()).catch(() => undefined); // the watermark may have been committed all the same
    await target.close();
    throw error;
  }
}

/** The state on `session`, which is its own from now on, while `locker` keeps writers out. */
async function locked(locker: Session, plan: Plan, session: Session): Promise<TargetState> {
  try {
    await locker.query('begin');
    await lockForReading(locker, plan, PIN_LOCK_MS);
    return await stateOn(session, plan);
  } catch (error) {
    await session.end();
    throw error;
  }
}
