import { setTimeout as delay } from 'node:timers/promises';
import { isTransient } from '../change/errors.ts';

const FIRST_MS = 100;
const LAST_MS = 10_000;

/**
 * Runs `run` again from scratch until it finishes, is cancelled, or fails in a way that will not heal. Nothing in memory
 * survives a failure, so recovering and starting are the same code path. The waits grow while no run lasts as long as the longest of them.
 */
export async function supervise(
  run: () => Promise<void>,
  restarting: (error: unknown, waitMs: number) => void,
  signal: AbortSignal,
  now: () => number = () => performance.now(),
): Promise<void> {
  let waitMs = FIRST_MS;
  while (!signal.aborted) {
    const began = now();
    try {
      return await run();
    } catch (error) {
      if (signal.aborted) return;
      if (!isTransient(error)) throw error;
      if (now() - began >= LAST_MS) waitMs = FIRST_MS;
      restarting(error, waitMs);
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
      waitMs = Math.min(waitMs * 2, LAST_MS);
    }
  }
}
