/*
 * Points in time that SQLite has as a number of units since the first day of some year.
 *
 * Whole units are integers. In a column that takes REALs, a point between two units is a REAL, where float64 keeps it apart
 * from the microseconds beside it.
 */
import type { Affinity } from './affinity.ts';
import { fieldsOf, type MomentType, printPg, readPg, secondsOf } from './calendar.ts';
import { type Codec, proven, Unfit } from './fit.ts';

/** How many microseconds a unit has, and how many units a microsecond. */
type Unit = { readonly micros: bigint; readonly parts: bigint };
const UNITS: Readonly<Record<string, Unit>> = {
  s: { micros: 1_000_000n, parts: 1n },
  ms: { micros: 1_000n, parts: 1n },
  us: { micros: 1n, parts: 1n },
  ns: { micros: 1n, parts: 1_000n },
};
/** Unix; WebKit and Windows; Core Data; the old Macintosh. In seconds from 1970. */
const ORIGINS: Readonly<Record<string, bigint>> = { '1970': 0n, '1601': -11_644_473_600n, '2001': 978_307_200n, '1904': -2_082_844_800n };

const NOT_NUMBER = new Unfit('not a number');
const NOT_EXACT = new Unfit('a number that is not a whole number of microseconds');
const TOO_FAR = new Unfit('a point in time that Postgres does not have');
const NOT_PRINTED = new Unfit('not a timestamp as Postgres prints it, or one that is too far away');
const BETWEEN = new Unfit('a point in time between two units of the column, which a number of SQLite cannot hold exactly');

/** `s since 1970` and the like; undefined for what is none of them. */
export function epochCodec(format: string, affinity: Affinity, type: MomentType = 'timestamptz'): Codec | undefined {
  const [, name = '', year = ''] = /^(\w+) since (\d+)$/.exec(format) ?? [];
  const [unit, origin] = [UNITS[name], ORIGINS[year]];
  if (unit === undefined || origin === undefined) return undefined;
  const codec: Codec = {
    encode(value) {
      if (typeof value === 'bigint')
        return (value * unit.micros) % unit.parts === 0n
          ? print((value * unit.micros) / unit.parts + origin * 1_000_000n, type)
          : NOT_EXACT;
      if (typeof value !== 'number') return NOT_NUMBER;
      const rounded = Math.round((value * Number(unit.micros)) / Number(unit.parts));
      const micros = Number.isFinite(rounded) ? BigInt(rounded) : undefined;
      if (micros === undefined || !Object.is(numberOf(micros, unit, affinity), value)) return NOT_EXACT;
      return print(micros + origin * 1_000_000n, type);
    },
    decode(text) {
      const micros = microsIn(text, type);
      if (micros === undefined) return NOT_PRINTED;
      const value = numberOf(micros - origin * 1_000_000n, unit, affinity);
      return typeof value === 'bigint' && BigInt.asIntN(64, value) !== value ? BETWEEN : value;
    },
    canonical: text => text,
  };
  return proven(codec, BETWEEN);
}

/** Microseconds since 1970 of what Postgres prints; undefined for what is not a point in time. */
export function microsIn(text: string, type: MomentType): bigint | undefined {
  const fields = readPg(text, type);
  return fields === undefined ? undefined : BigInt(secondsOf(fields)) * 1_000_000n + BigInt(fields.fraction.padEnd(6, '0'));
}

/** The inverse of `microsIn`; Unfit for what Postgres does not have. */
export function print(micros: bigint, type: MomentType): string | Unfit {
  const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const fields = fieldsOf(Number((micros - rest) / 1_000_000n), String(rest).padStart(6, '0').replace(/0+$/, ''));
  return fields === undefined ? TOO_FAR : printPg(fields, type);
}

function numberOf(micros: bigint, { micros: each, parts }: Unit, affinity: Affinity): bigint | number {
  const units = micros * parts;
  return units % each === 0n && affinity !== 'real' ? units / each : Number(units) / Number(each);
}
