import { expect, test } from 'vitest';
import { handoff } from '../../src/postgres/wal/handoff.ts';

test('the first failure stays, is heard by whoever takes, and nothing that was not taken comes behind it [G2]', async () => {
  const items = handoff<string>(10);
  await items.put('taken', 1);
  expect(await items.take()).toBe('taken');
  const full = items.put('never taken', 10);
  items.fail(new Error('the first'));
  items.fail(new Error('what follows from it'));
  await full; // who pushes is not kept
  await items.put('too late', 1);
  expect([items.waiting, items.starving]).toEqual([false, false]);
  for (let again = 0; again < 2; again++) await expect(items.take()).rejects.toThrow('the first');
});

test('whoever pushes waits while too much is held, and no longer than that', async () => {
  const items = handoff<number>(2);
  for (let round = 0; round < 3; round++) {
    const pushed: number[] = [];
    for (const item of [1, 2]) void items.put(item, 1).then(() => pushed.push(item));
    await new Promise(setImmediate);
    expect(pushed).toEqual([1]);
    expect([await items.take(), await items.take()]).toEqual([1, 2]);
    await new Promise(setImmediate);
    expect(pushed).toEqual([1, 2]);
  }
});
