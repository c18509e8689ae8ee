import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { RawText, storageClass, tag, type Value } from '../../src/change/value.ts';
import { codecOf, decodeKey, encodeKey, keyName, rowName } from '../../src/plan/codec.ts';
import { type Affinity, settles } from '../../src/plan/codecs/affinity.ts';
import { Unfit } from '../../src/plan/codecs/fit.ts';
import type { CodecName, TablePlan } from '../../src/plan/plan.ts';
import { text as anyText, CODECS, number, pgText, value } from './codec-values.ts';
import { affinities, storing } from './storing.ts';

const pairs = CODECS.flatMap(codec => affinities.map(affinity => ({ codec, affinity })));

const { stored, close } = storing();
afterAll(close);

/** Equal only for the same storage class and the same bits. */
const bits = (value: Value): string | null => (value === null ? null : tag(value));

test.each(affinities)(
  'what is said to stay as it is in a column of %s affinity does: up to a NUL, where it is no UTF-8, and a zero with its sign [G4]',
  affinity => {
    const raw = [
      [0x37, 0xff],
      [0x37, 0, 0xff],
      [0x78, 0, 0xff],
    ].map(bytes => new RawText(Uint8Array.from(bytes)));
    for (const given of ['12\0', '12\0x', ' 1e2\0x', 'x\x0012', -0, ...raw])
      if (settles(given, affinity)) expect(bits(stored(given, affinity))).toBe(bits(given));
  },
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
      { numRuns: 500 },
    );
  });
});

describe('reverse: what Postgres has is the same after it went through SQLite, or is refused [G4]', () => {
  test.each(pairs)('$codec in a column of $affinity affinity', ({ codec, affinity }) => {
    const { encode, decode, canonical } = codecOf({ codec, affinity });
    fc.assert(
      fc.property(pgText, given => {
        const decoded = decode(given);
        if (decoded instanceof Unfit) return;
        const after = encode(stored(decoded, affinity));
        expect(typeof after).toBe('string');
        if (codec === 'blob') expect(after).toBe(given.toLowerCase());
        else expect(canonical(after as string)).toBe(canonical(given));
      }),
      { numRuns: 500 },
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
  ['jsonb', 'numeric', 5n, '5'],
  ['jsonb(repaired)', 'numeric', 2.5, '2.5'],
  ['json', 'numeric', 1e300, '1e+300'],
  ['text', 'text', '007', '007'],
  ['blob', 'blob', new Uint8Array([0, 255]), '\\x00ff'],
  ['tagged', 'blob', 'a\0', 'x:6100'],
  ['date(YYYY-MM-DD)', 'text', '2000-02-29', '2000-02-29'],
  ['date(YYYY-MM-DD)', 'text', '294276-12-31', '294276-12-31'],
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
  ['jsonb', 'text', '{"a":1,"a":2}'],
  ['jsonb', 'text', '[-0]'],
  ['jsonb', 'text', '["\\u0000"]'],
  ['jsonb', 'text', '["\\ud800"]'],
  ['jsonb', 'text', '1e2000'],
  ['jsonb', 'text', 5n],
  ['jsonb', 'numeric', Number.POSITIVE_INFINITY],
  ['jsonb', 'text', '['.repeat(600) + ']'.repeat(600)],
  ['date(YYYY-MM-DD)', 'text', '1900-02-29'],
  ['date(YYYY-MM-DD)', 'text', '2001-02-29'],
  ['date(YYYY-MM-DD)', 'text', '294277-01-01'],
  ['timestamp(YYYY-MM-DD hh:mm:ss)', 'text', '2024-01-01 10:00:60'],
] as const)('%s in %s refuses %o', (codec, affinity, given) => {
  expect(codecOf({ codec, affinity }).encode(given)).toBeInstanceOf(Unfit);
});

test.each([
  ['jsonb', '5', 5n],
  ['jsonb', '9223372036854775807', 2n ** 63n - 1n],
  ['jsonb', '2.50', 2.5],
  ['json', ' 1e2 ', 100n],
  ['json', '5.0', 5n],
  ['jsonb', '[5]', '[5]'],
  ['jsonb', '"5"', '"5"'],
] as const)('%s %s is stored in a column of numeric affinity as SQLite stores it [G4]', (codec, text, expected) => {
  expect(codecOf({ codec, affinity: 'numeric' }).decode(text)).toBe(expected);
});

test.each(['0.1000000000000000055', '123456789012345678901', '1e400'])(
  'a JSON number that SQLite would round is refused: %s [G4]',
  text => {
    expect(codecOf({ codec: 'jsonb', affinity: 'numeric' }).decode(text)).toBeInstanceOf(Unfit);
  },
);

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
    fc.property(anyText, number, (name, number) => {
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
