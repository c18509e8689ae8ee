/* Values as SQLite stores them, of every storage class, with the ones at which encodings go wrong. */
import fc from 'fast-check';
import { RawText, type Value } from '../../src/change/value.ts';
import type { Affinity } from '../../src/plan/codecs/affinity.ts';

/** A declared type for each affinity. */
export const DECLARED: Record<Affinity, string> = { integer: 'INTEGER', text: 'TEXT', blob: '', real: 'REAL', numeric: 'NUMERIC' };
export const AFFINITIES = Object.keys(DECLARED) as Affinity[];

const integer = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 60n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n - 1024n),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -3n, max: 3n }),
);
const real = fc.oneof(
  fc.constantFrom(
    0,
    -0,
    1,
    0.5,
    5e-324,
    -5e-324,
    2.2250738585072014e-308,
    1e20,
    1e21,
    2 ** 53,
    2 ** 63,
    -(2 ** 63),
    1e308,
    Infinity,
    -Infinity,
  ),
  fc.double({ noNaN: true }),
);
const text = fc.oneof(
  fc.constantFrom(
    '',
    '\\.',
    '\\.\n',
    '\\N',
    '\\',
    '"',
    '""',
    ',',
    '\n',
    '\r',
    '\r\n',
    '\t',
    'a\nb',
    'é',
    '\u{1F600}',
    '\uFFFD',
    '\uFEFFa',
    ' ',
  ),
  fc.constantFrom('\x01', '\x01\x01', 'a\x01b', '\x02', '\0', 'a\0b', '\x7f', '12', '1e5', 't', 'null'),
  fc.string({ unit: 'grapheme' }),
  fc
    .array(fc.constantFrom('\x01', '"', '\\', '.', '\n', '\r', '\t', ',', 'x', '\uFFFD', '\0'), { maxLength: 8 })
    .map(parts => parts.join('')),
);
const blob = fc.uint8Array({ maxLength: 12 });
const broken = fc
  .constantFrom([0xff], [0x61, 0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0x61, 0, 0xff])
  .map(bytes => new RawText(new Uint8Array(bytes)));

/** Any value, NULL among them. */
export const values: fc.Arbitrary<Value> = fc.oneof(fc.constant(null), integer, real, text, blob, broken);

/** Values that every column of the codec holds; a codec that is not here is not asked for ordinary ones. */
export const fitting: Readonly<Record<string, readonly Value[]>> = {
  integer: [null, 0n, 1n, -5n, 2n ** 63n - 1n, -(2n ** 63n)],
  real: [null, 0.5, -1.25, 5e-324, 1e300, Infinity, -Infinity, 0],
  number: [null, 3n, -7n, 0.5, 1e300],
  text: [null, '', 'a', 'a,b\n"c"\r\\.', '\x01', '\uFFFD', 'é\u{1F600}'],
  blob: [null, new Uint8Array([]), new Uint8Array([0, 1, 2, 255])],
  boolean: [null, 0n, 1n],
  'uuid(lower)': [null, 'a0000000-0000-4000-8000-00000000000f'],
  'uuid(upper)': [null, 'A0000000-0000-4000-8000-00000000000F'],
  'date(YYYY-MM-DD)': [null, '2024-02-29', '0001-01-01', '9999-12-31'],
  'timestamp(YYYY-MM-DD hh:mm:ss)': [null, '2024-02-29 23:59:59'],
  'timestamptz(YYYY-MM-DDThh:mm:ss.fffZ)': [null, '2024-02-29T23:59:59.120Z'],
  'timestamptz(YYYY-MM-DD hh:mm:ss+00:00)': [null, '2024-02-29 23:59:59+00:00'],
  'timestamptz(s since 1970)': [null, 0n, 1_700_000_000n, 253_402_300_799n],
  'timestamptz(ms since 1970 or 0)': [null, 0n, 1n, 1_700_000_000_120n],
  'timestamptz(us since 1601 or 0)': [null, 0n, 13_345_000_000_000_001n],
  'timestamptz(ns since 1970)': [null, 1_700_000_000_123_456_000n],
  tagged: [null, 'text', '\\.', new Uint8Array([1, 2])],
};
