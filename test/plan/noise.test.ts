/* Decimals in which SQLite's arithmetic has left something: `decimal(N places)`. */
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { codecOf, keeping } from '../../src/plan/codec.ts';
import { Unfit } from '../../src/plan/codecs/fit.ts';
import type { ColumnPlan } from '../../src/plan/plan.ts';
import { number, pgText } from './codec-values.ts';
import { affinities, storing } from './storing.ts';

const { stored, close } = storing();
afterAll(close);

const numbers = affinities.filter(affinity => affinity !== 'text' && affinity !== 'blob');
const column = (affinity: (typeof affinities)[number]) => ({ codec: 'decimal(2 places)', affinity }) as ColumnPlan;

/** Hundredths, as a decimal without zeros at its end. */
const written = (hundredths: bigint): string => {
  const digits = (hundredths < 0n ? -hundredths : hundredths).toString().padStart(3, '0');
  return `${hundredths < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`.replace(/\.?0+$/, '');
};

test.each(numbers)('what is left of sums of decimals in a column of %s affinity is no part of them [G4]', affinity => {
  const { encode, canonical, decode } = codecOf(column(affinity));
  const hundredths = fc.bigInt({ min: -(10n ** 9n), max: 10n ** 9n });
  fc.assert(
    fc.property(fc.array(hundredths, { minLength: 1, maxLength: 30 }), parts => {
      const sum = stored(
        parts.reduce((total, part) => total + Number(part) / 100, 0),
        affinity,
      );
      const text = encode(sum);
      expect(typeof text === 'string' && canonical(text)).toBe(written(parts.reduce((total, part) => total + part, 0n)));
      expect(keeping(column(affinity))?.(sum, decode(text as string) as number)).toBe(sum);
    }),
  );
});

test.each(numbers)('every other number in a column of %s affinity is what it is without that [G4]', affinity => {
  const [noisy, plain] = [codecOf(column(affinity)), codecOf({ codec: 'decimal', affinity })];
  for (const value of [0.305, 0.30001, -1.2345, 1e-5, 123456789.125]) expect(noisy.encode(value)).toBe(plain.encode(value));
  fc.assert(
    fc.property(number, given => {
      const value = stored(given, affinity);
      if (typeof value === 'number' && Math.abs(value - Number(value.toFixed(2))) < 1e-5) return;
      expect(noisy.encode(value)).toEqual(plain.encode(value));
    }),
  );
  fc.assert(
    fc.property(pgText, text => {
      const value = noisy.decode(text);
      if (value instanceof Unfit) return;
      expect(noisy.canonical(noisy.encode(stored(value, affinity)) as string)).toBe(noisy.canonical(text));
    }),
  );
});
