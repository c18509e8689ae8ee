/*
 * JSON documents.
 *
 * (1) `json` keeps the text. `jsonb` keeps the value: objects lose the order of their keys and their blanks, numbers their
 *     exponent; a text that would lose more (a second value for one key, -0, a lone surrogate) does not fit.
 * (2) Two documents have one canonical form exactly when they are the same JSON value; numbers are compared as decimals, since
 *     neither float64 nor Postgres's spelling decides what they are.
 */
import { type Codec, identity, Unfit } from './fit.ts';

const NOT_TEXT = new Unfit('not a text');
const NOT_JSON = new Unfit('a text that is not valid JSON');
const LOSES = new Unfit(
  'a JSON text of which jsonb would lose something (a repeated key, -0, \\u0000, a lone surrogate, huge numbers, deep nesting)',
);

const MOST_DEPTH = 500;
/** Before the point, and behind it: Postgres writes every digit out. */
const MOST_DIGITS = 1_000;

/** Text that stays as it is, in a column of type json. */
export const jsonText: Codec = {
  encode: value => (typeof value !== 'string' ? NOT_TEXT : isJson(value) ? value : NOT_JSON),
  decode: text => (isJson(text) ? text : NOT_JSON),
  canonical: identity,
};

/** A column of type jsonb: what comes back is the same JSON value, as Postgres writes it. */
export const jsonValue: Codec = {
  encode(value) {
    if (typeof value !== 'string') return NOT_TEXT;
    if (isJsonb(value)) return value;
    return isJson(value) ? LOSES : NOT_JSON;
  },
  decode: text => (isJsonb(text) ? text : LOSES),
  canonical: text => canonicalJson(text) ?? text,
  printed: value => (typeof value === 'string' ? written(value, PRINTED) : undefined),
};

/** Whether both JavaScript and Postgres take it for JSON. */
export const isJson = (text: string): boolean => parsed(text) !== undefined;

/** The value of a text that both take for JSON; undefined for any other. */
function parsed(text: string): unknown {
  if (!text.isWellFormed() || (text.length > 2 * MOST_DEPTH && depthOf(text) > MOST_DEPTH)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An upper bound: brackets inside strings count too. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x5b || code === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (code === 0x5d || code === 0x7d) depth--;
  }
  return deepest;
}

/** Whether jsonb keeps it. */
export function isJsonb(text: string): boolean {
  const value = parsed(text);
  return value !== undefined && (isPlain(text, value) || scanned(text, CHECKED) !== undefined);
}

/** Whether `value` is all that the text says: as JSON.stringify writes it, there is no key twice, no -0, and no digit lost. */
const isPlain = (text: string, value: unknown): boolean => !text.includes('\\u') && JSON.stringify(value) === text;

/** Equal exactly for equal JSON values; undefined for what jsonb does not keep, or is not JSON. */
export const canonicalJson = (text: string): string | undefined => written(text, CANONICAL);

/** How to write a document anew. It is given numbers as they stand, and everything else written already. */
type Style = {
  readonly number: (token: string) => string;
  readonly array: (items: readonly string[]) => string;
  readonly object: (members: readonly Member[]) => string;
};
type Member = readonly [key: string, value: string];

const CANONICAL: Style = {
  number: canonicalNumber,
  array: items => `[${items.join(',')}]`,
  object: members => `{${sorted(members, ([a], [b]) => (a < b ? -1 : 1), ':').join(',')}}`,
};

/** Only to see whether something is lost. */
const CHECKED: Style = { number: () => '', array: () => '', object: () => '' };

/** As jsonb prints it: shorter keys first, by their bytes. */
const PRINTED: Style = {
  number: printedNumber,
  array: items => `[${items.join(', ')}]`,
  object: members => `{${sorted(members, ([a], [b]) => Buffer.byteLength(a) - Buffer.byteLength(b) || (a < b ? -1 : 1), ': ').join(', ')}}`,
};

const sorted = (members: readonly Member[], order: (a: Member, b: Member) => number, between: string): string[] =>
  members.toSorted(order).map(([key, value]) => key + between + value);

/** undefined for what jsonb does not keep, or is not JSON. */
function written(text: string, style: Style): string | undefined {
  const value = parsed(text);
  if (value === undefined) return undefined;
  return isPlain(text, value) ? walk(value, style) : scanned(text, style);
}

