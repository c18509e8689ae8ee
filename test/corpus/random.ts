import { numbersFrom } from '../support/random.ts';

/** Random numbers that a seed repeats. */
export type Random = {
  /** 0 up to, not including, `below`. */
  int(below: number): number;
  /** True so often. */
  chance(probability: number): boolean;
  /** One of them; throws RangeError for none. */
  pick<T>(list: readonly T[]): T;
};

export function randomFrom(seed: number): Random {
  const numbers = numbersFrom(seed);
  const next = (): number => numbers() / 2 ** 32;
  const int = (below: number): number => Math.floor(next() * below);
  return {
    int,
    chance: probability => next() < probability,
    pick(list) {
      const item = list[int(list.length)];
      if (item === undefined) throw new RangeError('nothing to pick from');
      return item;
    },
  };
}

/** A number of its own for each text, so that one file runs alone as it runs among the others. */
export function seedOf(seed: number, text: string): number {
  return [...text].reduce((hash, letter) => Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193), seed ^ 0x811c9dc5) >>> 0;
}
