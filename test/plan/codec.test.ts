import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { RawText, storageClass, tag, textFromBytes, type Value } from '../../src/change/value.ts';
import { codecOf, decodeKey, encodeKey, keyName, rowName, Unfit } from '../../src/plan/codec.ts';
import { CodecName, type TablePlan } from '../../src/plan/plan.ts';
import type { Affinity } from '../../src/plan/schema.ts';

const DECLARED: Record<Affinity, string> = { integer: 'INTEGER', text: 'TEXT', blob: '', real: 'REAL', numeric: 'NUMERIC' };
const affinities = Object.keys(DECLARED) as Affinity[];
const pairs = CodecName.options.flatMap(codec => affinities.map(affinity => ({ codec, affinity })));

const db = new Database(':memory:').defaultSafeIntegers(true);
for (const affinity of affinities) db.exec(`create table ${affinity}_ (v ${DECLARED[affinity]})`);
afterAll(() => db.close());

/** Stores a value in a column of this affinity and reads back what SQLite made of it. */
function stored(value: Value, affinity: Affinity): Value {
  db.exec(`delete from ${affinity}_`);
  if (value instanceof RawText) db.prepare(`insert into ${affinity}_ values (cast(? as text))`).run(value.bytes);
  else db.prepare(`insert into ${affinity}_ values (?)`).run(value);
  const [type, raw, bytes] = db.prepare(`select typeof(v), v, cast(v as blob) from ${affinity}_`).raw().get() as [
    string,
    Value,
    Uint8Array,
  ];
  return type === 'text' ? textFromBytes(bytes) : raw;
}

/** Equal only for the same storage class and the same bits. */
const bits = (value: Value): string | null => (value === null ? null : tag(value));

const edges = [0n, 1n, -1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 60n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n - 1024n, 2n ** 51n];
const reals = [0, -0, 5e-324, -5e-324, 2.2250738585072014e-308, 1e20, 1e21, 2 ** 53, 2 ** 63, -(2 ** 63), 2 ** 51, 1e-7, 123456789.125];
const numericText = [
  '12',
  '-0',
  '1.',
  '.5',
  '.',
  ' 7 ',
  '\n7',
  '+3',
  '1e5',
  '1e',
  '1e+',
  '0x10',
  '7 7',
  '',
  'Infinity',
  '9223372036854775808',
  '12abc',
  '7\v',
];
const integer = fc.oneof(
  fc.constantFrom(...edges),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -3n, max: 3n }),
);
const real = fc.oneof(fc.constantFrom(...reals, Infinity, -Infinity), fc.double({ noNaN: true }), integer.map(Number));
const text = fc.oneof(
  fc.constantFrom(...numericText, 'a\0b', '\0', "it's", '\\x61', '𝄞', '\ufffd', '\ufeffbom'),
  fc.string({ unit: 'binary' }),
  fc.mixedCase(fc.constantFrom('true', 'i:1')),
);
const bytes = fc.uint8Array({ maxLength: 40 });
const value: fc.Arbitrary<Value> = fc.oneof(
  integer,
  real,
  text,
  bytes,
  bytes.map(raw => textFromBytes(raw)),
  fc.constant(null),
);

describe('forward: what SQLite has comes back as the same class and bits, or is refused [G4]', () => {
  test.each(pairs)('$codec in a column of $affinity affinity', ({ codec, affinity }) => {
    const { encode, decode } = codecOf({ codec, affinity });
    fc.assert(
      fc.property(value, given => {
        const before = stored(given, affinity);
        const encoded = encode(before);
        if (encoded instanceof Unfit) return;
        const decoded = encoded === null ? null : decode(encoded);
        if (decoded instanceof Unfit) throw new Error(`encoded as ${encoded}, but refused on the way back: ${decoded.reason}`);
        expect(bits(decoded)).toBe(bits(before));
        expect(bits(stored(decoded, affinity))).toBe(bits(before));
      }),
      { numRuns: 1500 },
    );
  });
});

