/*
 * How one column's values cross between the databases.
 *
 * (1) decode(encode(v)) is v, storage class and every bit, or encode refuses [G4].
 * (2) encode(decode(t)) is t up to `canonical`, or decode refuses: SQLite's affinity changes what is stored in a column,
 *     so `settles` knows what each affinity leaves alone, and a value it would change never gets there.
 * (3) Both hold for a column without its neighbours: codecs know nothing of rows.
 */
import type { PgKey, PgText } from '../change/change.ts';
import { parseReal, RawText, realText, tag, untag, type Value } from '../change/value.ts';
import { type CodecName, type ColumnPlan, keyColumns, type TablePlan } from './plan.ts';
import type { Affinity } from './schema.ts';

/** A value that cannot cross; the reason never holds the value. */
export class Unfit {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

export type Codec = {
  /** NULL is null in every codec. */
  encode(value: Value): PgText | Unfit;
  decode(text: string): Value | Unfit;
  /** One form for what Postgres prints and what `encode` makes: equal exactly when the values are. */
  canonical(text: string): string;
};

/** The codec of a column; made once for each pair of codec and affinity. */
export function codecOf({ codec, affinity }: Pick<ColumnPlan, 'codec' | 'affinity'>): Codec {
  const id = `${codec}/${affinity}`;
  const known = made.get(id);
  if (known !== undefined) return known;
  const fresh = guarded(CODECS[codec](affinity), affinity);
  made.set(id, fresh);
  return fresh;
}

const made = new Map<string, Codec>();

function guarded(codec: Codec, affinity: Affinity): Codec {
  return {
    encode: value => (value === null ? null : codec.encode(value)),
    decode: text => {
      const value = codec.decode(text);
      return value instanceof Unfit || settles(value, affinity) ? value : CHANGED;
    },
    canonical: codec.canonical,
  };
}

const identity = (text: string): string => text;

const CODECS: Readonly<Record<CodecName, (affinity: Affinity) => Codec>> = {
  integer: () => ({ encode: encodeInteger, decode: decodeInteger, canonical: identity }),
  real: affinity => ({ encode: encodeReal, decode: decodeReal(affinity), canonical: canonicalReal(affinity) }),
  number: () => ({ encode: encodeNumber, decode: decodeNumber, canonical: canonicalReal('numeric') }),
  text: () => ({ encode: encodeText, decode: identity, canonical: identity }),
  blob: () => ({ encode: encodeBlob, decode: decodeBlob, canonical: identity }),
  boolean: () => ({ encode: encodeBoolean, decode: decodeBoolean, canonical: identity }),
  tagged: () => ({ encode: encodeTagged, decode: decodeTagged, canonical: identity }),
};

const CHANGED = new Unfit("SQLite would store another value: the column's affinity converts this one");
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
const NOT_BOOLEAN = new Unfit('neither 0 nor 1');
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

/** SQLite's own rule for a REAL that arrives in a column of INTEGER or NUMERIC affinity. */
const isStoredAsInteger = (value: number): boolean => Number.isInteger(value) && value > -(2 ** 63) && value < 2 ** 63;

function decodeNumber(text: string): Value | Unfit {
  const value = real(text);
  return typeof value === 'number' && isStoredAsInteger(value) ? BigInt(value) : value;
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

/** 't' and 'f' are what Postgres prints and also takes. */
function encodeBoolean(value: Value): PgText | Unfit {
  if (value === 1n) return 't';
  return value === 0n ? 'f' : NOT_BOOLEAN;
}

function decodeBoolean(text: string): Value | Unfit {
  if (text === 't') return 1n;
  return text === 'f' ? 0n : NOT_BOOLEAN;
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

/** What SQLite takes for a number when a text arrives in a column of numeric affinity; blanks around it included. */
const NUMERIC = /^[ \t-\r]*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?[ \t-\r]*$/i;

/** Whether a column of numeric affinity would store this text as a number. SQLite reads numbers up to the first NUL. */
export const looksNumeric = (text: string): boolean => NUMERIC.test(text.split('\0', 1)[0] ?? '');

/** Whether a column of this affinity stores the value as it is: same storage class, same bits. */
function settles(value: Value, affinity: Affinity): boolean {
  if (value === null || value instanceof Uint8Array || affinity === 'blob') return true;
  if (value instanceof RawText) return affinity === 'text' || !looksNumeric(Buffer.from(value.bytes).toString('latin1'));
  if (affinity === 'text') return typeof value === 'string';
  if (typeof value === 'string') return !looksNumeric(value);
  if (affinity === 'real') return typeof value === 'number' && !Object.is(value, -0);
  return typeof value === 'bigint' || !isStoredAsInteger(value);
}

/** A row's name in quarantine and in reports: the JSON array of its tagged key values, as SQLite has them. */
export const rowName = (values: readonly Value[]): string => JSON.stringify(values.map(value => (value === null ? null : tag(value))));

/** The same name, from the key as Postgres has it. A key that SQLite could not store is named by its text. */
export function keyName(table: TablePlan, key: PgKey): string {
  const values = keyColumns(table).map((column, index) => decodeAny(codecOf(column), key[index] ?? null));
  return rowName(values);
}

function decodeAny(codec: Codec, text: PgText): Value {
  const value = text === null ? null : codec.decode(text);
  return value instanceof Unfit ? text : value;
}

/** The key in Postgres form; undefined where one of its values does not fit. `values` in key order. */
export function encodeKey(table: TablePlan, values: readonly Value[]): PgKey | undefined {
  const key = keyColumns(table).map((column, index) => codecOf(column).encode(values[index] ?? null));
  return key.every(text => !(text instanceof Unfit)) ? (key as PgKey) : undefined;
}

/** SQLite's key values of a key as Postgres has it; Unfit where SQLite could not store one. */
export function decodeKey(table: TablePlan, key: PgKey): Value[] | Unfit {
  const values: Value[] = [];
  for (const [index, column] of keyColumns(table).entries()) {
    const text = key[index] ?? null;
    const value = text === null ? null : codecOf(column).decode(text);
    if (value instanceof Unfit) return value;
    values.push(value);
  }
  return values;
}
