import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RawText, tag, type Value } from '../../src/change/value.ts';
import { codecOf } from '../../src/plan/codec.ts';
import type { Affinity } from '../../src/plan/codecs/affinity.ts';
import { BOOLEAN_TEXTS } from '../../src/plan/codecs/boolean.ts';
import { Unfit } from '../../src/plan/codecs/fit.ts';
import { typeOf } from '../../src/plan/codecs/registry.ts';
import { type Form, formsOf } from '../../src/plan/in-sql/digest.ts';
import { textForm } from '../../src/plan/in-sql/text-form.ts';
import type { CodecName, ColumnPlan } from '../../src/plan/plan.ts';
import { functionFor } from '../../src/sqlite/functions.ts';
import type { Database } from '../../src/sqlite/open.ts';
import { connect, type TestPostgres, testPostgres } from '../support/postgres.ts';
import { CODECS, text, value } from './codec-values.ts';
import { storing } from './storing.ts';

/*
 * Whether a value survives is decided by Postgres, not by what JavaScript thinks of it: each codec's texts go through a real one.
 */
const RUNS = 800;
const AFFINITIES: readonly Affinity[] = ['text', 'numeric', 'blob', 'integer', 'real'];

let postgres: TestPostgres;
let version: number;
let client: Awaited<ReturnType<typeof connect>>;
const sqlite = storing();
beforeAll(async () => {
  postgres = await testPostgres();
  client = await connect(postgres.url);
  version = Number((await postgres.query('show server_version_num'))[0]?.server_version_num);
  await client.query(`set datestyle = 'ISO, YMD'; set timezone = 'UTC'; set extra_float_digits = 1; set bytea_output = 'hex'`);
});
afterAll(async () => {
  await client.end();
  await postgres[Symbol.asyncDispose]();
  sqlite.close();
});

/** Each text as Postgres prints it back from this type. */
async function through(texts: readonly string[], type: string): Promise<string[]> {
  const { rows } = await client.query(
    `select v::${type}::text as v from unnest($1::text[]) with ordinality as u(v, place) order by place`,
    [texts],
  );
  // A cast from boolean to text is spelled out; in results it is not.
  return rows.map(({ v }) => (type === 'boolean' ? String(v).charAt(0) : String(v)));
}

/** Before Postgres 14 a numeric is finite: such a row waits in quarantine there. */
const isKnown = (text: string, codec: CodecName): boolean =>
  version >= 14_00_00 || typeOf(codec) !== 'numeric' || !text.endsWith('Infinity');

/** A value of each narrow type, which every codec of it holds. */
const CERTAIN: Readonly<Record<string, string>> = {
  date: '2024-02-29',
  timestamp: '2024-02-29 23:59:59',
  timestamptz: '2024-02-29 23:59:59+00',
  uuid: 'a0000000-0000-4000-8000-00000000000f',
  jsonb: '{"a": 1}',
  json: '{"a": 1}',
  numeric: '12',
  time: '07:30:00',
  interval: '1 day',
  inet: '10.0.0.1',
};

const bits = (stored: Value): string | null => (stored === null ? null : tag(stored));

describe('SQLite → Postgres → SQLite keeps class and bytes [G4]', () => {
  test.each(CODECS)('%s', async codec => {
    let tried = 0;
    for (const affinity of AFFINITIES) {
      const { encode, decode, canonical } = codecOf({ codec, affinity });
      const known = CERTAIN[typeOf(codec)];
      const certain =
        known === undefined ? BOOLEAN_TEXTS.flat() : [decode(known)].filter((given): given is Value => !(given instanceof Unfit)); // of some, no sample is one
      const values = [...fc.sample(value, RUNS), ...certain];
      const fitting = values.flatMap(given => {
        const before = sqlite.stored(given, affinity);
        const text = encode(before);
        return typeof text === 'string' && isKnown(text, codec) ? [{ before, text }] : [];
      });
      const back = await through(
        fitting.map(({ text }) => text),
        typeOf(codec),
      );
      for (const [place, { before, text }] of fitting.entries()) {
        expect(canonical(back[place]!)).toBe(canonical(text));
        const decoded = decode(back[place]!);
        if (decoded instanceof Unfit) throw new Error(`${text} came back as ${back[place]} and was refused: ${decoded.reason}`);
        if (typeOf(codec) === 'jsonb' && typeof before === 'string') expect(canonical(decoded as string)).toBe(canonical(before));
        else expect(bits(decoded)).toBe(bits(before));
        expect(bits(sqlite.stored(decoded, affinity))).toBe(bits(decoded));
      }
      tried += fitting.length;
    }
    expect(tried).toBeGreaterThan(0);
  });
});

