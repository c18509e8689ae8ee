/*
 * Every codec by its name in the plan. Some take one argument, which says how SQLite writes the value:
 * timestamp(YYYY-MM-DD hh:mm:ss), timestamptz(s since 1970), date(YYYY-MM-DD or ''), boolean(true/false), uuid(lower).
 */

import { inet } from './address.ts';
import type { Affinity } from './affinity.ts';
import { booleanTexts, zeroOne } from './boolean.ts';
import type { MomentType } from './calendar.ts';
import { intervalCodec, timeCodec } from './clock.ts';
import { epochCodec } from './epoch.ts';
import type { Codec } from './fit.ts';
import { jsonText, jsonValue } from './json.ts';
import { numbered } from './json-number.ts';
import { julianCodec } from './julian.ts';
import { momentCodec } from './moment.ts';
import { withNever } from './never.ts';
import { decimal, decimalText } from './numeric.ts';
import { blob, integer, number, realOf, tagged, text } from './plain.ts';
import { repairing } from './repairing.ts';
import { UUIDS } from './uuid.ts';

export const PG_TYPES = [
  'bigint',
  'double precision',
  'text',
  'bytea',
  'boolean',
  'numeric',
  'date',
  'timestamp',
  'timestamptz',
  'uuid',
  'json',
  'jsonb',
  'time',
  'interval',
  'inet',
] as const;
export type PgType = (typeof PG_TYPES)[number];

type Family = { readonly type: PgType; readonly make: (argument: string, affinity: Affinity) => Codec | undefined };

const alone = (type: PgType, make: (affinity: Affinity) => Codec): Family => ({
  type,
  make: (argument, affinity) => (argument === '' ? make(affinity) : undefined),
});

const documents = (type: PgType, codec: Codec): Family => ({
  type,
  make(argument, affinity) {
    const own = affinity === 'numeric' ? numbered(codec) : codec;
    return argument === '' ? own : argument === 'repaired' ? repairing(own) : undefined;
  },
});

const inTime = (type: MomentType): Family => ({
  type,
  make: (argument, affinity) =>
    withNever(
      argument,
      affinity,
      format =>
        momentCodec(type, format) ??
        julianCodec(format, affinity, type) ??
        (type === 'date' ? undefined : epochCodec(format, affinity, type)),
    ),
});

const FAMILIES: Readonly<Record<string, Family>> = {
  integer: alone('bigint', () => integer),
  real: alone('double precision', realOf),
  number: alone('double precision', () => number),
  text: alone('text', () => text),
  blob: alone('bytea', () => blob),
  tagged: alone('text', () => tagged),
  boolean: { type: 'boolean', make: argument => (argument === '' ? zeroOne : booleanTexts(argument)) },
  date: inTime('date'),
  timestamp: inTime('timestamp'),
  timestamptz: inTime('timestamptz'),
  uuid: { type: 'uuid', make: form => UUIDS[form] },
  json: documents('json', jsonText),
  jsonb: documents('jsonb', jsonValue),
  numeric: alone('numeric', () => decimalText),
  decimal: {
    type: 'numeric',
    make: (argument, affinity) => {
      if (argument === '') return decimal(affinity);
      const places = /^(\d{1,2}) places$/.exec(argument)?.[1];
      return places === undefined ? undefined : decimal(affinity, Number(places));
    },
  },
  time: { type: 'time', make: timeCodec },
  interval: { type: 'interval', make: intervalCodec },
  inet: alone('inet', () => inet),
};

/** How applications write a time of day. */
export const TIMES: readonly string[] = ['hh:mm:ss[.ffffff]', 'hh:mm:ss', 'hh:mm:ss.ffffff', '2000-01-01 hh:mm:ss[.ffffff]'].map(
  form => `time(${form})`,
);

/** The same for an interval; what a number counts, only a person knows. */
export const INTERVALS: readonly string[] = ['YYYY-MM-DD hh:mm:ss.ffffff', 'us', 'ms', 's'].map(form => `interval(${form})`);

/** One of each, for the people who edit a plan. */
export const EXAMPLES: readonly string[] = [
  'integer',
  'real',
  'number',
  'text',
  'blob',
  'boolean',
  'boolean(true/false)',
  'date(YYYY-MM-DD)',
  'timestamp(YYYY-MM-DD hh:mm:ss)',
  'timestamptz(YYYY-MM-DDThh:mm:ss.fffZ)',
  'timestamptz(s since 1970)',
  'timestamptz(ms since 1970 or 0)',
  'timestamptz(us since 1601)',
  'timestamptz(s since 2001)',
  'timestamptz(julian day)',
  "timestamp(YYYY-MM-DD hh:mm:ss or '')",
  "date(YYYY-MM-DD or '0000-00-00')",
  'uuid(lower)',
  'uuid(blob)',
  'jsonb',
  'json',
  'numeric',
  'decimal',
  'tagged',
  ...TIMES,
  ...INTERVALS,
  'inet',
];

/** What a codec is called, and its argument. */
export function partsOf(codec: string): { readonly name: string; readonly argument: string } {
  const [, name = '', argument = ''] = /^([a-z]+)(?:\(([^()]+)\))?$/.exec(codec) ?? [];
  return { name, argument };
}

function familyOf(codec: string): { readonly family: Family; readonly argument: string } | undefined {
  const { name, argument } = partsOf(codec);
  const family = Object.hasOwn(FAMILIES, name) ? FAMILIES[name] : undefined;
  return family === undefined ? undefined : { family, argument };
}

/** undefined for what is not a codec. */
export function makeCodec(codec: string, affinity: Affinity): Codec | undefined {
  const found = familyOf(codec);
  return found?.family.make(found.argument, affinity);
}

export const isCodec = (codec: string): boolean => makeCodec(codec, 'blob') !== undefined;

/** The Postgres type of a codec. Throws RangeError for what is not a codec. */
export function typeOf(codec: string): PgType {
  const found = isCodec(codec) ? familyOf(codec) : undefined;
  if (found === undefined) throw new RangeError(`there is no codec ${codec}`);
  return found.family.type;
}
