/*
 * The throttle of the first copy, as people turn it. What waits for the copy is refused while it is paused: nobody should wait for what
 * only another command sets going again.
 */
import { once } from 'node:events';
import { Refused } from '../../../change/errors.ts';
import { isFirstCopy } from '../../../cutover/phase.ts';
import { readPhase } from '../../../postgres/installed/control.ts';
import type { ThrottleDocument } from '../../../server/documents.ts';
import type { Operations } from '../../../server/operations.ts';
import type { Controller } from '../controller.ts';
import type { Engine } from '../engine.ts';

type Copying = Pick<Engine, 'throttle' | 'side' | 'log'>;

/** Turns it; what is undefined stays as it is. Throws Refused for a pause where there is no first copy any more. */
export async function turn(engine: Copying, wanted: Parameters<Operations['throttle']>[0]): Promise<ThrottleDocument> {
  const { throttle, side, log } = engine;
  const before = throttle.value;
  const { rowsPerSecond = before.rowsPerSecond, nice = before.nice, chunkRows = before.chunkRows, paused = before.paused } = wanted;
  throttle.set({ rowsPerSecond, nice, chunkRows, paused });
  if (wanted.paused === true) {
    const { phase } = await readPhase(side); // only now: a copy that ends before this look takes the pause with it
    if (!isFirstCopy(phase)) {
      throttle.set(before);
      throw nothingToPause(phase);
    }
  }
  log.info(throttle.value, 'throttle set');
  return throttle.value;
}

/** The copy is over, and a pause with it. */
export const resumed = ({ throttle }: Pick<Engine, 'throttle'>): void => throttle.set({ ...throttle.value, paused: false });

/** Waits with `what` until the first copy is over. Throws Refused where it is paused, or somebody pauses it meanwhile. */
export async function untilCopied({ engine, tailing }: Pick<Controller, 'engine' | 'tailing'>, what: string): Promise<void> {
  if (!isFirstCopy((await readPhase(engine.side)).phase)) return;
  const enough = new AbortController();
  await Promise.race([tailing(), paused(engine, enough.signal)]).finally(() => enough.abort());
  if (!engine.throttle.value.paused) return;
  throw new Refused(`${what} refused`, [{ code: 'paused', reason: 'the first copy is paused', remedy: RESUME }]);
}

async function paused({ throttle }: Pick<Engine, 'throttle'>, signal: AbortSignal): Promise<void> {
  while (!throttle.value.paused) await once(throttle.changes, 'changed', { signal });
}

const RESUME = 'run `attacca throttle --resume`, and wait until `attacca status` shows shadowing';

const nothingToPause = (phase: string): Refused =>
  new Refused('nothing was paused', [
    {
      code: 'phase',
      reason: `the phase is ${phase}: there is no first copy to pause`,
      remedy: 'changes are followed in every phase but while `attacca sync` is stopped, which loses nothing',
    },
  ]);
