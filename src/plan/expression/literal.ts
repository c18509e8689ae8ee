import type { Value } from '../../change/value.ts';
import { Refusal } from './refusal.ts';

/** The value of a number as written: an integer where 64 bits hold it, otherwise a REAL. `sign` is '-' directly before a literal. */
export function numberOf(text: string, sign: '' | '-' = ''): bigint | number {
  const digits = text.replaceAll('_', '');
  if (/^0x/i.test(digits)) return hexadecimal(digits, sign);
  if (!/^\d+$/.test(digits)) return Number(`${sign}${digits}`);
  const value = BigInt(digits) * (sign === '-' ? -1n : 1n);
  return BigInt.asIntN(64, value) === value ? value : Number(value);
}

function hexadecimal(digits: string, sign: string): bigint {
  if (digits.replace(/^0x0*/i, '').length > 16) throw new Refusal(`${digits} has more than 64 bits`);
  const value = BigInt.asIntN(64, BigInt(digits));
  return sign === '-' ? BigInt.asIntN(64, -value) : value;
}

/** The bytes of a blob literal's inside. */
export function blobOf(hex: string): Value {
  if (!/^(?:[\da-f]{2})*$/i.test(hex)) throw new Refusal(`x'${hex}' is not a blob`);
  return new Uint8Array(Buffer.from(hex, 'hex'));
}
