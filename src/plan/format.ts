/*
 * What a text looks like: the name of the codec that would take it, or of what stands in the way. Told from the first character
 * and the length on, because every text of a file comes through here once.
 */
import { BOOLEAN_TEXTS } from './codecs/boolean.ts';
import { exists } from './codecs/calendar.ts';
import { canonicalJson, isJson } from './codecs/json.ts';

/** Beside the names of codecs: */
export const EMPTY = 'empty';
export const ZERO_DATE = 'zero date';
export const PLAIN = 'text';
/** A fraction that ends in 0 belongs to the one format with that many digits. */
const ENDS_IN_ZERO = ' ending in 0';

const BOOLEANS = new Map(BOOLEAN_TEXTS.flatMap(([yes, no]) => [yes, no].map(text => [text, `boolean(${yes}/${no})`] as const)));
const LONGEST_BOOLEAN = 5;

/** `json`: whether documents are looked at; reading them costs by their length. */
export function formatOf(text: string, json: boolean): string {
  const length = text.length;
  if (length === 0) return EMPTY;
  const first = text.charCodeAt(0);
  if (first === 0x7b || first === 0x5b) return json ? jsonFormat(text) : PLAIN;
  if (length <= LONGEST_BOOLEAN && first > 0x40) return BOOLEANS.get(text) ?? PLAIN;
  if (length === 36 && text.charCodeAt(8) === 0x2d) return dashedFormat(text);
  if (length === 32) return HEX_FORMATS.find(([pattern]) => pattern.test(text))?.[1] ?? digitsFormat(text, first);
  return digitsFormat(text, first);
}

function jsonFormat(text: string): string {
  if (canonicalJson(text) !== undefined) return 'jsonb';
  return isJson(text) ? 'json' : 'malformed JSON';
}

const UUID = /^[\da-fA-F]{8}-[\da-fA-F]{4}-[\da-fA-F]{4}-[\da-fA-F]{4}-[\da-fA-F]{12}$/;

function dashedFormat(text: string): string {
  if (!UUID.test(text)) return PLAIN;
  if (!/[a-fA-F]/.test(text)) return 'uuid(digits)';
  if (!/[A-F]/.test(text)) return 'uuid(lower)';
  return /[a-f]/.test(text) ? PLAIN : 'uuid(upper)';
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

const MOMENT = /^(\d{4})-(\d\d)-(\d\d)(?:([T ])(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z| UTC| ?[+-]\d\d(?::?[0-5]\d)?)?)?$/;

function momentFormat(text: string): string {
  if (text.startsWith('0000-00-00')) return ZERO_DATE;
  const [whole, year = '', month = '', day = '', between, hour = '00', minute = '00', second = '00', fraction = '', zone = ''] =
    MOMENT.exec(text) ?? [];
  if (whole === undefined) return PLAIN;
  if (!exists({ year, month, day, hour, minute, second, fraction: '', bc: false })) return 'no such date';
  if (between === undefined) return 'date(YYYY-MM-DD)';
  return momentName(between, fraction, zone);
}

const names = new Map<string, string>();

/** Names are few and texts are many: each is made once. */
function momentName(between: string, fraction: string, zone: string): string {
  const id = `${between}${fraction.length}${fraction.endsWith('0') ? '0' : '1'}${zone}`;
  const known = names.get(id);
  if (known !== undefined) return known;
  const type = zone === '' ? 'timestamp' : 'timestamptz';
  const digits = fraction === '' ? '' : `.${'f'.repeat(fraction.length)}`;
  const name = `${type}(YYYY-MM-DD${between}hh:mm:ss${digits}${zone})${fraction.endsWith('0') ? ENDS_IN_ZERO : ''}`;
  names.set(id, name);
  return name;
}

/** Counts of texts by `formatOf`. */
export type Formats = Readonly<Record<string, number>>;

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
    case 'json':
      return format === 'jsonb';
    case 'numeric':
      return format === 'date(YYYYMMDD)' || format === 'timestamp(YYYYMMDDhhmmss)';
    default:
      return takesMoment(codec, format);
  }
}

/** More digits than the codec has are taken where they are needed. */
function takesMoment(codec: string, format: string): boolean {
  if (!/^timestamp/.test(codec) || withoutDigits(codec) !== withoutDigits(format)) return false;
  const [least, has] = [digitsOf(codec), digitsOf(format)];
  return has === least || (has > least && has <= 6 && !format.endsWith(ENDS_IN_ZERO));
}

const withoutDigits = (format: string): string => format.replace(ENDS_IN_ZERO, '').replace(/\.f+/, '');
const digitsOf = (format: string): number => /\.(f+)/.exec(format)?.[1]?.length ?? 0;

/** The one date or time format that takes all of these texts; undefined where there is none. */
export function commonMoment(formats: Formats): string | undefined {
  const fewest = Object.keys(formats)
    .map(format => format.replace(ENDS_IN_ZERO, ''))
    .filter(format => /^(?:date|timestamp)/.test(format))
    .toSorted((a, b) => digitsOf(a) - digitsOf(b))[0];
  return fewest !== undefined && digitsOf(fewest) <= 6 && misfits(fewest, formats) === 0 ? fewest : undefined;
}
