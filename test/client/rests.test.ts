import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { rests } from '../../src/client/rests.ts';

test('a wake ends every rest at once, and none that comes later', async () => {
  const { rest, wake } = rests();
  const ended: number[] = [];
  // Each is between 1 and 51 ms at random; that all of a hundred were so short that they ended by themselves is out of the question.
  const all = Array.from({ length: 100 }, async (_, n) => {
    await rest(1_000_000);
    ended.push(n);
  });
  wake();
  for (let turn = 0; turn < 3; turn++) await setImmediate();
  expect(ended.length).toBe(100);
  await Promise.all(all);
  let over = false;
  const later = rest(1_000_000).then(() => {
    over = true;
  });
  await Promise.resolve();
  expect(over).toBe(false);
  await later;
});
