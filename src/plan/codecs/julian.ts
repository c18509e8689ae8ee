/*
 * Julian days: how SQLite's own date functions count. Day 2440587.5 is the midnight at which 1970 begins.
 *
 * A float64 tells points in time of our days apart to 40 microseconds only. Every stored REAL has its microsecond in Postgres and
 * comes back bit for bit; of what is written in Postgres only what such a REAL can hold comes back.
 */
import type { Affinity } from './affinity.ts';
import { type MomentType, readPg, secondsOf } from './calendar.ts';
import { microsIn, print } from './epoch.ts';
import { type Codec, proven, Unfit } from './fit.ts';

const NOT_NUMBER = new Unfit('not a number');
const NOT_INTEGER = new Unfit('not an integer');
const TOO_FAR = new Unfit('a Julian day that Postgres does not have');
const NOT_KEPT = new Unfit('a number between two microseconds, or one that Postgres does not have');
const NOT_PRINTED = new Unfit('not a date or time as Postgres prints it, or one that is too far away');
const BETWEEN = new Unfit('a point in time that no Julian day of SQLite holds exactly');

const UNIX = 2_440_587.5;
const DAY = 86_400_000_000;
/** Noon of the day that begins 1970 ends this Julian day number. */
const UNIX_DAY = 2_440_588n;
const FIRST = -38n;
const LAST = 109_203_527n;

/** `julian day`: REAL days with the time of day, or for a date the whole number of its day. */
export const julianCodec = (format: string, affinity: Affinity, type: MomentType): Codec | undefined =>
  format === 'julian day' ? proven(type === 'date' ? days : points(type, affinity), BETWEEN) : undefined;

function points(type: MomentType, affinity: Affinity): Codec {
  const dayOf = (micros: number): bigint | number => {
    const day = micros / DAY + UNIX;
    return Number.isInteger(day) && affinity !== 'real' ? BigInt(day) : day; // noon: SQLite makes an integer of it
  };
  return {
    encode(value) {
      if (typeof value !== 'number' && typeof value !== 'bigint') return NOT_NUMBER;
      const micros = Math.round((Number(value) - UNIX) * DAY);
      return Number.isFinite(micros) && Object.is(dayOf(micros), value) ? print(BigInt(micros), type) : NOT_KEPT;
    },
    decode(text) {
      const micros = microsIn(text, type);
      return micros === undefined ? NOT_PRINTED : dayOf(Number(micros));
    },
    canonical: text => text,
  };
}

const days: Codec = {
  encode(value) {
    if (typeof value !== 'bigint') return NOT_INTEGER;
    return value < FIRST || value > LAST ? TOO_FAR : print((value - UNIX_DAY) * BigInt(DAY), 'date');
  },
  decode(text) {
    const fields = readPg(text, 'date');
    return fields === undefined ? NOT_PRINTED : BigInt(secondsOf(fields)) / 86_400n + UNIX_DAY;
  },
  canonical: text => text,
};
