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
    if (canonicalJson(value) !== undefined) return value;
    return isJson(value) ? LOSES : NOT_JSON;
  },
  decode: text => (canonicalJson(text) === undefined ? LOSES : text),
  canonical: text => canonicalJson(text) ?? text,
};

/** Whether both JavaScript and Postgres take it for JSON. */
export function isJson(text: string): boolean {
  if (!text.isWellFormed() || (text.length > 2 * MOST_DEPTH && depthOf(text) > MOST_DEPTH)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
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

/** Whether jsonb keeps it. A document as JSON.stringify writes it needs no second look: it has no key twice, and no -0. */
export function isJsonb(text: string): boolean {
  if (!isJson(text)) return false;
  return (!text.includes('\\u') && JSON.stringify(JSON.parse(text)) === text) || canonicalJson(text) !== undefined;
}

/** Equal exactly for equal JSON values; undefined for what jsonb does not keep, or is not JSON. */
export function canonicalJson(text: string): string | undefined {
  if (!isJson(text)) return undefined;
  try {
    return scan(text);
  } catch (error) {
    if (error instanceof Lost) return undefined;
    throw error;
  }
}

class Lost extends Error {}

const TOKEN = /[\t\n\r ]*(-?\d[\d.eE+-]*|true|false|null|["[\]{},:])/y;

/** Walks over a text that is known to be JSON. */
function scan(text: string): string {
  let at = 0;
  const next = (): string => {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[1] ?? '';
    at = TOKEN.lastIndex;
    if (token !== '"') return token;
    const start = at - 1;
    at = endOfString(text, at);
    return text.slice(start, at);
  };
  const of = (token: string): string => {
    if (token === '{') return object();
    if (token === '[') return array();
    if (token.startsWith('"')) return string(token);
    return /^[-\d]/.test(token) ? number(token) : token;
  };
  const array = (): string => {
    const items: string[] = [];
    for (let token = next(); token !== ']'; token = next()) if (token !== ',') items.push(of(token));
    return `[${items.join(',')}]`;
  };
  const object = (): string => {
    const members = new Map<string, string>();
    for (let token = next(); token !== '}'; token = next()) {
      const key = string(token === ',' ? next() : token);
      next(); // the colon
      if (members.has(key)) throw new Lost('a key twice');
      members.set(key, of(next()));
    }
    const sorted = [...members].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return `{${sorted.map(([key, value]) => `${key}:${value}`).join(',')}}`;
  };
  return of(next());
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
function number(token: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(token) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const power = Number(exponent) - fraction.length;
  if (digits.length + power > MOST_DIGITS || power < -MOST_DIGITS) throw new Lost('too many digits');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') {
    if (sign === '-') throw new Lost('-0');
    return '0';
  }
  return `${sign}${significant}e${power + digits.length - significant.length}`;
}
