/*
 * While mirroring, what changed is compared from time to time and its marks are forgotten: else the journal would grow for as long as the
 * soak lasts, and a rollback would have all of it to compare.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isTransient } from '../../../change/errors.ts';
import { readVerified } from '../../../postgres/installed/control.ts';
import { neverFree } from '../../../postgres/installed/fence.ts';
import { headMark } from '../../../sqlite/capture/marking.ts';
import { prune } from '../../../sqlite/journal/prune.ts';
import { isBusy, isFull, isLocked, openSource } from '../../../sqlite/open.ts';
import type { StatePair } from '../../../verify/rows.ts';
import type { Installed } from '../engine.ts';
import { compareRecent } from '../prove/recent.ts';
import { reasonOf } from '../tell/alerts.ts';
import type { FenceWatch } from './fence-watch.ts';

/** Each comparison keeps the application's writers in Postgres waiting for a moment: seldomer than forward, where none waits. */
const SELDOMER = 6;

export type MirrorCheck = {
  /** Runs until the signal aborts; rejects with whatever will not pass by itself. */
  run(): Promise<void>;
  /** Resolves when nothing here writes to the file. */
  idle(): Promise<void>;
};

type Around = { readonly pin: () => Promise<StatePair>; readonly ours: FenceWatch['ours']; readonly signal: AbortSignal };

export function mirrorCheck(on: Installed, { pin, ours, signal }: Around): MirrorCheck {
  const { engine } = on;
  let pruning: Promise<unknown> = Promise.resolve();

  async function once(): Promise<void> {
    using db = openSource(engine.config.source, { waitMs: 0 });
    if (headMark(db).seq <= (await readVerified(engine.side))) return;
    await compareRecent(on, pin, signal);
    const verified = await readVerified(engine.side);
    if (signal.aborted) return;
    pruning = ours(() => prune(db, verified, () => signal.throwIfAborted()));
    await pruning;
  }

  return {
    async run() {
      while (!signal.aborted) {
        await delay(engine.config.verify.everySeconds * SELDOMER * 1_000, undefined, { signal }).catch(() => undefined);
        if (signal.aborted) return;
        try {
          await once();
          engine.alerts.over('mirror', () => engine.log.info('the mirror is compared again'));
        } catch (error) {
          if (signal.aborted) return;
          if (!passes(error)) throw error;
          engine.alerts.raise('mirror', reasonOf(error), () => engine.log.warn({ err: error }, 'the mirror cannot be compared now'));
        }
      }
    },
    idle: () => pruning.then(nothing, nothing),
  };
}

/**
 * A file that is locked, tables that are never free of writers, a server on which new sessions may not write, a connection that is
 * lost: the next time, or the pipe, says more.
 */
const passes = (error: unknown): boolean => isLocked(error) || isBusy(error) || isFull(error) || isTransient(error) || neverFree(error);

const nothing = (): void => undefined;
