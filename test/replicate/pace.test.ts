import { expect, test } from 'vitest';
import { dialOf, paceOf, type Throttle } from '../../src/replicate/pace.ts';

const never = new AbortController().signal;
const pace = (throttle: Partial<Throttle> = {}, lanes = 2) =>
  paceOf({ lanes, allowance: { rows: 1_000, bytes: 1, ms: 1 }, dial: dialOf({ rowsPerSecond: null, nice: 0, ...throttle }) });

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

test('at full speed nobody rests; a rate makes chunks small, so that it is kept evenly', async () => {
  expect(await pace().reading(async ({ rows }) => rows)).toBe(1_000);
  expect(await pace({ rowsPerSecond: 800 }).reading(async ({ rows }) => rows)).toBe(100);
  await pace().rest({ rows: 1e9, ms: 1e9 }, never); // which would be weeks
});

test('who makes way takes less at once, too [G6]', async () => {
  let rest = 0;
  const dial = dialOf({ rowsPerSecond: null, nice: 0 });
  const polite = paceOf({ lanes: 1, allowance: { rows: 1_000, bytes: 4_000, ms: 1 }, dial, backOff: () => rest });
  const taken: object[] = [];
  for (rest of [0, 1, 8]) taken.push(await polite.reading(async given => given));
  expect(taken).toEqual([
    { rows: 1_000, bytes: 4_000, ms: 1 },
    { rows: 500, bytes: 2_000, ms: 1 },
    { rows: 111, bytes: 444, ms: 1 },
  ]);
});

test('the lanes keep a rate together, and rest as long as they are asked to', async () => {
  const rated = pace({ rowsPerSecond: 1_000 });
  expect(await timed(() => Promise.all([1, 2].map(() => rated.rest({ rows: 100, ms: 0 }, never))))).toBeGreaterThan(190);
  expect(await timed(() => pace({ nice: 2 }).rest({ rows: 1, ms: 50 }, never))).toBeGreaterThan(95);
});

test('who rests hears at once that the throttle was opened, or that all is over [G6]', async () => {
  const dial = dialOf({ rowsPerSecond: 1, nice: 1e6 });
  const rated = paceOf({ lanes: 2, allowance: { rows: 1, bytes: 1, ms: 1 }, dial });
  const resting = rated.rest({ rows: 1e6, ms: 1e6 }, never);
  dial.set({ rowsPerSecond: null, nice: 0 });
  await resting;
  const cancel = new AbortController();
  const cancelled = pace({ nice: 1e6 }).rest({ rows: 1, ms: 1e6 }, cancel.signal);
  cancel.abort();
  await cancelled;
});

test('a gap begins when nobody reads, and nobody reads before it has ended', async () => {
  const lanes = pace();
  const events: string[] = [];
  const held = Promise.withResolvers<void>();
  const first = lanes.reading(async () => {
    await held.promise;
    events.push('read');
  });
  const gap = lanes.gap(async () => {
    events.push('gap');
    await new Promise(setImmediate);
    events.push('over');
  });
  const second = lanes.reading(async () => void events.push('read again'));
  held.resolve();
  await Promise.all([first, gap, second]);
  expect(events).toEqual(['read', 'gap', 'over', 'read again']);
});
