/** Choices that follow from one number, so that a step of a history is two numbers to shrink instead of thirty. */
export type Dice = {
  below(limit: number): number;
  pick<T>(list: readonly T[]): T;
  /** True `percent` times in a hundred. */
  chance(percent: number): boolean;
};

/** mulberry32: every bit of the seed reaches every choice. */
export function dice(seed: number): Dice {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    pick: list => list[below(list.length)]!,
    chance: percent => next() * 100 < percent,
  };
}
