import { expect, test, vi } from 'vitest';
import type { Batch, Lsn, RowChange } from '../../../../src/change/change.ts';
import { PipeEnded, Refused } from '../../../../src/change/errors.ts';
import { pinning, SILENCED } from '../../../../src/cli/engine/mirror/pinning.ts';

const EMPTY: Batch<Lsn, AsyncIterable<RowChange>> = { position: 1n as Lsn, changes: (async function* () {})() };

test('whoever waits for a watermark has Postgres look again and again, which may sleep over the commit that brings it, and nobody else does', async () => {
  const nudge = vi.fn();
  let watermark: string | null = null;
  const sink = { checkpoint: async () => 0n as Lsn, apply: async () => undefined };
  const { signal } = new AbortController();
  const pins = pinning(sink, { watermark: () => watermark, arrived: () => undefined, nudge, signal });

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
  const stop = new AbortController();
  const pins = pinning(sink, { watermark: () => null, arrived: () => undefined, nudge: () => undefined, signal: stop.signal });
  const pause = new Refused('the pause is over', []);
  const never = async (): Promise<never> => expect.unreachable();
  await expect(pins.at('never', never, AbortSignal.abort(pause))).rejects.toBe(pause);
  await expect(pins.at('never', never, AbortSignal.timeout(1))).rejects.toMatchObject({ disposition: 'retry' });
  stop.abort();
  await expect(pins.at('never', never, stop.signal)).rejects.toBeInstanceOf(PipeEnded);
});

test('once it is to stop it begins nothing more, and is idle when what it had begun has ended [G8]', async () => {
  const writing = Promise.withResolvers<void>();
  const sink = { checkpoint: async () => 0n as Lsn, apply: () => writing.promise };
  const stop = new AbortController();
  const pins = pinning(sink, { watermark: () => null, arrived: () => undefined, nudge: () => undefined, signal: stop.signal });
  const order: string[] = [];
  const begun = pins.sink.apply(EMPTY);
  stop.abort();
  await expect(pins.sink.apply(EMPTY)).rejects.toBe(SILENCED);
  const idle = pins.idle().then(() => order.push('idle'));
  setTimeout(() => order.push('written') && writing.resolve(), 5);
  await Promise.all([begun, idle]);
  expect(order).toEqual(['written', 'idle']);
});
