import fc from 'fast-check';
import { tag, textFromBytes, type Value } from '../../src/change/value.ts';
import { BOOLEAN_TEXTS } from '../../src/plan/codecs/boolean.ts';
import { EXAMPLES } from '../../src/plan/codecs/registry.ts';

/** One codec of each family and each kind of argument. */
export const CODECS: readonly string[] = [
  ...new Set([
    ...EXAMPLES,
    ...BOOLEAN_TEXTS.slice(1, 3).map(([yes, no]) => `boolean(${yes}/${no})`),
    'date(YYYYMMDD)',
    'timestamp(YYYYMMDDhhmmss)',
    'timestamp(YYYY-MM-DDThh:mm:ss)',
    'timestamp(YYYY-MM-DD hh:mm:ss.ffffff)',
    'timestamp(YYYY-MM-DD hh:mm:ss[.ffffff])',
    'timestamp(YYYY-MM-DDThh:mm:ss.fff+00:00)',
    'timestamp(ms since 1970)',
    'timestamptz(YYYY-MM-DD hh:mm:ss)',
    'timestamptz(YYYY-MM-DD hh:mm:ss[.fff])',
    'timestamptz(YYYY-MM-DD hh:mm:ss+00:00)',
    'timestamptz(YYYY-MM-DDThh:mm:ss.fff-03:30)',
    'timestamptz(YYYY-MM-DD hh:mm:ss UTC)',
    'timestamptz(ms since 1970)',
    'timestamptz(ns since 1970)',
    'timestamptz(s since 1970 or 0)',
    'timestamptz(us since 1601 or 0)',
    'timestamp(julian day)',
    'timestamptz(julian day or 0)',
    'date(julian day)',
    'date(julian day or 0)',
    "timestamp(YYYY-MM-DDThh:mm:ss or '')",
    "timestamptz(YYYY-MM-DD hh:mm:ss or '0000-00-00 00:00:00')",
    'date(YYYYMMDD)',
    'uuid(upper)',
    'uuid(hex)',
    'uuid(HEX)',
  ]),
];

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
  fc.bigInt({ min: 0n, max: 4_000_000_000n }),
  fc.bigInt({ min: 0n, max: 4_000_000_000_000n }),
  fc.bigInt({ min: 2_400_000n, max: 2_500_000n }),
  fc.bigInt({ min: 0n, max: 4_000_000_000_000_000n }).map(micros => micros * 1_000n),
);
const real = fc.oneof(
  fc.constantFrom(...reals, Infinity, -Infinity),
  fc.double({ noNaN: true }),
  integer.map(Number),
  fc.bigInt({ min: -(10n ** 16n), max: 10n ** 16n }).map(micros => Number(micros) / 1e6),
  fc.double({ min: 2_400_000, max: 2_500_000, noNaN: true }),
);
export const number = fc.oneof(integer, real);

const two = (most: number) => fc.integer({ min: 0, max: most }).map(value => String(value).padStart(2, '0'));
const year = fc.oneof(
  fc.constantFrom(
    '0000',
    '0001',
    '0044',
    '1582',
    '1900',
    '1970',
    '2000',
    '2024',
    '9999',
    '10000',
    '20000',
    '294276',
    '294277',
    '02024',
    '4713',
  ),
  fc.integer({ min: 0, max: 9999 }).map(value => String(value).padStart(4, '0')),
);
const fraction = fc.oneof(
  fc.constant(''),
  fc.stringMatching(/^\.\d{1,9}$/),
  fc.constantFrom('.000', '.120', '.000001', '.123456', '.9999999'),
);
const moment = fc
  .record({
    year,
    month: two(13),
    day: two(31),
    between: fc.constantFrom('T', ' '),
    time: fc.tuple(two(24), two(60), two(60)),
    fraction,
    zone: fc.constantFrom('', 'Z', '+00:00', '+00', ' UTC', '-03:30', '+02:00'),
    bc: fc.constantFrom('', '', '', ' BC'),
  })
  .chain(({ year, month, day, between, time, fraction, zone, bc }) =>
    fc.constantFrom(
      `${year}-${month}-${day}${bc}`,
      `${year}${month}${day}`,
      `${year}${month}${day}${time.join('')}`,
      `${year}-${month}-${day}${between}${time.join(':')}${bc}`,
      `${year}-${month}-${day}${between}${time.join(':')}${fraction}${zone}${bc}`,
      `${year}-${month}-${day}${between}${time.join(':')}.${time[2]}0001${zone}`,
    ),
  );

const uuid = fc.uuid().chain(text => {
  const bare = text.replaceAll('-', '');
  return fc.constantFrom(text, text.toUpperCase(), bare, bare.toUpperCase(), `{${text}}`, '00000000-0000-0000-0000-000000000000');
});

