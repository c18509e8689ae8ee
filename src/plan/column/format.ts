/*
 * What a text looks like: the name of the codec that would take it, or of what stands in the way. Told from the first character
 * and the length on, because every text of a file comes through here once.
 */
import { BOOLEAN_TEXTS } from '../codecs/boolean.ts';
import { exists, isDay } from '../codecs/calendar.ts';
import { isJson, isJsonb } from '../codecs/json.ts';
import { neverIn } from '../codecs/never.ts';
import { faultOf } from '../codecs/repair.ts';
import type { Formats } from '../schema.ts';

/** Beside the names of codecs: */
const EMPTY = 'empty';
/** Of these the text is the name: nothing but it is meant. */
const ZERO_DATES: ReadonlySet<string> = new Set(['0000-00-00', '0000-00-00 00:00:00']);
export const PLAIN = 'text';
export const MALFORMED = 'malformed JSON';
/** A document that is neither object nor array, and that no other format stands for. */
const SCALAR = 'JSON string or null';
/** Of these, those that `misfits: repair` takes. */
export const REPAIRABLE: ReadonlySet<string> = new Set(
  ['trailing comma', 'single quotes', 'Python literals', 'NaN'].map(fault => `${MALFORMED} (${fault})`),
);
/** A fraction that ends in 0 belongs to the formats with that many digits, one of zeros to that in which it is never left out. */
const ENDS_IN_ZERO = ' ending in 0';
export const ONLY_ZEROS = ' of zeros alone';

const BOOLEANS = new Map(BOOLEAN_TEXTS.flatMap(([yes, no]) => [yes, no].map(text => [text, `boolean(${yes}/${no})`] as const)));
const LONGEST_BOOLEAN = 5;

/** `json`: whether documents are looked at; reading them costs by their length. */
export function formatOf(text: string, json: boolean): string {
  const length = text.length;
  if (length === 0) return EMPTY;
  const first = text.charCodeAt(0);
  if (first === 0x7b || first === 0x5b) return json ? jsonFormat(text) : PLAIN;
  if (json && (first === 0x22 || text === 'null') && isJsonb(text)) return SCALAR;
  if (length <= LONGEST_BOOLEAN && first > 0x40) return BOOLEANS.get(text) ?? PLAIN;
  if (length === 36 && text.charCodeAt(8) === 0x2d) return dashedFormat(text);
  if (length === 32) return HEX_FORMATS.find(([pattern]) => pattern.test(text))?.[1] ?? digitsFormat(text, first);
  return digitsFormat(text, first);
}

function jsonFormat(text: string): string {
  if (isJsonb(text)) return 'jsonb';
  if (isJson(text)) return 'json';
  return `${MALFORMED} (${faultOf(text)})`;
}

/** 36 characters, the ninth of them a dash. */
function dashedFormat(text: string): string {
  let lower = false;
  let upper = false;
  for (let place = 0; place < 36; place++) {
    const code = text.charCodeAt(place);
    if (place === 8 || place === 13 || place === 18 || place === 23) {
      if (code !== 0x2d) return PLAIN;
    } else if (code >= 0x61 && code <= 0x66) lower = true;
    else if (code >= 0x41 && code <= 0x46) upper = true;
    else if (code < 0x30 || code > 0x39) return PLAIN;
  }
  if (upper) return lower ? PLAIN : 'uuid(upper)';
  return lower ? 'uuid(lower)' : 'uuid(digits)';
}

const HEX_FORMATS: readonly (readonly [RegExp, string])[] = [
  [/^\d{32}$/, 'uuid(hex digits)'],
  [/^[\da-f]{32}$/, 'uuid(hex)'],
  [/^[\dA-F]{32}$/, 'uuid(HEX)'],
];

const COMPACT = /^(?<year>[1-9]\d{3})(?<month>\d\d)(?<day>\d\d)(?:(?<hour>\d\d)(?<minute>\d\d)(?<second>\d\d))?$/;
const NUMERIC = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;

function digitsFormat(text: string, first: number): string {
  if (!((first >= 0x30 && first <= 0x39) || first === 0x2d)) return PLAIN;
  if (text.charCodeAt(4) === 0x2d && text.length >= 10) return momentFormat(text);
  if ((text.length === 8 || text.length === 14) && compactExists(text))
    return text.length === 8 ? 'date(YYYYMMDD)' : 'timestamp(YYYYMMDDhhmmss)';
  return text.length < 1000 && NUMERIC.test(text) && !/^-[0.]*$/.test(text) ? 'numeric' : PLAIN;
}

function compactExists(text: string): boolean {
  const { year = '', month = '', day = '', hour = '00', minute = '00', second = '00' } = COMPACT.exec(text)?.groups ?? {};
  return exists({ year, month, day, hour, minute, second, fraction: '', bc: false });
}

const ZONE = /^(?:Z| UTC| ?[+-]\d\d(?::?[0-5]\d)?)?$/;
const MOST_FRACTION = 9;

