import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backOff, LOOKS, p95 } from '../../src/replicate/back-off.ts';

const QUIET = Array.from({ length: LOOKS }, () => 2);

function heard(looks: readonly { readonly ms: number; readonly busy?: boolean }[]): number[] {
  const back = backOff(QUIET);
  return looks.map(({ ms, busy = true }) => {
    for (let n = 0; n < LOOKS; n++) back.heard(ms, busy);
    return back.rest;
  });
}

test('slower writes make the copy rest, ever longer; as fast as before, it goes faster again [G6]', () => {
  expect(
    heard([{ ms: 2 }, { ms: 4 }, { ms: 5 }, { ms: 9 }, { ms: 9 }, { ms: 9 }, { ms: 9 }, { ms: 3 }, { ms: 3 }, { ms: 3 }, { ms: 3 }]),
  ).toEqual([0, 0, 1, 2, 4, 8, 8, 4, 2, 1, 0]);
});

test('nobody makes way for an application that does not write, however slow the disk', () => {
  expect(heard([{ ms: 50, busy: false }, { ms: 50 }, { ms: 50, busy: false }])).toEqual([0, 1, 0]);
});

test('the longer writes take, the fewer of them are waited for: on a slow disk twenty would be a minute [G6]', () => {
  const back = backOff(QUIET);
  const rests = [700, 700, 700, 4_000, 2].map(ms => {
    back.heard(ms, true);
    return back.rest;
  });
  expect(rests).toEqual([0, 0, 1, 2, 2]);
});

test('one slow write among twenty is noise; what it rests is bounded, and it always finds back', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ ms: fc.double({ min: 0, max: 1_000, noNaN: true }), busy: fc.boolean() }), { maxLength: 400 }),
      looks => {
        const back = backOff(QUIET);
        for (const { ms, busy } of looks) {
          back.heard(ms, busy);
          expect(back.rest).toBeGreaterThanOrEqual(0);
          expect(back.rest).toBeLessThanOrEqual(8);
        }
        for (let n = 0; n < 6 * LOOKS; n++) back.heard(n % LOOKS === 0 ? 900 : 2, true);
        expect(back.rest).toBe(0);
      },
    ),
  );
});

test('the 95th percentile', () => {
  expect(p95([])).toBe(0);
  expect(p95(Array.from({ length: 100 }, (_, n) => 100 - n))).toBe(95);
});
