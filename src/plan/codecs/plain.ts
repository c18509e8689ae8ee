/*
 * The codecs that need to know nothing but the storage class.
 */
import type { PgText } from '../../change/change.ts';
import { parseReal, RawText, realText, tag, untag, type Value } from '../../change/value.ts';
import { type Affinity, asInteger, isStoredAsInteger } from './affinity.ts';
import { type Codec, identity, Unfit } from './fit.ts';

const NOT_INTEGER = new Unfit('not an integer');
const OUT_OF_RANGE = new Unfit('an integer beyond 64 bits');
const NOT_REAL = new Unfit('not a REAL');
const NAN = new Unfit('NaN, which SQLite stores as NULL');
const NOT_NUMBER = new Unfit('not a number');
const INEXACT = new Unfit('an integer that double precision cannot hold exactly');
const WHOLE = new Unfit('a REAL that is a whole number, where the column holds those as integers');
const NOT_TEXT = new Unfit('not a text');
const NUL = new Unfit('a text with a NUL character');
const NOT_UTF8 = new Unfit('a text that is not valid UTF-8');
const NOT_BLOB = new Unfit('not a BLOB');
const NOT_TAGGED = new Unfit('not a tagged value in its canonical form (i:1, r:1.5, t:text, x:hex, b:hex)');

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

const encodeInteger = (value: Value): PgText | Unfit => (typeof value === 'bigint' ? value.toString() : NOT_INTEGER);

function decodeInteger(text: string): Value | Unfit {
  if (!/^(?:0|-?[1-9]\d*)$/.test(text)) return NOT_INTEGER;
  const value = BigInt(text);
  return value < MIN || value > MAX ? OUT_OF_RANGE : value;
}

const encodeReal = (value: Value): PgText | Unfit => (typeof value === 'number' ? realText(value) : NOT_REAL);

/** REAL columns keep small whole numbers as integers, which have no -0: equal in both databases, so the sign is let go. */
const losesSign = (affinity: Affinity): boolean => affinity !== 'blob' && affinity !== 'text';

const decodeReal = (affinity: Affinity) => (text: string) => {
  const value = real(text);
  return value === 0 && losesSign(affinity) ? 0 : value;
};

function real(text: string): number | Unfit {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  return Number.isNaN(value) ? NAN : value;
}

const canonicalReal = (affinity: Affinity) => (text: string) => {
  const value = parseReal(text);
  return value === 0 && losesSign(affinity) ? '0' : realText(value);
};

/** Integers below 2^53 and the few larger ones that are float64 too; -2^63 is not, since as REAL it would stay a REAL. */
function encodeNumber(value: Value): PgText | Unfit {
  if (typeof value === 'number') return isStoredAsInteger(value) ? WHOLE : realText(value);
  if (typeof value !== 'bigint') return NOT_NUMBER;
  return value !== MIN && BigInt(Number(value)) === value ? value.toString() : INEXACT;
}

function decodeNumber(text: string): Value | Unfit {
  const value = real(text);
  return typeof value === 'number' ? asInteger(value) : value;
}

function encodeText(value: Value): PgText | Unfit {
  if (typeof value !== 'string') return value instanceof RawText ? NOT_UTF8 : NOT_TEXT;
  if (value.includes('\0')) return NUL;
  return value.isWellFormed() ? value : NOT_UTF8;
}

const encodeBlob = (value: Value): PgText | Unfit =>
  value instanceof Uint8Array ? `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}` : NOT_BLOB;

function decodeBlob(text: string): Value | Unfit {
  const bytes = Buffer.from(text.slice(2), 'hex'); // ends at the first character that is not hex
  return text.startsWith('\\x') && bytes.length * 2 === text.length - 2 ? new Uint8Array(bytes) : NOT_BLOB;
}

const encodeTagged = (value: Value): PgText | Unfit => (value === null ? null : tag(value));

/** Only what `tag` makes: another spelling of the same value would come back changed. */
function decodeTagged(text: string): Value | Unfit {
  try {
    const value = untag(text);
    if (typeof value === 'number' && Number.isNaN(value)) return NAN;
    if (typeof value === 'bigint' && (value < MIN || value > MAX)) return OUT_OF_RANGE;
    return tag(value) === text ? value : NOT_TAGGED;
  } catch {
    return NOT_TAGGED;
  }
}

export const integer: Codec = { encode: encodeInteger, decode: decodeInteger, canonical: identity };
export const realOf = (affinity: Affinity): Codec => ({
  encode: encodeReal,
  decode: decodeReal(affinity),
  canonical: canonicalReal(affinity),
});
export const number: Codec = { encode: encodeNumber, decode: decodeNumber, canonical: canonicalReal('numeric') };
export const text: Codec = { encode: encodeText, decode: identity, canonical: identity };
export const blob: Codec = { encode: encodeBlob, decode: decodeBlob, canonical: identity };
export const tagged: Codec = { encode: encodeTagged, decode: decodeTagged, canonical: identity };
