import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FlagConfig } from '../../src/flag/config.ts';
import { fileFlag } from '../../src/flag/file.ts';
import type { FlagProvider, FlagState } from '../../src/flag/flag.ts';
import { watchFlag } from '../../src/flag/watch.ts';

/** Every state reported so far, and a promise of the next one. */
function recorder() {
  const states: FlagState[] = [];
  let next = Promise.withResolvers<FlagState>();
  return {
    states,
    next: () => next.promise,
    record(state: FlagState) {
      states.push(state);
      next.resolve(state);
      next = Promise.withResolvers();
    },
  };
}

async function follow(provider: FlagProvider, pollMs: number) {
  const cancel = new AbortController();
  const seen = recorder();
  const first = seen.next();
  watchFlag(provider, { signal: cancel.signal, pollMs }, seen.record);
  await first;
  const second = seen.next();
  await provider.write({ primary: 'postgres', epoch: 1n });
  await second;
  cancel.abort();
  return seen.states;
}

const FOLLOWED: FlagState[] = [
  { primary: 'sqlite', epoch: 0n },
  { primary: 'postgres', epoch: 1n },
];

test.each([
  ['an event alone', 3_600_000, true],
  ['polling alone', 5, false],
])('a switch is seen by %s', async (_, pollMs, events) => {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-watch-'));
  const path = join(folder, 'app.env');
  writeFileSync(path, 'DB_TYPE=sqlite\n');
  const { watch, ...mute } = fileFlag(FlagConfig.parse({ path }));
  expect(await follow(events && watch ? { ...mute, watch } : mute, pollMs)).toEqual(FOLLOWED);
  rmSync(folder, { recursive: true });
});

test('what is read when nobody follows any more is told to nobody', async () => {
  const cancel = new AbortController();
  const reading = Promise.withResolvers<FlagState>();
  const seen = recorder();
  watchFlag({ read: () => reading.promise }, { signal: cancel.signal, pollMs: 3_600_000 }, seen.record);
  cancel.abort();
  reading.resolve(FOLLOWED[0]!);
  await new Promise(setImmediate);
  expect(seen.states).toEqual([]);
});

test('a change while the flag is being read is not missed, no read overtakes another, and one that fails ends nothing', async () => {
  const cancel = new AbortController();
  const reads: PromiseWithResolvers<FlagState>[] = [];
  let wake = (): void => undefined;
  const provider = {
    read: () => {
      reads.push(Promise.withResolvers());
      return reads.at(-1)!.promise;
    },
    watch: (call: () => void) => {
      wake = call;
    },
  };
  const seen = recorder();
  const [first] = FOLLOWED;
  watchFlag(provider, { signal: cancel.signal, pollMs: 3_600_000 }, seen.record);
  wake(); // what is read may be older than this
  expect(reads).toHaveLength(1);
  const before = seen.next();
  reads[0]!.resolve(first!);
  await before;
  await expect.poll(() => reads.length).toBe(2);
  const after = seen.next();
  reads[1]!.resolve(FOLLOWED[1]!);
  expect(await after).toEqual(FOLLOWED[1]);
  wake();
  await expect.poll(() => reads.length).toBe(3);
  reads[2]!.reject(new Error('it cannot be read'));
  wake();
  await expect.poll(() => reads.length).toBe(4);
  cancel.abort();
});
