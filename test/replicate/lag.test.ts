import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Lag, lagTracker } from '../../src/replicate/lag.ts';

type Step = readonly ['seen', bigint, number] | readonly ['applied', bigint];

/** The lag at time 1000 of a pipe that began at checkpoint 10. */
function after(steps: readonly Step[]): Lag {
  const tracker = lagTracker(10n);
  for (const step of steps) {
    if (step[0] === 'seen') tracker.seen(step[1], step[2]);
    else tracker.applied(step[1]);
  }
  return tracker.lag(1_000);
}

test.each<{ what: string; steps: Step[]; lag: Lag }>([
  { what: 'nothing seen', steps: [], lag: { changes: 0n, ms: 0 } },
  { what: 'the head is the checkpoint', steps: [['seen', 10n, 400]], lag: { changes: 0n, ms: 0 } },
  { what: 'an old head', steps: [['seen', 7n, 400]], lag: { changes: 0n, ms: 0 } },
  { what: 'one head ahead', steps: [['seen', 15n, 400]], lag: { changes: 5n, ms: 600 } },
  {
    what: 'the age is that of the oldest',
    steps: [
      ['seen', 15n, 400],
      ['seen', 20n, 900],
    ],
    lag: { changes: 10n, ms: 600 },
  },
  {
    what: 'seeing the same head again makes it no younger',
    steps: [
      ['seen', 15n, 400],
      ['seen', 15n, 900],
    ],
    lag: { changes: 5n, ms: 600 },
  },
  {
    what: 'part of it applied: not yet the head that was seen',
    steps: [
      ['seen', 15n, 400],
      ['applied', 14n],
    ],
    lag: { changes: 1n, ms: 600 },
  },
  {
    what: 'the first of two heads applied',
    steps: [
      ['seen', 15n, 400],
      ['seen', 20n, 900],
      ['applied', 15n],
    ],
    lag: { changes: 5n, ms: 100 },
  },
  {
    what: 'everything applied, however long ago it was seen',
    steps: [
      ['seen', 15n, 1],
      ['applied', 15n],
    ],
    lag: { changes: 0n, ms: 0 },
  },
  { what: 'applied before it was seen', steps: [['applied', 30n]], lag: { changes: 0n, ms: 0 } },
  {
    what: 'a head seen late, of what is applied already',
    steps: [
      ['applied', 30n],
      ['seen', 20n, 10],
    ],
    lag: { changes: 0n, ms: 0 },
  },
  {
    what: 'a replay moves nothing back',
    steps: [
      ['seen', 20n, 400],
      ['applied', 20n],
      ['applied', 12n],
    ],
    lag: { changes: 0n, ms: 0 },
  },
  { what: 'a clock that was set back', steps: [['seen', 15n, 5_000]], lag: { changes: 5n, ms: 0 } },
])('$what', ({ steps, lag }) => {
  expect(after(steps)).toEqual(lag);
});

test('however many heads wait, the age is never younger than the oldest, and none is forgotten', () => {
  const ahead = fc.integer({ min: 1, max: 3_000 });
  fc.assert(
    fc.property(ahead, ahead, (heads, applied) => {
      const tracker = lagTracker(0n);
      for (let head = 1; head <= heads; head++) tracker.seen(BigInt(head), head);
      tracker.applied(BigInt(Math.min(applied, heads)));
      const { changes, ms } = tracker.lag(heads);
      const left = Math.max(0, heads - applied);
      expect(changes).toBe(BigInt(left));
      if (left === 0) expect(ms).toBe(0);
      else expect(ms).toBeGreaterThanOrEqual(left - 1);
    }),
    { numRuns: 50 },
  );
});
