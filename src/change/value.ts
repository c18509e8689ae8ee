/*
 * SQLite's five storage classes are the neutral form in which values travel.
 *
 * (1) An integer is a bigint from the file to the wire; a JS number is always a REAL [G4].
 * (2) Text whose bytes are not valid is never a string: it is RawText, so no reader can mistake U+FFFD for data.
 */
import { isUtf8 } from 'node:buffer';

/** Text whose stored bytes are not valid in the encoding of the file. `bytes` are exactly what the file holds. */
export class RawText {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

export type Value = null | bigint | number | string | Uint8Array | RawText;

/**
 * Whether something else may be stored in a file of this encoding than the text that was read: better-sqlite3 gives U+FFFD for what is not
 * valid, and SQLite another character for half a surrogate pair. Only the bytes tell.
 */
export const mayBeOther = (text: string, encoding: string): boolean =>
  text.includes('\uFFFD') || (encoding !== 'UTF-8' && /[\uD800-\uDFFF]/.test(text));

/** The same of any value of a file in UTF-8. */
export const isDoubtful = (value: unknown): boolean => typeof value === 'string' && mayBeOther(value, 'UTF-8');

export type StorageClass = 'null' | 'integer' | 'real' | 'text' | 'blob';

export function storageClass(value: Value): StorageClass {
  if (value === null) return 'null';
  if (typeof value === 'bigint') return 'integer';
  if (typeof value === 'number') return 'real';
  return typeof value === 'string' || value instanceof RawText ? 'text' : 'blob';
}

/**
 * A value as text that keeps its storage class and every byte: `i:1`, `r:1.5`, `t:abc`, `x:610062` (text that Postgres
 * cannot hold as text: a NUL, or bytes that are not UTF-8), `b:00ff`; `y:41d88000` is text of UTF-16 with half a pair, whose bytes
 * happen to be UTF-8 too. Injective; NULL has no tag.
 */
export function tag(value: Exclude<Value, null>): string {
  if (typeof value === 'bigint') return `i:${value}`;
  if (typeof value === 'number') return `r:${realText(value)}`;
  if (typeof value === 'string')
    return value.includes('\0') || !value.isWellFormed() ? `x:${Buffer.from(value).toString('hex')}` : `t:${value}`;
  if (value instanceof RawText) return `${isUtf8(value.bytes) ? 'y' : 'x'}:${Buffer.from(value.bytes).toString('hex')}`;
  return `b:${Buffer.from(value).toString('hex')}`;
}

/** The inverse of `tag`. Throws RangeError on text that `tag` cannot have made. */
export function untag(text: string): Exclude<Value, null> {
  const body = text.slice(2);
  switch (text.slice(0, 2)) {
    case 'i:':
      return BigInt(body);
    case 'r:':
      return parseReal(body);
    case 't:':
      return body;
    case 'x:':
      return textFromBytes(Buffer.from(body, 'hex'));
    case 'y:':
      return new RawText(new Uint8Array(Buffer.from(body, 'hex')));
    case 'b:':
      return new Uint8Array(Buffer.from(body, 'hex'));
    default:
      throw new RangeError('not a tagged value: it must begin with i:, r:, t:, x:, y: or b:');
  }
}

/** Shortest text that reads back as the same 64 bits, also for -0 and the infinities (Postgres and JS both read it). */
export function realText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** The inverse of `realText`; also reads what Postgres prints for float8. Throws RangeError on anything else. */
export function parseReal(text: string): number {
  const value = Number(text);
  if (text === '' || (Number.isNaN(value) && text !== 'NaN')) throw new RangeError(`not a number: ${JSON.stringify(text)}`);
  return value;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Stored bytes of a TEXT value: a string where they are UTF-8, else RawText. */
export function textFromBytes(bytes: Uint8Array): string | RawText {
  try {
    return UTF8.decode(bytes);
  } catch {
    return new RawText(new Uint8Array(bytes));
  }
}
