import { EventEmitter } from 'node:events';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Lsn } from '../../src/change/change.ts';
import { type Handoff, handoff } from '../../src/postgres/wal/handoff.ts';
import { attend, type Item } from '../../src/postgres/wal/stream.ts';

function attending(service: object, items: Handoff<Item>, start = 1n as Lsn) {
  const line = attend(service as Parameters<typeof attend>[0], items, start);
  onTestFinished(line.close);
  return line;
}

test('a keepalive that overtakes a row is not believed: its position would be stored, and the row taken for a replay [G10]', async () => {
  const service = Object.assign(new EventEmitter(), { acknowledge: async () => true });
  const items = handoff<Item>(1_000);
  const line = attending(service, items);
  const keepalive = () => service.emit('heartbeat', '0/99', 0, false);

  const first = items.take();
  line.arrived(); // both came in one piece: the row waits for its turn, the keepalive does not
  keepalive();
  service.emit('data', '0/50', { result: { kind: 'commit' }, weight: 1 });
  expect(await first).toEqual({ kind: 'commit' });

  const second = items.take();
  await new Promise(setImmediate);
  keepalive();
  expect(await second).toEqual({ kind: 'idle', position: 0x99n });
});

test('a nudge is one report more: whatever comes wakes the sender', async () => {
  const reported: unknown[] = [];
  const service = Object.assign(new EventEmitter(), { acknowledge: async (lsn: string) => reported.push(lsn) > 0 });
  const line = attending(service, handoff<Item>(1_000), 0x10n as Lsn);
  line.nudge();
  expect(reported).toEqual(['0/F']);
});

test('a message that could not be read ends the stream, never only itself [G7]', async () => {
  const service = Object.assign(new EventEmitter(), { acknowledge: async () => true });
  const items = handoff<Item>(1_000);
  attending(service, items);
  const taken = items.take();
  service.emit('data', '0/50', { result: new RangeError('cut short'), weight: 1 });
  service.emit('data', '0/60', { result: { kind: 'commit' }, weight: 1 });
  await expect(taken).rejects.toMatchObject({ disposition: 'halt' });
});

test('a connection that says nothing is asked, then lost, whatever the socket says; not while the sink is busy [G2]', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const pings: unknown[] = [];
  const service = Object.assign(new EventEmitter(), { acknowledge: async (_: string, ping: boolean) => pings.push(ping) > 0 });
  const items = handoff<Item>(1_000);
  attending(service, items);
  vi.advanceTimersByTime(300_000); // nobody takes: the socket is paused
  expect(pings).not.toContain(true);
  const taken = items.take();
  const outcome = () => Promise.race([taken, Promise.resolve('waits')]);
  vi.advanceTimersByTime(20_000);
  expect([await outcome(), pings.includes(true)]).toEqual(['waits', true]);
  vi.advanceTimersByTime(20_000);
  await expect(outcome()).rejects.toMatchObject({ disposition: 'retry' });
});

test('a publication that is gone sends to `attacca resync` where the server refuses it, whichever runs here [G7]', async () => {
  const service = Object.assign(new EventEmitter(), { acknowledge: async () => true });
  const items = handoff<Item>(1_000);
  attending(service, items);
  const taken = items.take();
  service.emit('error', Object.assign(new Error('publication "p" does not exist'), { code: '42704', severity: 'ERROR' }));
  await expect(taken).rejects.toMatchObject({ disposition: 'halt', hint: expect.stringContaining('`attacca resync`') });
});
