import { expect, test, vi } from 'vitest';
import type { Batch, Lsn, RowChange } from '../../../../src/change/change.ts';
import { pinning } from '../../../../src/cli/engine/mirror/pinning.ts';

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
