/*
 * Dates and times in a digest: the integers that Postgres sends for them, which are made here of the texts that SQLite has, or that
 * its SQL makes of numbers. Exactly one text of a format means a point in time; what is not that text is a misfit here.
 */
import { daysOf, isDay, type MomentType } from '../codecs/calendar.ts';
import { isoOf } from '../codecs/moment.ts';
import type { Form } from './digest.ts';
import { sentArray } from './digest-sent.ts';
import { epochForm } from './epoch-form.ts';

type Layout = {
  /** OID of the type in Postgres. */
  readonly oid: number;
  /** Between date and time; undefined for a date alone. */
  readonly between: number | undefined;
  /** Digits of a second that are there at least; beyond them stand only those that are needed. */
  readonly digits: number;
  readonly zone: Uint8Array;
};

const OIDS: Readonly<Record<MomentType, number>> = { date: 1082, timestamp: 1114, timestamptz: 1184 };

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** undefined for a codec that has none. */
export function momentForm(codec: string): Form | undefined {
  const { layout, shown } = ofText(codec) ?? ofNumber(codec) ?? {};
  if (layout === undefined || shown === undefined) return undefined;
  return {
    sqlite: c => `group_concat(case ${shown(c)} when ${c} is null then '' else '?' end, x'00')`,
    sent: (written, rows) => momentsSent(written, rows, layout),
    postgres: c => `array_send(array_agg(${c}))`,
  };
}

/** How SQL shows what is not NULL; never as an empty text. */
type Shown = { readonly layout: Layout; readonly shown: (c: string) => string };

function ofText(codec: string): Shown | undefined {
  const iso = isoOf(codec);
  if (iso === undefined) return undefined;
  const { type, between, digits, zone } = iso;
  return {
    layout: { oid: OIDS[type], between: between?.charCodeAt(0), digits, zone: bytesOf(zone) },
    shown: c => `when ${c} > '' and ${c} < x'' then ${c}`,
  };
}

function ofNumber(codec: string): Shown | undefined {
  const form = epochForm(codec);
  if (form === undefined) return undefined;
  const zoned = codec.startsWith('timestamptz');
  return {
    layout: { oid: OIDS[zoned ? 'timestamptz' : 'timestamp'], between: 0x20, digits: 0, zone: bytesOf(zoned ? '+00' : '') },
    shown: c => `when typeof(${c}) = 'integer' and ${form.fits(c)} then ${form.text(c)}`,
  };
}

const NEVER = bytesOf('-infinity');
/** How its integer begins, whatever its width; the rest are zeros. */
const FIRST = -(2 ** 31);
/** What a column has that Postgres has nothing like. */
const MISFIT = bytesOf('?');
/** Days from 1970 to 2000, where Postgres begins to count. */
const TO_2000 = 10_957;
/** Microseconds of a day: 20 * 2^32, and this. */
const REST_OF_DAY = 500_654_080;
/** What makes microseconds of a fraction with this many digits. */
const SCALE = [1e6, 1e5, 1e4, 1e3, 100, 10, 1];

function momentsSent(written: Uint8Array, rows: number, layout: Layout): Uint8Array<ArrayBuffer> {
  const array = sentArray(layout.oid, layout.between === undefined ? 4 : 8, rows);
  let start = 0;
  for (let row = 0; row < rows; row++) {
    const end = endOf(written, start);
    if (end === start) array.null();
    else put(array, written, start, end, layout);
    start = end + 1;
  }
  return rows === 0 || start === written.length + 1 ? array.bytes() : MISFIT;
}

function put(array: ReturnType<typeof sentArray>, bytes: Uint8Array, start: number, end: number, layout: Layout): void {
  const day = dayAt(bytes, start);
  const time = layout.between === undefined ? (end === start + 10 ? 0 : Number.NaN) : timeAt(bytes, start + 10, end, layout);
  if (Number.isNaN(day + time)) {
    if (end === start + NEVER.length && holds(bytes, start, NEVER)) array.view.setInt32(array.room(), FIRST);
    else array.misfit();
  } else if (layout.between === undefined) {
    array.view.setInt32(array.room(), day - TO_2000);
  } else {
    const at = array.room();
    const low = (day - TO_2000) * REST_OF_DAY + time;
    array.view.setInt32(at, (day - TO_2000) * 20 + Math.floor(low / 2 ** 32));
    array.view.setUint32(at + 4, low); // what is more than 32 bits is cut off
  }
}

function endOf(bytes: Uint8Array, start: number): number {
  let end = start;
  while (end < bytes.length && bytes[end] !== 0) end++;
  return end;
}

function holds(bytes: Uint8Array, start: number, text: Uint8Array): boolean {
  for (let index = 0; index < text.length; index++) if (bytes[start + index] !== text[index]) return false;
  return true;
}

/** The number that these digits are; NaN where they are not all digits. */
function numberAt(bytes: Uint8Array, start: number, end: number): number {
  let number = 0;
  for (let index = start; index < end; index++) {
    const digit = (bytes[index] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    number = number * 10 + digit;
  }
  return number;
}

/** Days from 1970 to `YYYY-MM-DD`; NaN for what is not a day of the years 1 to 9999. */
function dayAt(bytes: Uint8Array, start: number): number {
  if (bytes[start + 4] !== 0x2d || bytes[start + 7] !== 0x2d) return Number.NaN;
  const year = numberAt(bytes, start, start + 4);
  const month = numberAt(bytes, start + 5, start + 7);
  const day = numberAt(bytes, start + 8, start + 10);
  return year >= 1 && isDay(year, month, day) ? daysOf(year, month, day) : Number.NaN;
}

/** Microseconds of a day, from what stands behind the date; NaN for what is not in the format. */
function timeAt(bytes: Uint8Array, start: number, end: number, { between, digits, zone }: Layout): number {
  if (bytes[start] !== between || bytes[start + 3] !== 0x3a || bytes[start + 6] !== 0x3a) return Number.NaN;
  const hour = numberAt(bytes, start + 1, start + 3);
  const minute = numberAt(bytes, start + 4, start + 6);
  const second = numberAt(bytes, start + 7, start + 9);
  const rest = fractionAt(bytes, start + 9, end - zone.length, digits);
  return hour <= 23 && minute <= 59 && second <= 59 && holds(bytes, end - zone.length, zone)
    ? (hour * 3600 + minute * 60 + second) * 1e6 + rest
    : Number.NaN;
}

function fractionAt(bytes: Uint8Array, start: number, end: number, least: number): number {
  const digits = end - start - 1;
  if (digits < 0) return digits === -1 && least === 0 ? 0 : Number.NaN;
  const needed = digits === least || (digits > least && bytes[end - 1] !== 0x30);
  return bytes[start] === 0x2e && digits >= 1 && digits <= 6 && needed
    ? numberAt(bytes, start + 1, end) * (SCALE[digits] ?? 0)
    : Number.NaN;
}
