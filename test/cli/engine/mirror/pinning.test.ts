import { expect, test, vi } from 'vitest';
import type { Batch, Lsn, RowChange } from '../../../../src/change/change.ts';
import { PipeEnded, Refused } from '../../../../src/change/errors.ts';
import { pinning } from '../../../../src/cli/engine/mirror/pinning.ts';

const { signal: NEVER } = new AbortController();
const MARKS = { watermark: () => null, arrived: () => undefined, nudge: () => undefined, quiet: NEVER, stop: NEVER };
const EMPTY: Batch<Lsn, AsyncIterable<RowChange>> = { position: 1n as Lsn, changes: (async function* () {})() };

test('whoever waits for a watermark has Postgres look again and again, which may sleep over the commit that brings it, and nobody else does', async () => {
  const nudge = vi.fn();
  let watermark: string | null = null;
  const sink = { checkpoint: async () => 0n as Lsn, apply: async () => undefined };
  const { signal } = new AbortController();
  const pins = pinning(sink, { ...MARKS, watermark: () => watermark, nudge });

  const reached = pins.at('here', async () => 'reached', signal);
  await vi.waitUntil(() => nudge.mock.calls.length > 2);
  watermark = 'here';
  await pins.sink.apply(EMPTY);
  expect(await reached).toBe('reached');

  nudge.mockClear();
  await new Promise(resolve => setTimeout(resolve, 50));
  expect(nudge).not.toHaveBeenCalled();
});

test('whoever waits in vain is told why, also where that was over before: the pause, the end of the mirror, or the time', async () => {
  const sink = { checkpoint: async () => 0n as Lsn, apply: async () => undefined };
  const quiet = new AbortController();
  const pins = pinning(sink, { ...MARKS, quiet: quiet.signal });
  const pause = new Refused('the pause is over', []);
  const never = async (): Promise<never> => expect.unreachable();
  await expect(pins.at('never', never, AbortSignal.abort(pause))).rejects.toBe(pause);
  await expect(pins.at('never', never, AbortSignal.timeout(1))).rejects.toMatchObject({ disposition: 'retry' });
  quiet.abort();
  await expect(pins.at('never', never, quiet.signal)).rejects.toBeInstanceOf(PipeEnded);
});

test('once it is silent it begins nothing more, and is idle when what it had begun has ended; the pipe waits for the stop [G8]', async () => {
  const writing = Promise.withResolvers<void>();
  const apply = vi.fn(() => writing.promise);
  const [quiet, stop] = [new AbortController(), new AbortController()];
  const pins = pinning({ checkpoint: async () => 0n as Lsn, apply }, { ...MARKS, quiet: quiet.signal, stop: stop.signal });
  const order: string[] = [];
  const begun = pins.sink.apply(EMPTY);
  quiet.abort();
  const next = pins.sink.apply(EMPTY).catch(error => order.push('over') && error);
  const idle = pins.idle().then(() => order.push('idle'));
  setTimeout(() => order.push('written') && writing.resolve(), 5);
  await Promise.all([begun, idle]);
  stop.abort();
  expect(await next).toBe(stop.signal.reason);
  expect(await pins.sink.apply(EMPTY).catch(error => error)).toBe(stop.signal.reason);
  expect(order).toEqual(['written', 'idle', 'over']);
  expect(apply).toHaveBeenCalledTimes(1);
});