/** The same for a text that is known to be JSON. */
function scanned(text: string, style: Style): string | undefined {
  try {
    return scan(text, style);
  } catch (error) {
    if (error instanceof Lost) return undefined;
    throw error;
  }
}

/** Writes a value of which nothing was lost. */
function walk(value: unknown, style: Style): string {
  if (typeof value === 'number') return style.number(String(value));
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return style.array(value.map(item => walk(item, style)));
  return style.object(Object.entries(value).map(([key, item]) => [JSON.stringify(key), walk(item, style)]));
}

class Lost extends Error {}

/** Walks over a text that is known to be JSON. Throws Lost for what jsonb does not keep. */
function scan(text: string, style: Style): string {
  let at = 0;
  const next = (): string => {
    while (KINDS[text.charCodeAt(at)] === BLANK) at++;
    const start = at;
    at = endOfToken(text, at);
    return text.slice(start, at);
  };
  const of = (token: string): string => {
    if (token === '{') return object();
    if (token === '[') return array();
    if (token.startsWith('"')) return string(token);
    return LITERALS.has(token) ? token : style.number(kept(token));
  };
  const array = (): string => {
    const items: string[] = [];
    for (let token = next(); token !== ']'; token = next()) if (token !== ',') items.push(of(token));
    return style.array(items);
  };
  const object = (): string => {
    const members = new Map<string, string>();
    for (let token = next(); token !== '}'; token = next()) {
      const key = string(token === ',' ? next() : token);
      next(); // the colon
      if (members.has(key)) throw new Lost('a key twice');
      members.set(key, of(next()));
    }
    return style.object([...members]);
  };
  return of(next());
}

const BLANK = 1;
const MARK = 2;
/** What a character is outside of strings, by its code. */
const KINDS = new Uint8Array(128);
for (const char of '\t\n\r ') KINDS[char.charCodeAt(0)] = BLANK;
for (const char of '{}[],:') KINDS[char.charCodeAt(0)] = MARK;
const QUOTATION = 0x22;
const LITERALS: ReadonlySet<string> = new Set(['true', 'false', 'null']);

function endOfToken(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTATION) return endOfString(text, start + 1);
  let end = start + 1;
  if (KINDS[first] !== MARK) while (end < text.length && KINDS[text.charCodeAt(end)] === 0) end++;
  return end;
}

/** Behind the quotation mark that ends the string which began before `from`. */
function endOfString(text: string, from: number): number {
  for (let end = text.indexOf('"', from); ; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return end + 1;
  }
}

function string(token: string): string {
  if (!token.includes('\\')) return token;
  const value: unknown = JSON.parse(token);
  if (typeof value !== 'string' || value.includes('\0') || !value.isWellFormed()) throw new Lost('no text for Postgres');
  return JSON.stringify(value);
}

/** Sign, digits and exponent, so that 1.0, 1 and 10e-1 are one number. */
export function canonicalNumber(token: string): string {
  const { sign, digits, power } = partsOf(token);
  const significant = digits.replace(/0+$/, '');
  return significant === '' ? '0' : `${sign}${significant}e${power + digits.length - significant.length}`;
}

/** As numeric prints it: without an exponent, and with the zeros that stand at its end. */
function printedNumber(token: string): string {
  if (!/[eE]/.test(token)) return token;
  const { sign, digits, power } = partsOf(token);
  if (power >= 0) return `${sign}${digits}${digits === '' ? '0' : '0'.repeat(power)}`;
  const padded = digits.padStart(1 - power, '0');
  return `${sign}${padded.slice(0, power)}.${padded.slice(power)}`;
}

/** The same number. Throws Lost for one that jsonb does not keep. */
function kept(token: string): string {
  const { sign, digits, power } = partsOf(token);
  if (digits.length + power > MOST_DIGITS || power < -MOST_DIGITS) throw new Lost('too many digits');
  if (sign === '-' && /^0*$/.test(digits)) throw new Lost('-0');
  return token;
}

/** `digits` without zeros in front, times ten to the `power`. */
function partsOf(token: string): { readonly sign: string; readonly digits: string; readonly power: number } {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(token) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const power = Number(exponent) - fraction.length;
  return { sign, digits, power };
}
