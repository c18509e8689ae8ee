import { RawText, type Value } from '../../change/value.ts';

export type Affinity = 'integer' | 'text' | 'blob' | 'real' | 'numeric';

/** SQLite's own rule for a REAL that arrives in a column of INTEGER or NUMERIC affinity. */
export const isStoredAsInteger = (value: number): boolean => Number.isInteger(value) && value > -(2 ** 63) && value < 2 ** 63;

/** What such a column stores of a REAL. */
export const asInteger = (value: number): bigint | number => (isStoredAsInteger(value) ? BigInt(value) : value);

/** What SQLite takes for a number when a text arrives in a column of numeric affinity; blanks around it included. */
const NUMERIC = /^[ \t-\r]*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?[ \t-\r]*$/i;

/** Whether a column of numeric affinity would store this text as a number. SQLite reads numbers up to the first NUL. */
export const looksNumeric = (text: string): boolean => NUMERIC.test(text.split('\0', 1)[0] ?? '');

/** Whether a column of this affinity stores the value as it is: same storage class, same bits. */
export function settles(value: Value, affinity: Affinity): boolean {
  if (value === null || value instanceof Uint8Array || affinity === 'blob') return true;
  if (value instanceof RawText) return affinity === 'text' || !looksNumeric(Buffer.from(value.bytes).toString('latin1'));
  if (affinity === 'text') return typeof value === 'string';
  if (typeof value === 'string') return !looksNumeric(value);
  if (affinity === 'real') return typeof value === 'number' && !Object.is(value, -0);
  return typeof value === 'bigint' || !isStoredAsInteger(value);
}
