import { expect, test, vi } from 'vitest';
import { Refused } from '../../src/change/errors.ts';
import { Budget } from '../../src/cutover/budget.ts';
import { stopwatch } from '../../src/cutover/stopwatch.ts';

test('within its time it says how much is left and gives nothing back', () => {
  using budget = new Budget(60_000, () => expect.unreachable('there is time left'));
  const first = budget.remaining();
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThanOrEqual(60_000);
  expect(budget.remaining()).toBeLessThanOrEqual(first);
  expect(budget.signal.aborted).toBe(false);
});

test('when it runs out the lock goes back by itself, what is under way is cancelled, and the next step is refused by name [G9]', async () => {
  let given = 0;
  using budget = new Budget(20, () => {
    // Whoever gets the lock now must not meet a switch that still believes it holds it.
    expect(budget.signal.aborted).toBe(true);
    given++;
  });
  await new Promise(resolve => budget.signal.addEventListener('abort', resolve, { once: true }));
  expect(given).toBe(1);
  expect(budget.signal.reason).toBeInstanceOf(Refused);
  const refusal = expect.objectContaining({ blockers: [expect.objectContaining({ code: 'pause-budget' })] });
  expect(() => budget.remaining()).toThrow(refusal);
});

test('time that is over counts even before the timer could fire', () => {
  using budget = new Budget(1, () => undefined);
  const until = performance.now() + 2;
  while (performance.now() < until);
  expect(() => budget.remaining()).toThrow(Refused);
});

test('a lock that was given back is gone, also where the clock has not quite reached the end [G8]', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    using budget = new Budget(60_000, () => undefined);
    vi.advanceTimersByTime(60_000); // a timer may fire a little before performance.now() says so
    expect(() => budget.remaining()).toThrow(Refused);
  } finally {
    vi.useRealTimers();
  }
});

test('after it is disposed of nothing is given back any more', async () => {
  const budget = new Budget(1, () => expect.unreachable('it was disposed of'));
  budget[Symbol.dispose]();
  await new Promise<void>(resolve => new Budget(10, resolve));
  expect(budget.signal.aborted).toBe(false);
});

test('the stopwatch runs from the lock to the flag', () => {
  let now = 100;
  const watch = stopwatch(() => now);
  expect(watch.pauseMs).toBe(0);
  watch.start();
  now = 130;
  expect(watch.pauseMs).toBe(30);
  watch.stop();
  now = 900;
  expect(watch.pauseMs).toBe(30);
});

test('work that ends when the time is over is refused, whether it failed or succeeded; in time its own result stands [G9]', async () => {
  using budget = new Budget(60_000, () => undefined);
  expect(await budget.within(Promise.resolve('done'))).toBe('done');
  await expect(budget.within(Promise.reject(new TypeError('its own')))).rejects.toThrow(TypeError);
  using spent = new Budget(0, () => undefined);
  await expect(spent.within(Promise.resolve('done'))).rejects.toThrow(Refused);
  await expect(spent.within(Promise.reject(new TypeError('the connection is closed')))).rejects.toThrow(Refused);
});
