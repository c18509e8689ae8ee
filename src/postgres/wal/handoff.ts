/*
 * Turns what is pushed into something that is pulled, in order, with a bound on what lies between.
 *
 * (1) `put` resolves when there is room again: whoever pushes waits for that, and the socket behind it stays paused.
 * (2) A failure is heard at once, by both sides, and for good; what was not taken by then is dropped. It will be read again.
 */
export interface Handoff<T> {
  /** Resolves when less than the limit is waiting. Never rejects: who pushes learns of a failure by being stopped. */
  put(item: T, weight: number): Promise<void>;
  /** The next item; waits for it. Rejects with the failure. One caller at a time. */
  take(): Promise<T>;
  /** The first failure stays; later ones follow from it. */
  fail(reason: unknown): void;
  /** Whether somebody waits for an item, and there is none. */
  readonly starving: boolean;
  /** Whether the next `take` has something without waiting. */
  readonly waiting: boolean;
}

/** A handoff that holds items of up to `limit` in weight, and one more. */
export function handoff<T>(limit: number): Handoff<T> {
  let items: { readonly item: T; readonly weight: number }[] = [];
  let held = 0;
  let failure: { readonly reason: unknown } | undefined;
  let taker: { readonly resolve: (item: T) => void; readonly reject: (reason: unknown) => void } | undefined;
  let putter: (() => void) | undefined;

  const room = (): void => {
    putter?.();
    putter = undefined;
  };
  return {
    put(item, weight) {
      if (failure !== undefined) return Promise.resolve();
      if (taker !== undefined) {
        const { resolve } = taker;
        taker = undefined;
        resolve(item);
        return Promise.resolve();
      }
      items.push({ item, weight });
      held += weight;
      return held < limit ? Promise.resolve() : new Promise(resolve => (putter = resolve));
    },
    take() {
      if (failure !== undefined) return Promise.reject(failure.reason);
      const entry = items.shift();
      if (entry === undefined) return new Promise((resolve, reject) => (taker = { resolve, reject }));
      held -= entry.weight;
      if (held < limit) room();
      return Promise.resolve(entry.item);
    },
    fail(reason) {
      failure ??= { reason };
      items = [];
      taker?.reject(failure.reason);
      taker = undefined;
      room();
    },
    get waiting() {
      return items.length > 0;
    },
    get starving() {
      return taker !== undefined;
    },
  };
}
