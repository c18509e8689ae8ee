import { expect, test } from 'vitest';
import { judgeSlot, type Retained, type SlotPolicy } from '../../src/replicate/retained.ts';

const MB = 1n << 20n;
const policy: SlotPolicy = { warnSlotMegabytes: 100, maxSlotMegabytes: 1_000, whenSlotFull: 'warn' };
const healthy: Retained = { exists: true, walStatus: 'reserved', retainedBytes: 0n, safeBytes: null };

test.each<{ slot: Partial<Retained>; full?: 'drop'; level: string; says?: RegExp }>([
  { slot: {}, level: 'fine' },
  { slot: { retainedBytes: 100n * MB - 1n }, level: 'fine' },
  { slot: { retainedBytes: 100n * MB }, level: 'alarm', says: /keeps 100 MB .*warnSlotMegabytes \(100\)/ },
  { slot: { retainedBytes: 999n * MB }, full: 'drop', level: 'alarm' },
  { slot: { retainedBytes: 1_000n * MB }, level: 'alarm', says: /maxSlotMegabytes \(1000\)/ },
  { slot: { retainedBytes: 1_000n * MB }, full: 'drop', level: 'drop', says: /keeps 1000 MB/ },
  { slot: { walStatus: 'extended', retainedBytes: 20n * MB, safeBytes: 80n * MB }, level: 'fine' },
  { slot: { walStatus: 'extended', retainedBytes: 81n * MB, safeBytes: 19n * MB }, level: 'alarm', says: /after 19 MB more/ },
  { slot: { walStatus: 'unreserved', safeBytes: -5n }, level: 'alarm', says: /at the next checkpoint/ },
  { slot: { walStatus: 'lost', retainedBytes: 5_000n * MB }, full: 'drop', level: 'alarm', says: /given up/ },
  { slot: { exists: false, walStatus: null }, level: 'alarm', says: /not there/ },
])('a slot like $slot is $level', ({ slot, full, level, says }) => {
  const verdict = judgeSlot({ ...healthy, ...slot }, full === undefined ? policy : { ...policy, whenSlotFull: full });
  expect(verdict.level).toBe(level);
  if (says !== undefined) expect('reason' in verdict ? verdict.reason : '').toMatch(says);
});
