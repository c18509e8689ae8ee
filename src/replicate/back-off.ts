/*
 * The first copy makes way by itself when the application's writes become slower than they were before it. Pure: it is told what
 * writes meet, and says for how many times as long as they work the lanes should rest.
 */

/** A little slower is nothing: twice the noise of a quiet disk. */
const FACTOR = 1.5;
const SLACK_MS = 1;
/** Decisions are made on this many looks; after each the next ones see the new pace only. */
export const LOOKS = 20;
/** Or on fewer, when a look itself takes long: the slower the disk, the less there is to wait for. */
const ENOUGH_MS = 2_000;
const LONGEST = 8;

export type BackOff = {
  /** 0: full speed. */
  readonly rest: number;
  /** A write would have taken `ms` now. `busy`: the application has written since the look before. */
  heard(ms: number, busy: boolean): void;
};

/** `before`: what writes met before the copy began, in ms. */
export function backOff(before: readonly number[]): BackOff {
  const limit = p95(before) * FACTOR + SLACK_MS;
  let rest = 0;
  let looks: number[] = [];
  let writes = 0;
  return {
    get rest() {
      return rest;
    },
    heard(ms, busy) {
      looks.push(ms);
      if (busy) writes++;
      if (looks.length < LOOKS && looks.reduce((sum, look) => sum + look, 0) < ENOUGH_MS) return;
      // Nobody is in a hurry for an application that does not write.
      const slow = writes > 0 && p95(looks) > limit;
      rest = slow ? Math.min(LONGEST, Math.max(1, rest * 2)) : rest > 1 ? rest / 2 : 0;
      looks = [];
      writes = 0;
    },
  };
}

/** The 95th percentile; 0 of nothing. */
export function p95(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? 0;
}
