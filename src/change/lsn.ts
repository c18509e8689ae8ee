import type { Lsn } from './change.ts';

const LSN = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i;

/** Reads `16/B374D848`. Throws RangeError on anything else. */
export function parseLsn(text: string): Lsn {
  const [, high, low] = LSN.exec(text) ?? [];
  if (high === undefined || low === undefined) throw new RangeError(`not an LSN: ${text}`);
  return ((BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)) as Lsn;
}

export const formatLsn = (lsn: Lsn): string => `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