/** SQL for values of a type that an application could write in Postgres; `i` counts. */
const WRITTEN: Readonly<Record<string, string>> = {
  bigint: `(random() * 1e18)::bigint * (case i % 3 when 0 then -1 else i % 2 end)`,
  'double precision': `case i % 5 when 0 then 'Infinity' when 1 then '-0' when 2 then i else (random() - 0.5) * 10 ^ (i % 300) end`,
  text: `case i % 4 when 0 then i::text when 1 then i || '.50' when 2 then md5(i::text) else chr(i + 1) end`,
  bytea: `decode(md5(i::text), 'hex')`,
  boolean: `i % 2 = 0`,
  numeric: `case i % 6 when 0 then i::numeric when 1 then i / 100.0 when 2 then random()::numeric(30, 20) when 3 then 'NaN' when 4 then 1.50 else 10::numeric ^ (i % 40) end`,
  date: `case i % 5 when 0 then 'infinity'::date when 1 then date '0001-01-01' - (i * 700) when 2 then date '20000-01-01' + i else date '1970-01-01' + i * 31 end`,
  timestamp: `case i % 6 when 0 then 'infinity'::timestamp when 1 then timestamp '0001-01-01' - i * interval '300 days 3 seconds'
    when 2 then timestamp '20000-01-01' + i * interval '1 us' when 3 then timestamp '1970-01-01' + i * interval '1 day' else timestamp '1999-12-31 23:59:59.999' + i * interval '1000003 us' end`,
  timestamptz: `case i % 6 when 0 then '-infinity'::timestamptz when 1 then timestamptz '0001-01-01' - i * interval '300 days 3 seconds'
    when 2 then timestamptz '20000-01-01' + i * interval '1 us' when 3 then timestamptz '1970-01-01' + i * interval '1 day' else timestamptz '1999-12-31 23:59:59.999' + i * interval '1000003 us' end`,
  uuid: `md5(i::text)::uuid`,
  json: `(case i % 3 when 0 then '{"a":1,  "a":2}' when 1 then case i % 2 when 0 then '[1e400]' else i || '.50' end else '{"n":' || i || '}' end)::json`,
  time: `case i % 3 when 0 then time '00:00' when 1 then time '23:59:59.999999' else time '07:30' + i * interval '1000003 us' end`,
  interval: `case i % 6 when 0 then interval '0' when 1 then i * interval '-1000003 us' when 2 then i * interval '36 hours' when 3 then make_interval(days => i, secs => -i)
    when 4 then make_interval(months => i) else make_interval(days => -i) end`,
  inet: `(case i % 4 when 0 then '10.0.' || i % 256 || '.1' when 1 then '10.0.0.0/' || i % 33 when 2 then '2001:db8::' || to_hex(i) else '::' || to_hex(i) || ':0:0:' || to_hex(i % 2) || '/' || i % 129 end)::inet`,
  jsonb: `case i % 4 when 0 then to_jsonb(i / 100.0) when 1 then to_jsonb(1e16 * i)
    else jsonb_build_object('n', i / 100.0, 'text', chr(i + 1), 'list', jsonb_build_array(i, null, true, 1e20 * i, '')) end`,
};

async function written(type: string): Promise<string[]> {
  const { rows } = await client.query(`select v::${type} as v from generate_series(1, 1000) i, lateral (select ${WRITTEN[type]} as v) w`);
  return rows.map(({ v }) => v);
}

/** What Postgres reads each of the texts as; null where it refuses one. */
async function readEach(texts: readonly string[], type: string): Promise<(string | null)[]> {
  await client.query(`create or replace function pg_temp.read(given text) returns text language plpgsql as
    'begin return given::${type}::text; exception when data_exception then return null; end'`);
  const { rows } = await client.query(`select pg_temp.read(v) as v from unnest($1::text[]) with ordinality as u(v, place) order by place`, [
    texts,
  ]);
  return rows.map(({ v }) => v as string | null);
}

describe('a text in the exact form is read by Postgres as `encode` writes it, or refused by both [G4]', () => {
  test.each(CODECS.filter(codec => textForm(codec) !== undefined))('%s', async codec => {
    const [type, form] = [typeOf(codec), textForm(codec)!];
    const { encode, decode } = codecOf({ codec, affinity: 'text' });
    const told = sqlite.db.prepare<[string], bigint>(`select ${form('v')} from (select ? as v)`).pluck();
    const printed = (await written(type)).map(decode).filter(value => typeof value === 'string');
    const slipped = printed
      .slice(0, 50)
      .flatMap(given =>
        Array.from(given, (_, n) => ['0', '1', '2', '3', '9'].map(digit => given.slice(0, n) + digit + given.slice(n + 1))).flat(),
      );
    const never = printed.flatMap(given => [
      `0000${given.slice(4)}`,
      `${given.slice(0, 5)}02-30${given.slice(10)}`,
      `${given.slice(0, 5)}00-00${given.slice(10)}`,
    ]);
    const hours = printed.flatMap(given => ['24', '25'].map(hour => given.slice(0, 11) + hour + given.slice(13).replace(/[1-9]/g, '0')));
    const texts = [...fc.sample(text, RUNS), ...printed, ...slipped, ...never, ...hours].filter(given => told.get(given) === 1n);
    expect(texts.length).toBeGreaterThan(0);
    const read = await readEach(texts, type);
    for (const [place, given] of texts.entries()) {
      const encoded = encode(given);
      expect(read[place], given).toBe(encoded instanceof Unfit ? null : encoded);
    }
  });
});