/** A text whose fifth character is a dash. */
function momentFormat(text: string): string {
  const [year, month, day] = [twoDigits(text, 0) * 100 + twoDigits(text, 2), twoDigits(text, 5), twoDigits(text, 8)];
  if (!(year >= 0 && month >= 0 && day >= 0) || text.charCodeAt(7) !== 0x2d) return PLAIN;
  if (year === 0 && ZERO_DATES.has(text)) return text;
  if (text.length === 10) return year > 0 && isDay(year, month, day) ? 'date(YYYY-MM-DD)' : 'no such date';
  const [hour, minute, second] = [twoDigits(text, 11), twoDigits(text, 14), twoDigits(text, 17)];
  if (!(hour >= 0 && minute >= 0 && second >= 0) || text.charCodeAt(13) !== 0x3a || text.charCodeAt(16) !== 0x3a) return PLAIN;
  const between = text.charCodeAt(10);
  if (between !== 0x54 && between !== 0x20) return PLAIN;
  let end = 19;
  if (text.charCodeAt(19) === 0x2e)
    do end++;
    while (isDigit(text.charCodeAt(end)));
  const zone = zoneFrom(text, end);
  if (end === 20 || end > 20 + MOST_FRACTION || zone === undefined) return PLAIN;
  if (year === 0 || !isDay(year, month, day) || hour > 23 || minute > 59 || second > 59) return 'no such date';
  return momentName(between === 0x54 ? 'T' : ' ', Math.max(0, end - 20), zerosAt(text, end), zone);
}

/** How many zeros the fraction before `end` ends in: 0 for none, 1 for some, 2 where it has no other digit. */
function zerosAt(text: string, end: number): 0 | 1 | 2 {
  if (end <= 20 || text.charCodeAt(end - 1) !== 0x30) return 0;
  let start = end - 1;
  while (text.charCodeAt(start) === 0x30) start--;
  return start === 19 ? 2 : 1;
}

/** The rest of the text; undefined where it is no zone. */
function zoneFrom(text: string, start: number): string | undefined {
  if (start === text.length) return '';
  if (start === text.length - 1) return text.charCodeAt(start) === 0x5a ? 'Z' : undefined;
  const zone = text.slice(start);
  return ZONE.test(zone) ? zone : undefined;
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** The number that two characters are; NaN where one is no digit. */
function twoDigits(text: string, start: number): number {
  const [ten, one] = [text.charCodeAt(start), text.charCodeAt(start + 1)];
  return isDigit(ten) && isDigit(one) ? (ten - 0x30) * 10 + one - 0x30 : Number.NaN;
}

const names = new Map<string, Map<number, string>>();

/** Names are few and texts are many: each is made once. */
function momentName(between: string, fraction: number, zeros: 0 | 1 | 2, zone: string): string {
  const ofZone = names.get(zone) ?? new Map<number, string>();
  names.set(zone, ofZone);
  const id = fraction * 6 + zeros * 2 + (between === 'T' ? 1 : 0);
  const known = ofZone.get(id);
  if (known !== undefined) return known;
  const type = zone === '' ? 'timestamp' : 'timestamptz';
  const point = fraction === 0 ? '' : `.${'f'.repeat(fraction)}`;
  const name = `${type}(YYYY-MM-DD${between}hh:mm:ss${point}${zone})${['', ENDS_IN_ZERO, ONLY_ZEROS][zeros]}`;
  ofZone.set(id, name);
  return name;
}

/** How many of the texts the codec would not take; a cautious count, which may be too high for unusual codecs. */
export function misfits(codec: string, formats: Formats): number {
  return Object.entries(formats).reduce((sum, [format, count]) => (takes(codec, format) ? sum : sum + count), 0);
}

function takes(codec: string, format: string): boolean {
  if (codec === format) return true;
  switch (codec) {
    case 'uuid(lower)':
    case 'uuid(upper)':
      return format === 'uuid(digits)';
    case 'uuid(hex)':
    case 'uuid(HEX)':
      return format === 'uuid(hex digits)';
    case 'jsonb':
      return DOCUMENTS.has(format);
    case 'json':
      return DOCUMENTS.has(format) || format === 'json';
    case 'jsonb(repaired)':
      return DOCUMENTS.has(format) || REPAIRABLE.has(format);
    case 'json(repaired)':
      return DOCUMENTS.has(format) || format === 'json' || REPAIRABLE.has(format);
    case 'numeric':
      return DIGITS.has(format);
    default:
      return takesMoment(codec, format) || takesNever(codec, format);
  }
}

/** What `numeric` takes beside its own format. */
const DIGITS: ReadonlySet<string> = new Set(['date(YYYYMMDD)', 'timestamp(YYYYMMDDhhmmss)']);
/** JSON of which jsonb loses nothing. */
const DOCUMENTS: ReadonlySet<string> = new Set(['jsonb', SCALAR, 'boolean(true/false)', 'numeric', ...DIGITS]);

/** Of `timestamp(FORMAT or '')`: the text that stands for no point in time, and what FORMAT takes. */
function takesNever(codec: string, format: string): boolean {
  const [, name = '', argument = ''] = /^(\w+)\((.*)\)$/.exec(codec) ?? [];
  const [rest, never] = neverIn(argument) ?? [];
  if (rest === undefined || never === undefined) return false;
  return never === `'${format === EMPTY ? '' : format}'` || takes(`${name}(${rest})`, format);
}

/** More digits than the codec has are taken where they are needed. */
function takesMoment(codec: string, format: string): boolean {
  if (!/^(?:date|timestamp)/.test(codec) || withoutDigits(codec) !== withoutDigits(format)) return false;
  const [least, has] = [digitsOf(codec), digitsOf(format)];
  if (isOptional(codec) && (has === 0 || format.endsWith(ONLY_ZEROS))) return has === 0;
  return has === least || (has > least && has <= 6 && !/\)./.test(format));
}

/** Type and digits left out: a text has the same form whatever type it goes into. */
const withoutDigits = (format: string): string => bodyOf(format).replace(/\[?\.f+\]?/, '');
export const bodyOf = (format: string): string => /\((.*)\)/.exec(format)?.[1] ?? format;
export const digitsOf = (format: string): number => /\.(f+)/.exec(format)?.[1]?.length ?? 0;
export const isOptional = (form: string): boolean => form.includes('[.');
