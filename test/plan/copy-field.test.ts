/*
 * What SQLite writes for COPY against what `encode` makes, for every codec, on values as each affinity stores them.
 * test/postgres/portion.test.ts goes on to what Postgres makes of it.
 */
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { RawText, textFromBytes, type Value } from '../../src/change/value.ts';
import { codecOf, kindOf } from '../../src/plan/codec.ts';
import { isDay } from '../../src/plan/codecs/calendar.ts';
import { Unfit } from '../../src/plan/codecs/fit.ts';
import { copyField, MISFIT, madeField, QUOTE } from '../../src/plan/in-sql/copy-field.ts';
import type { CodecName } from '../../src/plan/plan.ts';
import { functionFor } from '../../src/sqlite/functions.ts';
import { numbersFrom } from '../support/random.ts';
import { SEED } from '../support/seed.ts';
import { AFFINITIES, DECLARED, fitting, values } from '../support/values.ts';
import { CODECS, text } from './codec-values.ts';

const db = new Database(':memory:').defaultSafeIntegers(true);
for (const affinity of AFFINITIES) db.exec(`create table ${affinity}_ (v ${DECLARED[affinity]})`);
afterAll(() => db.close());

const pairs = CODECS.flatMap(codec => AFFINITIES.map(affinity => ({ codec, affinity })));

const withField = pairs.filter(pair => copyField(pair, 't.v') !== undefined);
const withoutField = pairs.filter(pair => copyField(pair, 't.v') === undefined);

/** What SQLite stored of it, and its field: null for NULL, without the quotes around it. */
function written(value: Value, pair: (typeof pairs)[number]): { stored: Value; field: string | null } {
  const { affinity } = pair;
  db.exec(`delete from ${affinity}_`);
  const place = value instanceof RawText ? '+cast(? as text)' : '?';
  db.prepare(`insert into ${affinity}_ values (${place})`).run(value instanceof RawText ? value.bytes : value);
  const field = copyField(pair, 't.v') ?? `${functionFor(db, kindOf(pair), madeField(pair))}(t.v)`;
  const row = db.prepare(`select typeof(v), v, cast(v as blob), ${field}, cast(${field} as blob) from ${affinity}_ t`).raw().get() as [
    string,
    Value,
    Uint8Array,
    unknown,
    Uint8Array,
  ];
  const bytes = row[4] === null ? null : Buffer.from(row[4]).toString('latin1');
  const stored = row[0] === 'text' ? textFromBytes(row[2]) : row[1];
  return { stored, field: bytes === null || bytes.includes('\0') ? bytes : unquoted(bytes) };
}

/** The bytes of a CSV field as Postgres reads it, one character each. */
function unquoted(field: string): string {
  if (!field.startsWith(QUOTE)) {
    expect(field, 'what is not quoted must not need it').not.toMatch(/[,\n\r]|^$/);
    return field;
  }
  const inner = field.slice(1, -1);
  expect(field.endsWith(QUOTE) && !inner.replaceAll(QUOTE + QUOTE, '').includes(QUOTE), 'quotes stand in pairs').toBe(true);
  return inner.replaceAll(QUOTE + QUOTE, QUOTE);
}

/** Postgres takes such bytes in no text, and has no such day: codec-postgres.test.ts. */
const refusedByPostgres = (bytes: string): boolean =>
  bytes.includes('\0') || textFromBytes(Buffer.from(bytes, 'latin1')) instanceof RawText || isNoDay(bytes);

function isNoDay(text: string): boolean {
  const [, year, month, day] = (/^(\d{4})-(\d\d)-(\d\d)/.exec(text) ?? []).map(Number);
  return year !== undefined && (year < 1 || !isDay(year, month ?? 0, day ?? 0));
}

test.each(withField)('a field is what `encode` makes, or a misfit: $codec in $affinity [G4]', pair => {
  const codec = codecOf(pair);
  fc.assert(
    fc.property(fc.oneof(values, text), value => {
      const { stored, field } = written(value, pair);
      const encoded = codec.encode(stored);
      if (field === MISFIT) return;
      if (encoded === null || field === null) {
        expect(field).toBe(encoded);
        return;
      }
      if (refusedByPostgres(field)) return;
      const read = Buffer.from(field, 'latin1').toString('utf8');
      expect(encoded).not.toBeInstanceOf(Unfit);
      if (!(encoded instanceof Unfit)) expect(codec.canonical(normal(pair.codec, read))).toBe(codec.canonical(encoded));
    }),
    { numRuns: 400 },
  );
});

test.each(withoutField)('a field that is made in JS is what `encode` makes, to the byte, or a misfit: $codec in $affinity [G4]', pair => {
  const { encode } = codecOf(pair);
  const given = fitting[pair.codec] ?? [];
  fc.assert(
    fc.property(fc.oneof(values, text, ...(given.length === 0 ? [] : [fc.constantFrom(...given)])), value => {
      const { stored, field } = written(value, pair);
      const encoded = encode(stored);
      if (typeof encoded !== 'string') expect(field).toBe(encoded === null ? null : MISFIT);
      else if (!encoded.includes('\uFFFD')) expect(Buffer.from(field ?? '', 'latin1').toString('utf8')).toBe(encoded);
    }),
    { numRuns: 100 },
  );
});

/** Postgres reads hexadecimal digits of either case, and 'Inf'. */
function normal(codec: CodecName, text: string): string {
  if (codec === 'blob') return text.toLowerCase();
  if (codec.includes(' since ')) return text;
  if (codec.includes('(')) return String(codecOf({ codec, affinity: 'blob' }).encode(text)); // codec-postgres.test.ts: Postgres reads both alike
  return codec === 'real' || codec === 'number' ? text.replace(/^(-?)Inf$/, '$1Infinity') : text;
}

test.each(withField.filter(({ codec }) => codec in fitting))('ordinary values are no misfits: $codec in $affinity', pair => {
  for (const value of fitting[pair.codec] ?? []) {
    const { stored, field } = written(value, pair);
    if (!(codecOf(pair).encode(stored) instanceof Unfit)) expect(field).not.toBe(MISFIT);
  }
});

test('17 digits hold every float64: random bit patterns, and the worst places between powers of two and ten [G4]', () => {
  const print = db.prepare(/* sql */ `select printf('%!.17g', ?)`).pluck();
  const bits = new DataView(new ArrayBuffer(8));
  const numbers = numbersFrom(SEED);
  const check = (value: number): void => {
    if (!Number.isFinite(value) || value === 0) return;
    const text = String(print.get(value));
    if (Number(text) !== value) expect.unreachable(`${value} is printed as ${text}`);
  };
  for (let round = 0; round < 200_000; round++) {
    bits.setUint32(0, numbers());
    bits.setUint32(4, numbers());
    check(bits.getFloat64(0));
  }
  for (let exponent = -1074; exponent < 1024; exponent++) for (const value of around(2 ** exponent)) check(value);
  for (let exponent = -323; exponent <= 308; exponent++) for (const value of around(Number(`1e${exponent}`))) check(value);
});

/** The float64s next to this one, on both sides. */
function around(value: number): number[] {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const place = bits.getBigUint64(0);
  return [-3n, -2n, -1n, 0n, 1n, 2n, 3n].map(step => {
    bits.setBigUint64(0, place + step < 0n ? 0n : place + step);
    return bits.getFloat64(0);
  });
}
