/*
 * Dates and times that SQLite has as text: one format for each column, written back in the same format.
 *
 * (1) A format says how many digits of a second there are at least. Beyond them stand only digits that are needed, so that
 *     every microsecond of Postgres has its text, and just one.
 * (2) The type is that of the column: text without a zone in a timestamptz is UTC, and a timestamp holds UTC of text with one.
 * (3) What the format has no place for ('infinity', BC, years beyond 9999) is written as Postgres writes it.
 */
import { exists, type Fields, fieldsOf, MIDNIGHT, type MomentType, printPg, readPg, secondsOf } from './calendar.ts';
import { type Codec, Unfit } from './fit.ts';

type Format = {
  readonly compact: boolean;
  /** Between date and time; undefined for a date alone. */
  readonly between: string | undefined;
  readonly digits: number;
  /** `[.ffffff]`: the fraction is left out where it is zero, and else has all of its digits (Python's isoformat). */
  readonly optional: boolean;
  readonly zone: string;
  readonly type: MomentType;
};

const FORMAT = /^(YYYY-?MM-?DD)(?:([T ]?)(hh:?mm:?ss)(\[\.f{1,6}\]|\.f{1,6})?(Z| UTC| ?[+-]\d\d(?::?[0-5]\d)?)?)?$/;

/** Reads `YYYY-MM-DD hh:mm:ss.fffZ` and the like; undefined for what is not a format of that type. */
function parseFormat(type: MomentType, format: string): Format | undefined {
  const [whole, day = '', between, time, digits = '', zone = ''] = FORMAT.exec(format) ?? [];
  const compact = day === 'YYYYMMDD';
  if (whole === undefined || !(compact || day === 'YYYY-MM-DD')) return undefined;
  if (time !== undefined && (time !== (compact ? 'hhmmss' : 'hh:mm:ss') || (between === '' && !compact))) return undefined;
  const optional = digits.startsWith('[');
  const parsed = {
    compact,
    between: time === undefined ? undefined : between,
    digits: Math.max(0, digits.length - (optional ? 3 : 1)),
    optional,
    zone,
    type,
  };
  return (time === undefined) === (type === 'date') && Math.abs(minutesOf(zone)) < 16 * 60 ? parsed : undefined;
}

const ISO = /^(date|timestamp|timestamptz)\(YYYY-MM-DD(?:([T ])hh:mm:ss(?:\.(f+))?(|Z| UTC|\+00|\+00:00))?\)$/;

/** A format in UTC or without a zone, whose texts SQL can tell and make as well. */
export type Iso = Pick<Format, 'between' | 'digits' | 'zone' | 'type'>;

/** The format of a codec; undefined for any other. */
export function isoOf(codec: string): Iso | undefined {
  const [whole, type, between, fraction = '', zone = ''] = ISO.exec(codec) ?? [];
  return whole === undefined ? undefined : { type: type as MomentType, between, digits: fraction.length, zone };
}

/** A zone's distance from UTC, east is positive. */
function minutesOf(zone: string): number {
  const [, sign, hours, minutes = '0'] = /([+-])(\d\d):?(\d\d)?$/.exec(zone) ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes));
}

const NOT_TEXT = new Unfit('not a text');
const OTHER_FORMAT = new Unfit('a text in another format than the column’s');
const NO_DATE = new Unfit('a date or time that does not exist in Postgres');
const LOOSE = new Unfit('zeros at the end of a fraction that is longer than the column’s');
const NO_PLACE = new Unfit('a date that the column’s format has no place for');
const NOT_PRINTED = new Unfit('not a date or time as Postgres prints it, or one that is too far away');

const isInfinite = (text: string): boolean => text === 'infinity' || text === '-infinity';

/** The codec of a format; undefined for what is not a format of that type. */
export function momentCodec(type: MomentType, text: string): Codec | undefined {
  const format = parseFormat(type, text);
  if (format === undefined) return undefined;
  const pattern = patternOf(format);
  const shift = minutesOf(format.zone);
  return {
    encode(value) {
      if (typeof value !== 'string') return NOT_TEXT;
      const groups = pattern.exec(value)?.groups;
      if (groups === undefined) return isInfinite(value) ? value : OTHER_FORMAT;
      const { fraction = '' } = groups;
      if (fraction.length > format.digits && fraction.endsWith('0')) return LOOSE;
      if (format.optional && /^0+$/.test(fraction)) return LOOSE;
      const fields = moved(fieldsFrom(groups), -shift);
      return fields === undefined ? NO_DATE : printPg(fields, type);
    },
    decode(text) {
      if (isInfinite(text)) return text;
      const fields = readPg(text, type);
      const local = fields === undefined ? undefined : moved(fields, shift);
      if (local === undefined) return NOT_PRINTED;
      return format.compact && (local.bc || local.year.length > 4) ? NO_PLACE : write(local, format);
    },
    canonical: text => text,
  };
}

function fieldsFrom(groups: Readonly<Record<string, string | undefined>>): Fields {
  const { year = '', month = '', day = '', hour, minute = '', second = '', fraction = '', bc } = groups;
  const time = hour === undefined ? MIDNIGHT : { hour, minute, second };
  return { year, month, day, ...time, fraction: fraction.endsWith('0') ? fraction.replace(/0+$/, '') : fraction, bc: bc !== undefined };
}

/** In another zone; undefined for what does not exist, before or after. */
function moved(fields: Fields, minutes: number): Fields | undefined {
  if (!exists(fields)) return undefined;
  return minutes === 0 ? fields : fieldsOf(secondsOf(fields) + minutes * 60, fields.fraction);
}

function patternOf({ compact, between, digits, optional, zone }: Format): RegExp {
  const [year, dash, colon, bc] = compact ? [String.raw`\d{4}`, '', '', ''] : [String.raw`\d{4}|[1-9]\d{4,5}`, '-', ':', '(?<bc> BC)?'];
  const two = (name: string): string => `(?<${name}>${String.raw`\d\d`})`;
  const date = [`(?<year>${year})`, two('month'), two('day')].join(dash);
  if (between === undefined) return new RegExp(`^${date}${bc}$`);
  const time = ['hour', 'minute', 'second'].map(two).join(colon);
  const fraction = String.raw`\.(?<fraction>\d{${Math.max(1, digits)},6})`;
  const last = `${digits === 0 || optional ? `(?:${fraction})?` : fraction}${zone.replaceAll('+', String.raw`\+`)}${bc}`;
  return new RegExp(`^${date}${between}${time}${last}$`);
}

function write(
  { year, month, day, hour, minute, second, fraction, bc }: Fields,
  { compact, between, digits, optional, zone }: Format,
): string {
  const [dash, colon] = compact ? ['', ''] : ['-', ':'];
  const date = `${year}${dash}${month}${dash}${day}`;
  const padded = optional && fraction === '' ? '' : fraction.padEnd(digits, '0');
  const time =
    between === undefined ? '' : `${between}${hour}${colon}${minute}${colon}${second}${padded === '' ? '' : `.${padded}`}${zone}`;
  return `${date}${time}${bc ? ' BC' : ''}`;
}
