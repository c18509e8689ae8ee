import { expect, test } from 'vitest';
import { type Disposition, ReplicationError, UsageError } from '../../src/change/errors.ts';
import { supervise } from '../../src/replicate/supervise.ts';

const failing = (disposition: Disposition): ReplicationError => new ReplicationError(disposition, 'injected', { hint: 'none' });
const never = new AbortController().signal;

test.each([
  ['a halt', failing('halt')],
  ['a refused value', failing('quarantine')],
  ['an error nobody classified', new Error('surprise')],
  ['a bug', new TypeError('undefined is not a function')],
  ['bad usage', new UsageError('no', 'yes')],
  ['something that is no error', 'text'],
])('%s ends it at once and surfaces as it is', async (_, error) => {
  let runs = 0;
  const run = async (): Promise<void> => {
    runs++;
    throw error;
  };
  await expect(supervise(run, () => expect.unreachable('it must not be tried again'), never)).rejects.toBe(error);
  expect(runs).toBe(1);
});

test('an unknown failure halts, even after transient ones were survived [G7]', async () => {
  const unknown = new Error('surprise');
  const failures: unknown[] = [failing('retry'), unknown];
  const survived: unknown[] = [];
  const run = async (): Promise<void> => {
    throw failures.shift();
  };
  await expect(supervise(run, error => survived.push(error), never)).rejects.toBe(unknown);
  expect(survived).toEqual([expect.objectContaining({ disposition: 'retry' })]);
});

test('a transient failure runs it again from scratch until it ends', async () => {
  let runs = 0;
  const run = async (): Promise<void> => {
    if (++runs < 2) throw failing('retry');
  };
  await supervise(run, () => undefined, never);
  expect(runs).toBe(2);
});

/** The waits announced by a run that always fails, cancelled at the last; `lasting` are the runs that last for ten seconds. */
async function waits(count: number, lasting: readonly number[]): Promise<number[]> {
  const cancel = new AbortController();
  const announced: number[] = [];
  let runs = 0;
  let now = 0;
  await supervise(
    async () => {
      now += lasting.includes(++runs) ? 10_000 : 9_999;
      throw failing('retry');
    },
    (_, waitMs) => {
      announced.push(waitMs);
      if (announced.length === count) cancel.abort();
    },
    cancel.signal,
    () => now,
  );
  return announced;
}

test('the wait doubles while nothing works', async () => {
  expect(await waits(3, [])).toEqual([100, 200, 400]);
});

test('the wait begins anew after a run that lasted', async () => {
  expect(await waits(3, [2])).toEqual([100, 100, 200]);
});

test('being cancelled while waiting ends it without an error and without another run', async () => {
  const cancel = new AbortController();
  let runs = 0;
  await supervise(
    async () => {
      runs++;
      throw failing('retry');
    },
    () => queueMicrotask(() => cancel.abort()),
    cancel.signal,
  );
  expect(runs).toBe(1);
});

test('a failure that only follows from being cancelled is nobody’s concern', async () => {
  const cancel = new AbortController();
  const run = async (): Promise<void> => {
    cancel.abort();
    throw new Error('the connection was closed');
  };
  await expect(supervise(run, () => expect.unreachable('it was cancelled'), cancel.signal)).resolves.toBeUndefined();
});

test('nothing runs when it was cancelled before', async () => {
  const run = async (): Promise<void> => expect.unreachable('it was cancelled');
  await expect(supervise(run, () => undefined, AbortSignal.abort())).resolves.toBeUndefined();
});
