import { numbersFrom } from '../support/random.ts';

/** Choices that follow from one number, so that a step of a history is two numbers to shrink instead of thirty. */
export type Dice = {
  below(limit: number): number;
  pick<T>(list: readonly T[]): T;
  /** True `percent` times in a hundred. */
  chance(percent: number): boolean;
};

/** Every bit of the seed reaches every choice. */
export function dice(seed: number): Dice {
  const numbers = numbersFrom(seed);
  const next = (): number => numbers() / 2 ** 32;
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    pick: list => list[below(list.length)]!,
    chance: percent => next() * 100 < percent,
  };
}
