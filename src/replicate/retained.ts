/*
 * What a slot that is not read costs, and when to do something about it: Postgres keeps its WAL on the disk that the application
 * needs. Pure; sizes in bytes.
 */

/** What Postgres says about the slot. */
export type Retained = {
  readonly exists: boolean;
  readonly walStatus: string | null;
  readonly retainedBytes: bigint;
  readonly safeBytes: bigint | null;
};

export type SlotPolicy = {
  readonly warnSlotMegabytes: number;
  readonly maxSlotMegabytes: number;
  readonly whenSlotFull: 'warn' | 'drop';
};

/** `alarm`: say so. `drop`: give the slot up, and with it the mirror, before the disk is full. */
export type Verdict = { readonly level: 'fine' } | { readonly level: 'alarm' | 'drop'; readonly reason: string };

const MEGABYTE = 1n << 20n;
/** Of what Postgres allows a slot, less than this part is left. */
const NEARLY = 5n;

/** Judges a slot by the configured limits, and by the one that Postgres itself has. */
export function judgeSlot(slot: Retained, policy: SlotPolicy): Verdict {
  const { retainedBytes, safeBytes } = slot;
  const kept = `it keeps ${megabytes(retainedBytes)} MB of WAL on the disk of Postgres`;
  if (!slot.exists) return { level: 'alarm', reason: 'the replication slot of the mirror is not there' };
  if (slot.walStatus === 'lost') return { level: 'alarm', reason: 'Postgres has given up the replication slot of the mirror' };
  if (retainedBytes >= BigInt(policy.maxSlotMegabytes) * MEGABYTE) {
    const level = policy.whenSlotFull === 'drop' ? 'drop' : 'alarm';
    return { level, reason: `the mirror is so far behind that ${kept}, more than mirror.maxSlotMegabytes (${policy.maxSlotMegabytes})` };
  }
  if (slot.walStatus === 'unreserved')
    return { level: 'alarm', reason: `the mirror is so far behind that Postgres gives up its slot at the next checkpoint: ${kept}` };
  if (safeBytes !== null && safeBytes < (retainedBytes + safeBytes) / NEARLY)
    return {
      level: 'alarm',
      reason: `the mirror is behind: ${kept}, and Postgres gives up its slot after ${megabytes(safeBytes)} MB more (max_slot_wal_keep_size)`,
    };
  if (retainedBytes >= BigInt(policy.warnSlotMegabytes) * MEGABYTE)
    return { level: 'alarm', reason: `the mirror is behind: ${kept}, more than mirror.warnSlotMegabytes (${policy.warnSlotMegabytes})` };
  return { level: 'fine' };
}

const megabytes = (bytes: bigint): string => String(bytes / MEGABYTE);
