import { expect, test } from 'vitest';
import { type Dial, dialOf, paceOf, type Throttle } from '../../src/replicate/pace.ts';

const never = new AbortController().signal;
const FREE: Throttle = { rowsPerSecond: null, nice: 0, chunkRows: 1_000, paused: false };
const pace = (throttle: Partial<Throttle> = {}, lanes = 2) =>
  paceOf({ lanes, allowance: { bytes: 1, ms: 1 }, dial: dialOf({ ...FREE, ...throttle }) });

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
  const dial = dialOf(FREE);
  const polite = paceOf({ lanes: 1, allowance: { bytes: 4_000, ms: 1 }, dial, backOff: () => rest });
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
  const dial = dialOf({ ...FREE, rowsPerSecond: 1, nice: 1e6 });
  const rated = paceOf({ lanes: 2, allowance: { bytes: 1, ms: 1 }, dial });
  const resting = rated.rest({ rows: 1e6, ms: 1e6 }, never);
  dial.set(FREE);
  await resting;
  const cancel = new AbortController();
  const cancelled = pace({ nice: 1e6 }).rest({ rows: 1, ms: 1e6 }, cancel.signal);
  cancel.abort();
  await cancelled;
});

test('a rate that is turned forgets what the one before it still asked for', async () => {
  const dial = dialOf({ ...FREE, rowsPerSecond: 1 });
  const rated = paceOf({ lanes: 1, allowance: { bytes: 1, ms: 1 }, dial });
  const cancel = new AbortController();
  const resting = rated.rest({ rows: 3_600, ms: 0 }, cancel.signal);
  dial.set({ ...FREE, rowsPerSecond: 1_000_000 });
  await resting;
  await rated.rest({ rows: 1, ms: 0 }, never);
});

test('a rest of months waits, too: no timer overflows', async () => {
  const warnings: Error[] = [];
  const warned = (warning: Error): void => void warnings.push(warning);
  process.on('warning', warned);
  const cancel = new AbortController();
  const resting = pace({ nice: 1e6 }).rest({ rows: 1, ms: 1e6 }, cancel.signal);
  await new Promise(setImmediate);
  cancel.abort();
  await resting;
  process.off('warning', warned);
  expect(warnings).toEqual([]);
});

test('a chunk has as many rows as are wanted when it is read', async () => {
  const dial = dialOf(FREE);
  const turned = paceOf({ lanes: 1, allowance: { bytes: 1, ms: 1 }, dial });
  const taken: number[] = [];
  for (const chunkRows of [1_000, 100, 5_000]) {
    dial.set({ ...FREE, chunkRows });
    taken.push(await turned.reading(async ({ rows }) => rows));
  }
  expect(taken).toEqual([1_000, 100, 5_000]);
});

test('while it is paused no lane begins, and each does once it is not, or all is over [G6]', async () => {
  const dial = dialOf({ ...FREE, paused: true });
  let looks = 0;
  const seen: Dial = {
    ...dial,
    get value() {
      looks++;
      return dial.value;
    },
  };
  const paused = paceOf({ lanes: 2, allowance: { bytes: 1, ms: 1 }, dial: seen });
  const begun: number[] = [];
  const over = new AbortController();
  const lanes = [0, 1].map(place => paused.admit(place, over.signal).then(() => begun.push(place)));
  await expect.poll(() => looks, { interval: 10 }).toBeGreaterThan(6); // each lane has looked again
  expect(begun).toEqual([]);
  dial.set(FREE);
  await Promise.all(lanes);
  dial.set({ ...FREE, paused: true });
  const last = paused.admit(0, over.signal);
  over.abort();
  await last;
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
