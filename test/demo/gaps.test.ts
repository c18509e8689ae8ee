import { expect, test } from 'vitest';
import { percentile, writeGaps } from '../../src/demo/gaps.ts';

/** A writer with an acknowledged write every 8 ms, except for `pauses`: at which time, and how much longer than usual. */
function writer(pauses: Readonly<Record<number, number>>): number[] {
  const times: number[] = [];
  for (let time = 0; time < 1_000; time += 8 + (pauses[time] ?? 0)) times.push(time);
  return times;
}

test('the gap is the longest interval that touches the switch, less the normal pace', () => {
  const writers = [writer({ 400: 20 }), writer({ 400: 12, 800: 300 }), writer({})];
  expect(writeGaps(writers, { from: 405, to: 410 })).toEqual({ perWriter: [20, 12, 0], p50: 12, max: 20 });
});

test.each([
  [[5, 1, 3], 50, 3],
  [[5, 1, 3], 100, 5],
  [[5, 1, 3], 0, 1],
  [[], 50, Number.NaN],
])('the percentile of %j at %i is %i', (values, p, expected) => {
  expect(percentile(values, p)).toBe(expected);
});
