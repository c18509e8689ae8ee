import { setTimeout as delay } from 'node:timers/promises';

/** The rests of a transaction that no side takes, between two attempts. */
export interface Rests {
  /** Something has happened to the flag: all rests end, and those to come are short again. */
  wake(): void;
  /** Resolves when it is time to ask again, after `waited` ms without success. */
  rest(waited: number): Promise<void>;
}

/** So long after a wake the next one is likely to come: attacca announces a switch. */
const WOKEN_MS = 5_000;
const MOST_MS = 50;

/**
 * Short, since whoever sleeps when the other side opens has lost that time; random, so that waiting instances do not come back all at
 * once. Longer where a flag wakes: asking in vain takes the processor from those who are waited for.
 */
export function rests(): Rests {
  let woken = new AbortController();
  let wokenAt = Number.NEGATIVE_INFINITY;
  return {
    wake() {
      wokenAt = performance.now();
      woken.abort();
      woken = new AbortController();
    },
    async rest(waited) {
      const quiet = performance.now() - wokenAt;
      const more = quiet < WOKEN_MS ? Math.min(waited, quiet) / 4 : waited / 50;
      const ms = 1 + Math.random() * Math.min(1 + more, MOST_MS);
      await delay(ms, undefined, { signal: woken.signal }).catch(() => undefined); // woken: the rest is over
    },
  };
}