describe('reverse: what Postgres has is the same after it went through SQLite, or is refused [G4]', () => {
  const wire = fc.oneof(
    integer.map(String),
    real.map(number => (Object.is(number, -0) ? '-0' : String(number))),
    fc.constantFrom('NaN', 'Infinity', '-Infinity', '1e+20', '9.223372036854776e+18', 't', 'f', '\\x', '\\xF', '\\x0aFf', ''),
    text.filter(candidate => !candidate.includes('\0')),
    bytes.map(raw => `\\x${Buffer.from(raw).toString('hex')}`),
    value.filter(candidate => candidate !== null).map(candidate => tag(candidate)),
    fc.constantFrom('i:007', 'i:99999999999999999999', 'i:', 'r:1.50', 'r:NaN', 'b:0', 'b:FF', 'x:41', 't:', 'q:1', 'i:0x1'),
  );
  test.each(pairs)('$codec in a column of $affinity affinity', ({ codec, affinity }) => {
    const { encode, decode, canonical } = codecOf({ codec, affinity });
    fc.assert(
      fc.property(wire, given => {
        const decoded = decode(given);
        if (decoded instanceof Unfit) return;
        const after = encode(stored(decoded, affinity));
        expect(typeof after).toBe('string');
        if (codec === 'blob') expect(after).toBe(given.toLowerCase());
        else expect(canonical(after as string)).toBe(canonical(given));
      }),
      { numRuns: 1500 },
    );
  });
});

test.each([
  ['integer', 'integer', 5n, '5'],
  ['integer', 'numeric', -(2n ** 63n), '-9223372036854775808'],
  ['real', 'real', 1.5, '1.5'],
  ['real', 'blob', -0, '-0'],
  ['number', 'numeric', 5n, '5'],
  ['number', 'numeric', 10.5, '10.5'],
  ['number', 'integer', 1e20, '100000000000000000000'],
  ['boolean', 'numeric', 1n, 't'],
  ['text', 'text', '007', '007'],
  ['blob', 'blob', new Uint8Array([0, 255]), '\\x00ff'],
  ['tagged', 'blob', 'a\0', 'x:6100'],
] as const)('%s in %s carries %o', (codec, affinity, given, expected) => {
  expect(codecOf({ codec, affinity }).encode(given)).toBe(expected);
});

test.each([
  ['number', 'numeric', 2n ** 53n + 1n],
  ['number', 'numeric', -(2n ** 63n)],
  ['integer', 'numeric', 1.5],
  ['integer', 'integer', '1'],
  ['real', 'blob', 1n],
  ['text', 'text', 'a\0b'],
  ['text', 'text', '\ud800'],
  ['text', 'text', new RawText(new Uint8Array([255]))],
  ['boolean', 'numeric', 2n],
  ['blob', 'blob', 'text'],
] as const)('%s in %s refuses %o', (codec, affinity, given) => {
  expect(codecOf({ codec, affinity }).encode(given)).toBeInstanceOf(Unfit);
});

test('what Postgres and JavaScript print for the same float8 has one canonical form', () => {
  const { canonical } = codecOf({ codec: 'real', affinity: 'real' });
  expect(canonical('1e+20')).toBe(canonical('100000000000000000000'));
  expect(canonical('5e-324')).toBe(canonical('4.9406564584124654e-324'));
  expect(canonical('-0')).toBe(canonical('0'));
  expect(codecOf({ codec: 'real', affinity: 'blob' }).canonical('-0')).not.toBe('0');
});

test('a key has the same name from either side', () => {
  const column = (codec: CodecName, affinity: Affinity) =>
    ({ name: 'k', target: 'k', type: 'text', codec, affinity, notNull: false, default: null, reason: '' }) as const;
  const table = {
    key: { kind: 'declared', columns: [1, 0] },
    columns: [column('text', 'text'), column('number', 'numeric')],
  } as unknown as TablePlan;
  fc.assert(
    fc.property(text, fc.oneof(integer, real), (name, number) => {
      const values = [stored(number, 'numeric'), name];
      const key = encodeKey(table, values);
      if (key === undefined) return;
      expect(keyName(table, key)).toBe(rowName(values));
      expect(decodeKey(table, key)).toEqual(values);
    }),
  );
  expect(keyName(table, ['NaN', 'x'])).toBe('["t:NaN","t:x"]');
});

test('a reason never holds the value', () => {
  for (const { codec, affinity } of pairs) {
    for (const secret of ['s3cret', 'i:s3cret', '\\xs3cret']) {
      const result = codecOf({ codec, affinity }).decode(secret);
      if (result instanceof Unfit) expect(result.reason).not.toContain('s3cret');
    }
  }
  expect(storageClass(null)).toBe('null');
});
