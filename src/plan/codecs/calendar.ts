/*
 * Dates as Postgres has them: the proleptic Gregorian calendar, from 4713 BC to the year 294276, to the microsecond.
 * JavaScript's Date ends earlier and knows milliseconds only, so nothing here uses it.
 */

/** A point in time as both databases write it: fields of fixed width, so that most texts need no arithmetic. */
export type Fields = {
  /** At least four digits, from 0001. */
  readonly year: string;
  readonly month: string;
  readonly day: string;
  readonly hour: string;
  readonly minute: string;
  readonly second: string;
  /** Up to six digits of a second, without zeros at the end. */
  readonly fraction: string;
  readonly bc: boolean;
};

const LAST_YEAR = 294_276;
/** Postgres's first day is in November of 4713 BC; nobody misses that November. */
const FIRST_YEAR_BC = 4_712;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether Postgres has this point in time, and prints it as it is: it takes ':60' and '24:00:00' for the next minute and day. */
export function exists({ year, month, day, hour, minute, second, bc }: Fields): boolean {
  const [y, m, d] = [Number(year), Number(month), Number(day)];
  if (y < 1 || y > (bc ? FIRST_YEAR_BC : LAST_YEAR)) return false;
  return isDay(bc ? 1 - y : y, m, d) && hour <= '23' && minute <= '59' && second <= '59';
}

/** Whether the calendar has this day; years before Christ are 0, -1, … */
export const isDay = (year: number, month: number, day: number): boolean =>
  day >= 1 && day <= (month === 2 && isLeap(year) ? 29 : (DAYS[month - 1] ?? 0));

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);

const DAY = 86_400;
/** Days of 400 years, after which the calendar begins again; and from 0000-03-01 to 1970-01-01. */
const ERA = 146_097;
const TO_1970 = 719_468;

/** Days from 1970-01-01 to this one; years before Christ are 0, -1, … */
export function daysOf(year: number, month: number, day: number): number {
  const y = year - (month <= 2 ? 1 : 0); // years begin in March, so that leap days end them
  const era = Math.floor(y / 400);
  const ofEra = y - era * 400;
  const ofYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * ERA + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - TO_1970;
}

/** Whole seconds from 1970-01-01 00:00:00 to these fields. */
export function secondsOf({ year, month, day, hour, minute, second, bc }: Fields): number {
  const days = daysOf(bc ? 1 - Number(year) : Number(year), Number(month), Number(day));
  return days * DAY + Number(hour) * 3600 + Number(minute) * 60 + Number(second);
}

/** The inverse of `secondsOf`; undefined beyond what Postgres has. */
export function fieldsOf(seconds: number, fraction: string): Fields | undefined {
  const days = Math.floor(seconds / DAY);
  const rest = seconds - days * DAY;
  const shifted = days + TO_1970;
  const era = Math.floor(shifted / ERA);
  const ofEra = shifted - era * ERA;
  const yearOfEra = Math.floor((ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36524) - Math.floor(ofEra / 146_096)) / 365);
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * ofYear + 2) / 153);
  const month = fromMarch + (fromMarch < 10 ? 3 : -9);
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const two = (value: number): string => String(value).padStart(2, '0');
  const fields: Fields = {
    year: String(year > 0 ? year : 1 - year).padStart(4, '0'),
    month: two(month),
    day: two(ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1),
    hour: two(Math.floor(rest / 3600)),
    minute: two(Math.floor(rest / 60) % 60),
    second: two(rest % 60),
    fraction,
    bc: year <= 0,
  };
  return exists(fields) ? fields : undefined;
}

export type MomentType = 'date' | 'timestamp' | 'timestamptz';

const TIME = String.raw` (\d\d):(\d\d):(\d\d)(?:\.(\d{0,5}[1-9]))?`;
const PRINTED: Readonly<Record<MomentType, RegExp>> = {
  date: /^(\d{4}|[1-9]\d{4,5})-(\d\d)-(\d\d)()()()()( BC)?$/,
  timestamp: new RegExp(`^(\\d{4}|[1-9]\\d{4,5})-(\\d\\d)-(\\d\\d)${TIME}( BC)?$`),
  timestamptz: new RegExp(`^(\\d{4}|[1-9]\\d{4,5})-(\\d\\d)-(\\d\\d)${TIME}\\+00( BC)?$`),
};

/** Reads what Postgres prints for the type (DateStyle ISO, UTC). */
export function readPg(text: string, type: MomentType): Fields | undefined {
  const [whole, year = '', month = '', day = '', hour = '', minute = '', second = '', fraction = '', bc] = PRINTED[type].exec(text) ?? [];
  if (whole === undefined) return undefined;
  const time = type === 'date' ? MIDNIGHT : { hour, minute, second };
  const fields = { year, month, day, ...time, fraction, bc: bc !== undefined };
  return exists(fields) ? fields : undefined;
}

export const MIDNIGHT = { hour: '00', minute: '00', second: '00' };

/** As Postgres prints it. */
export const printPg = (fields: Fields, type: MomentType): string =>
  type === 'date' ? printDate(fields) : printTimestamp(fields, type === 'timestamptz' ? '+00' : '');

const printDate = ({ year, month, day, bc }: Fields): string => `${year}-${month}-${day}${bc ? ' BC' : ''}`;

function printTimestamp({ year, month, day, hour, minute, second, fraction, bc }: Fields, zone: '+00' | ''): string {
  return `${year}-${month}-${day} ${hour}:${minute}:${second}${fraction === '' ? '' : `.${fraction}`}${zone}${bc ? ' BC' : ''}`;
}