const formOf = (codec: string): Form => formsOf([{ codec, affinity: 'blob', type: typeOf(codec) } as ColumnPlan])[0]!;

/** A value, and what a slip would make of it: what is nearly right is most easily taken for it. */
const slips = (given: Value, n: number): Value[] =>
  typeof given !== 'string' || given === ''
    ? [given]
    : [
        given,
        given.slice(0, n % given.length) + ',0. TZ+9:'.charAt(n % 9) + given.slice((n % given.length) + 1),
        `${given.slice(0, n % given.length)}${given.slice((n % given.length) + 1)}`,
      ];

describe('what is digested is equal only where the values are [G4]', () => {
  test.each(CODECS)('%s', async codec => {
    const { encode, decode, canonical } = codecOf({ codec, affinity: 'blob' });
    const type = typeOf(codec);
    const form = formOf(codec);
    const printed = await written(type);
    const given = [...fc.sample(value, RUNS), ...printed.map(decode)].filter(each => !(each instanceof Unfit));
    const values = given.flatMap((each, n) => slips(each as Value, n)).map(each => sqlite.stored(each, 'blob'));
    const fitting = values.map(encode).filter(text => typeof text === 'string' && isKnown(text, codec));
    const { rows } = await client.query(
      `select v, encode(${form.postgres('own')}, 'hex') as bytes
      from (select v::${type}::text as v, v::${type} as own, place from unnest($1::text[]) with ordinality as u(v, place)) w group by v, place`,
      [[...fitting, ...printed, null]],
    );
    const there = new Map<string, string | null>(rows.map(row => [row.bytes, type === 'boolean' ? (row.v?.charAt(0) ?? null) : row.v]));
    let equal = 0;
    for (const each of values) {
      const bytes = bytesOf(
        sqlite.db,
        codec,
        form,
        each instanceof RawText ? 'cast(? as text)' : '?',
        each instanceof RawText ? each.bytes : each,
      );
      const text = there.get(bytes);
      if (text === undefined) continue;
      const encoded = encode(each);
      expect(encoded instanceof Unfit ? encoded.reason : encoded && canonical(encoded), `${each} is ${bytes}`).toBe(
        text && canonical(text),
      );
      equal++;
    }
    expect(equal).toBeGreaterThan(fitting.length / 20); // most of the others are at the ends of time
  });
});

/** What SQLite's side digests of one value, in hex. */
function bytesOf(db: Database, codec: string, form: Form, as: string, value: unknown): string {
  const statement = (sql: string) => db.prepare<unknown[], unknown>(`select ${sql} from (select ${as} as v)`).pluck();
  if ('values' in form) return Buffer.from(form.values([statement('v').get(value)])).toString('hex');
  const made = form.makes === undefined ? '' : functionFor(db, codec, form.makes);
  const written = statement(`cast(${form.sqlite('v', made)} as blob)`).get(value) as Uint8Array;
  return Buffer.from(form.sent === undefined ? written : form.sent(written, 1)).toString('hex');
}

describe('what is written in Postgres comes back to Postgres the same, or is refused [G4]', () => {
  test.each(CODECS)('%s', async codec => {
    const type = typeOf(codec);
    const values = await written(type);
    const refused: Record<string, number> = {};
    for (const affinity of AFFINITIES) {
      const { encode, decode, canonical } = codecOf({ codec, affinity });
      const kept = values.flatMap(v => {
        const decoded = decode(v);
        if (decoded instanceof Unfit) {
          refused[decoded.reason] = (refused[decoded.reason] ?? 0) + 1;
          return [];
        }
        const again = encode(sqlite.stored(decoded, affinity));
        if (typeof again !== 'string') throw new Error(`${v} was stored, and does not fit any more`);
        return [{ v: String(v), again }];
      });
      const back = await through(
        kept.map(({ again }) => again),
        type,
      );
      for (const [place, { v }] of kept.entries()) expect(canonical(back[place]!)).toBe(canonical(v));
    }
    // Fixed texts and dates take all that their type can hold.
    if (/^(?:uuid|timestamp\(YYYY-|timestamptz\(YYYY-|date\(YYYY-)/.test(codec) && !codec.includes('blob'))
      expect(refused['not a date or time as Postgres prints it, or one that is too far away'] ?? 0).toBe(0);
  });
});