const decimals = fc.oneof(
  fc.stringMatching(/^-?(0|[1-9]\d{0,20})(\.\d{1,12})?$/),
  fc.constantFrom('-0', '-0.0', '0.10', '00.1', '1e5', '+1', 'NaN', 'Infinity', '-Infinity', '.5', '5.'),
);
const jsonNumbers = fc.constantFrom(
  '-0',
  '-0.0',
  '0',
  '1.0',
  '1.10',
  '1e2',
  '1E-2',
  '1e400',
  '1e999',
  '12e999',
  '5e-324',
  '1e-1000',
  '12345678901234567890',
);
const json = fc.oneof(
  fc.json(),
  fc.json({ depthSize: 'large' }).map(text => ` ${text}\n`),
  fc.tuple(fc.json(), jsonNumbers, fc.json()).map(parts => `[${parts.join(' , ')}]`),
  fc
    .tuple(fc.string(), fc.string(), jsonNumbers)
    .map(([a, b, value]) => `{${JSON.stringify(a)}: ${value}, ${JSON.stringify(b)}:[${value}]}`),
  fc.constantFrom(
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"a":"\\u0000"}',
    '["\\ud800"]',
    '["\\ud834\\udd1e", "𝄞", "\\/", "\\n"]',
    '{bad}',
    '[1,]',
    '[NaN]',
    'null',
    '"x"',
    '{"b":1,"aa":2,"":3}',
    '["\\\\"]',
    '["a\\"b"]',
    '[]',
    '{}',
    '['.repeat(600) + ']'.repeat(600),
    '[1] x',
  ),
);
const clock = fc
  .tuple(fc.constantFrom('', '', '2000-01-01 ', '1969-12-30 '), two(24), two(60), two(60), fraction)
  .map(([day, hour, minute, second, rest]) => `${day}${hour}:${minute}:${second}${rest}`);
const word = fc.constantFrom('0', '0', '0', '1', 'ffff', '2001', 'db8', 'a00', 'FE80');
const address = fc
  .tuple(
    fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.array(word, { minLength: 8, maxLength: 8 }).map(words => words.join(':')),
      fc
        .tuple(fc.array(word, { maxLength: 3 }), fc.array(word, { maxLength: 4 }))
        .map(parts => parts.map(words => words.join(':')).join('::')),
      fc.tuple(fc.constantFrom('::', '::ffff:', '::1:', '1::'), fc.ipV4()).map(parts => parts.join('')),
    ),
    fc.constantFrom('', '', '', '/8', '/32', '/128', '/64', '/08', '/129'),
  )
  .map(parts => parts.join(''));
const length = fc.constantFrom(
  '1 day',
  '-3 days +00:00:00.000001',
  '-05:00:00',
  '36:00:00',
  '1 mon',
  '1 year 2 mons',
  '2 days -01:00:00',
  '',
);
const booleans = fc.constantFrom(...BOOLEAN_TEXTS.flat());

/** Texts of every kind that some codec is about, and others. */
export const text = fc.oneof(
  fc.constantFrom(
    ...numericText,
    'a\0b',
    '\0',
    "it's",
    '\\x61',
    '𝄞',
    '\ufffd',
    '\ufeffbom',
    'infinity',
    '-infinity',
    '0000-00-00 00:00:00',
    '0000-00-00',
  ),
  fc.string({ unit: 'binary' }),
  fc.mixedCase(fc.constantFrom('true', 'i:1')),
  moment,
  clock,
  address,
  length,
  uuid,
  decimals,
  json,
  booleans,
);
const bytes = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 16, maxLength: 16 }));

/** Whatever SQLite can hold. */
export const value: fc.Arbitrary<Value> = fc.oneof(
  integer,
  real,
  text,
  text,
  bytes,
  bytes.map(raw => textFromBytes(raw)),
  fc.constant(null),
);

const printed = fc
  .record({
    moment,
    fraction: fc.constantFrom('', '.5', '.123456', '.000001'),
    zone: fc.constantFrom('', '+00'),
    bc: fc.constantFrom('', '', ' BC'),
  })
  .map(({ moment, fraction, zone, bc }) => `${moment.slice(0, 10)} ${moment.slice(11, 19)}${fraction}${zone}${bc}`);

/** Whatever Postgres could print, and more. */
export const pgText = fc.oneof(
  integer.map(String),
  real.map(number => (Object.is(number, -0) ? '-0' : String(number))),
  fc.constantFrom('NaN', 'Infinity', '-Infinity', '1e+20', '9.223372036854776e+18', 't', 'f', '\\x', '\\xF', '\\x0aFf', ''),
  text.filter(candidate => !candidate.includes('\0')),
  printed,
  bytes.map(raw => `\\x${Buffer.from(raw).toString('hex')}`),
  value.filter(candidate => candidate !== null).map(candidate => tag(candidate)),
  fc.constantFrom('i:007', 'i:99999999999999999999', 'i:', 'r:1.50', 'r:NaN', 'b:0', 'b:FF', 'x:41', 't:', 'q:1', 'i:0x1'),
);
