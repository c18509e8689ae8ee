/** `run`: in the order of the calls. `alone`: with nothing under way beside it. A failure goes to its own caller only. */
export type Turns = {
  run<T>(work: () => Promise<T>): Promise<T>;
  alone<T>(work: () => Promise<T>): Promise<T>;
};

/** One after the other. */
export function turns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  const run: Turns['run'] = work => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
  return { run, alone: run };
}

/** Begins each at once; only what must be alone waits for all before it, and lets all behind it wait. */
export function overlapping(): Turns {
  const underWay = new Set<Promise<unknown>>();
  let alone: Promise<unknown> | undefined;
  const noted = <T>(mine: Promise<T>): Promise<T> => {
    const settled: Promise<unknown> = mine.then(nothing, nothing).then(() => underWay.delete(settled));
    underWay.add(settled);
    return mine;
  };
  return {
    run: work => noted(alone === undefined ? work() : alone.then(work)),
    alone(work) {
      const mine = noted(Promise.all(underWay).then(work));
      const settled: Promise<unknown> = mine.then(nothing, nothing);
      alone = settled;
      void settled.then(() => {
        if (alone === settled) alone = undefined;
      });
      return mine;
    },
  };
}

const nothing = (): void => undefined;
