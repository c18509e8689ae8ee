/*
 * Postgres's time and interval. Each is a point in time that another codec reads: a time of day one of a certain day, an interval
 * one that lies so far behind 1970.
 */
import type { PgText } from '../../change/change.ts';
import type { Value } from '../../change/value.ts';
import type { Affinity } from './affinity.ts';
import { epochCodec, microsIn, print } from './epoch.ts';
import { type Codec, identity, Unfit } from './fit.ts';
import { momentCodec } from './moment.ts';

const OTHER_FORMAT = new Unfit('no time of day in the column’s format');
const NO_PLACE = new Unfit('a time of day that the column’s format has no place for');
const NO_LENGTH = new Unfit('an interval that is not an exact number of microseconds, or too long');

/** Rails writes this day too. */
const DAY = '2000-01-01 ';
const CLOCK = /^2000-01-01 (\d\d:\d\d:\d\d(?:\.\d+)?)$/;

/** `hh:mm:ss`, with a fraction as `momentCodec` has it, or with Rails's day in front; undefined for what is not such a format. */
export function timeCodec(format: string): Codec | undefined {
  const before = format.startsWith(DAY) ? '' : DAY;
  const form = `${before}${format}`.slice(DAY.length);
  const moment = /^hh:mm:ss(?:\[?\.f+\]?)?$/.test(form) ? momentCodec('timestamp', `YYYY-MM-DD ${form}`) : undefined;
  if (moment === undefined) return undefined;
  const clock = (text: Value | Unfit): string | undefined => (typeof text === 'string' ? CLOCK.exec(text)?.[1] : undefined);
  return {
    encode: value => (typeof value === 'string' ? clock(moment.encode(`${before}${value}`) as Value | Unfit) : undefined) ?? OTHER_FORMAT,
    decode(text) {
      const read = clock(moment.decode(`${DAY}${text}`));
      return read === undefined ? NO_PLACE : `${before === '' ? DAY : ''}${read}`;
    },
    canonical: identity,
  };
}

/** As a number of `us`, `ms` or `s`, or as the point in time that far after 1970; undefined for any other format. */
export function intervalCodec(format: string, affinity: Affinity): Codec | undefined {
  const moment = /^(?:s|ms|us)$/.test(format)
    ? epochCodec(`${format} since 1970`, affinity, 'timestamp')
    : momentCodec('timestamp', format);
  if (moment === undefined) return undefined;
  return {
    encode(value) {
      const text = moment.encode(value);
      return typeof text === 'string' ? lengthText(microsIn(text, 'timestamp')) : text;
    },
    decode(text) {
      const micros = microsOf(text);
      const at = micros === undefined ? NO_LENGTH : print(micros, 'timestamp');
      return at instanceof Unfit ? NO_LENGTH : moment.decode(at);
    },
    canonical(text) {
      const length = lengthText(microsOf(text));
      return typeof length === 'string' ? length : text;
    },
  };
}

const LENGTH = /^(?:(-?\d{1,10}) days?)?(?:^|$| )(?:([-+]?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?$/;
const PER_DAY = 86_400_000_000n;

/** Of what Postgres prints (its IntervalStyle); undefined where months are in it, which are no certain time. */
function microsOf(text: string): bigint | undefined {
  const [whole, days = '0', sign = '', hours = '0', minutes = '0', seconds = '0', fraction = ''] = LENGTH.exec(text) ?? [];
  if (whole === undefined || whole === '') return undefined;
  const time = BigInt(Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
  return BigInt(days) * PER_DAY + (sign === '-' ? -time : time);
}

/** As Postgres prints a number of whole days and what is left of one. */
function lengthText(micros: bigint | undefined): PgText | Unfit {
  if (micros === undefined) return NO_LENGTH;
  const rest = ((micros % PER_DAY) + PER_DAY) % PER_DAY;
  const days = (micros - rest) / PER_DAY;
  const at = print(rest, 'timestamp') as string;
  const time = rest === 0n && days !== 0n ? '' : `${days < 0n ? '+' : ''}${at.slice('1970-01-01 '.length)}`;
  return [days === 0n ? '' : `${days} ${days === 1n ? 'day' : 'days'}`, time].filter(part => part !== '').join(' ');
}
