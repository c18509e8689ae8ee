/*
 * Full comparisons at the configured pace, for as long as the daemon runs: what passes by the triggers (a connection that has them
 * switched off, a blob handle, an edited copy of the file) is found by nothing else.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Refused } from '../../../change/errors.ts';
import { readVerifiedAge } from '../../../postgres/installed/control.ts';
import type { Operations } from '../../../server/operations.ts';
import type { Engine } from '../engine.ts';
import { reasonOf } from '../tell/alerts.ts';

/** A round that another operation stands in the way of is tried again after this long, and so is one that failed. */
const AGAIN_MS = 60_000;

/** Runs until `signal` aborts. Differences are logged and stored: they block a cutover until a comparison finds none. */
export async function rounds(engine: Engine, operations: Operations, signal: AbortSignal): Promise<void> {
  const everyMs = engine.config.verify.fullEveryMinutes * 60_000;
  if (everyMs === 0) return;
  const began = performance.now();
  for (let waitMs = 0; await rest(waitMs, signal); ) {
    try {
      waitMs = everyMs - ((await readVerifiedAge(engine.side)) ?? performance.now() - began);
      if (waitMs > 0) continue;
      const { ok, differences, tables, objects } = await operations.verify(
        { tables: [], repair: false, resume: true, background: true },
        () => undefined,
      );
      engine.alerts.over('round', () => engine.log.info('the full comparison has ended'));
      const names = tables.filter(table => table.differences > 0).map(({ table }) => table);
      if (!ok) engine.log.error({ differences, tables: names, objects }, 'the sides differ: see `attacca verify`');
      waitMs = everyMs;
    } catch (error) {
      if (signal.aborted) return;
      waitMs = Math.min(AGAIN_MS, everyMs);
      if (!(error instanceof Refused))
        engine.alerts.raise('round', reasonOf(error), () => engine.log.warn({ err: error }, 'the full comparison did not end'));
    }
  }
}

/** False: it is over. */
const rest = async (ms: number, signal: AbortSignal): Promise<boolean> => {
  await delay(Math.min(ms, LONGEST_MS), undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
};

/** Beyond this a timer fires at once. */
const LONGEST_MS = 2 ** 31 - 1;
