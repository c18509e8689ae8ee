import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Value } from '../../../src/change/value.ts';
import { bothSides, type Sample } from './sides.ts';
import { REFUSED, TRANSLATED } from './tried.ts';

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { freq: 8 });
const words = fc.constantFrom(
  '',
  'a',
  'A',
  'abc',
  'ABC',
  'Abc ',
  'abc  ',
  ' x ',
  'éÉ',
  'ÄÖ_%',
  'a_c',
  'a%c',
  'Z',
  '[a]',
  '1',
  '10',
  "it's",
  '𝄞x',
  'a\nb',
  '\\',
);
const numbers = fc.constantFrom(
  '1',
  '01',
  '1.0',
  ' 2 ',
  '-3',
  '+4',
  '1e2',
  '.5',
  '12abc',
  'abc',
  '',
  '9223372036854775808',
  '-7.9',
  '1e400',
  '0x10',
  '- 1',
);
const DATES = [
  '2024-02-29',
  '2024-02-29 12:34:56',
  '2024-02-29T12:34',
  '2023-12-31 23:59:59.9996',
  '2023-12-31T23:59:59.5Z',
  '1999-01-01 00:00:00+05:30',
  '0000-01-01',
  '9999-12-31 23:59:59',
  '12:00',
  '12:00:01.25',
  '2460000.5',
  '',
  'garbage',
  '2024-13-01',
  '2024-01-01 24:00:00',
  '1969-12-31 23:59:59.001',
  '2000-01-31 10:10:10',
  '2024-01-01 12:00-14:00',
  '2024-01-01Z',
  '2024-01-32',
  '1582-10-10',
  '2021-01-03',
  '2018-12-31',
  '2024-01-01  5:00',
  ' 2024-01-01',
  '2024-01-01 05:60',
  '2024-01-01 05:06:07 ',
  '2024-01-01 05:06:07.',
  '-0001-01-01',
  '2024-06-15 00:00:58.9999',
];
const JSONS = [
  '{"a":1}',
  '{"a":"x"}',
  '{"a": 1.5, "b":[1,2,{"c":null}]}',
  '{"a":true}',
  '{"a":null}',
  '[]',
  '[1,"2",3.25]',
  '{"a":{"b":"é","a b":[0]}}',
  '"t"',
  '5',
  '{"a":[1, 2 ,{"x": "y z"}],"b":false}',
  '{}',
  '{"a":1e3}',
  '{"a":"1"}',
  '{"a":12345678901234567890}',
  '{"b":{"c":-0.5}}',
];

/** Without subnormal ones: Postgres refuses to calculate below them. */
const double = (most: number) => fc.double({ noNaN: true, min: -most, max: most }).map(value => (Math.abs(value) < 1e-200 ? 0.25 : value));

const rows: fc.Arbitrary<Sample> = fc.record({
  i: maybe(fc.oneof(fc.bigInt(-5n, 5n), fc.bigInt(-(2n ** 40n), 2n ** 40n), fc.constantFrom(2n ** 53n + 1n, -(2n ** 53n) - 1n))),
  m: maybe(fc.bigInt(-4n, 4n)),
  n: maybe(fc.oneof(fc.bigInt(-5n, 1000n), double(1e6), fc.constantFrom(0.5, 2.5, -1.25))) as fc.Arbitrary<Value>,
  r: maybe(fc.oneof(double(1e20), fc.constantFrom(0.5, 1.5, 2.5, -0.5, 2.675, 1.005, 1e15, 123456789012345680, 1e-5, 0.1, 2 ** 53, 100))),
  s: maybe(words),
  c: maybe(words),
  p: maybe(words),
  k: maybe(numbers),
  u: maybe(words),
  x: maybe(fc.uint8Array({ maxLength: 6 })),
  b: maybe(fc.constantFrom(0n, 1n)),
  d: maybe(fc.constantFrom(...DATES)),
  j: maybe(fc.constantFrom(...JSONS)),
  g: maybe(fc.oneof(fc.constantFrom(1n, 2.5, 'a', '1'), fc.uint8Array({ maxLength: 2 }))) as fc.Arbitrary<Value>,
  dt: maybe(
    fc.constantFrom(
      '2024-02-29 12:34:56',
      '2024-02-29 12:34:56.5',
      '0001-01-01 00:00:00',
      '9999-12-31 23:59:59.999999',
      '1969-12-31 23:59:59',
    ),
  ),
  dz: maybe(
    fc.constantFrom('2024-02-29T12:34:56.000Z', '2024-02-29T12:34:56.120Z', '2024-02-29T12:34:56.123456Z', '1999-12-31T23:59:59.999Z'),
  ),
  da: maybe(fc.constantFrom('2024-02-29', '0044-03-15', '9999-12-31', '1970-01-01')),
  de: maybe(fc.constantFrom(0n, 1700000000123n, -1n, 253402300799999n, 1700000000000n)),
  du: maybe(fc.constantFrom('a0000000-0000-4000-8000-000000000001', '00112233-4455-6677-8899-aabbccddeeff')),
  db: maybe(fc.constantFrom('true', 'false')),
  dn: maybe(fc.constantFrom(0n, 1n, -3n, 2.5, 0.1, 1e15, 19.99)) as fc.Arbitrary<Value>,
});

const NONE = {
  i: null,
  m: null,
  n: null,
  r: null,
  s: null,
  c: null,
  p: null,
  k: null,
  u: null,
  x: null,
  b: null,
  d: null,
  j: null,
  g: null,
  dt: null,
  dz: null,
  da: null,
  de: null,
  du: null,
  db: null,
  dn: null,
};
/** Where a double has as many digits as it can hold, and a cast to numeric would not. */
const LONG_REALS = [2853660967780078.5, -4503599627370495.5, 99999999999999.98, 123456789012345.67];
/** Every listed date, document and number at least once, beside what chance gives. */
const samples = [
  ...fc.sample(rows, 120),
  ...DATES.map(d => ({ ...NONE, d })),
  ...JSONS.map(j => ({ ...NONE, j })),
  ...LONG_REALS.map(r => ({ ...NONE, r })),
];

let sides: Awaited<ReturnType<typeof bothSides>>;
beforeAll(async () => {
  sides = await bothSides(samples);
});
afterAll(() => sides[Symbol.asyncDispose]());

const same = (sql: string) =>
  test(sql, async () => {
    const result = await sides.compare(sql);
    expect(typeof result === 'string' ? `refused: ${result}` : result.differences.slice(0, 3)).toEqual([]);
  });

describe.each(Object.entries(TRANSLATED))('%s', (_, expressions) => {
  for (const sql of expressions) same(sql);
});

describe('refused, never guessed', () => {
  test.each(REFUSED)('%s', async sql => {
    expect(typeof (await sides.compare(sql))).toBe('string');
  });
});
