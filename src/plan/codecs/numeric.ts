/*
 * Postgres's numeric, for decimals that SQLite has as text (`numeric`) or as numbers (`decimal`).
 *
 * SQLite computes in floating point: 0.1 + 0.2 is 0.30000000000000004 there. `decimal(2 places)` brings that to Postgres as 0.30,
 * and leaves SQLite's number as it is (`keeping` in codec.ts). What differs by more than such noise is never rounded.
 */
import { parseReal, realText, type Value } from '../../change/value.ts';
import type { Affinity } from './affinity.ts';
import { type Codec, identity, proven, Unfit } from './fit.ts';

const NOT_TEXT = new Unfit('not a text');
const NOT_NUMBER = new Unfit('not a number');
const NOT_PRINTED = new Unfit('a text that Postgres would print in another way than it is written');
const NOT_KEPT = new Unfit('a number with more digits than SQLite keeps');
const NEGATIVE_ZERO = new Unfit('-0, which numeric does not have');

/** What Postgres prints for a numeric. Its own limits lie far above these. */
const PRINTED = /^-?(?:0|[1-9]\d{0,15999})(?:\.\d{1,16000})?$/;
const isPrinted = (text: string): boolean => (PRINTED.test(text) && !/^-[0.]*$/.test(text)) || SPECIAL.has(text);
const SPECIAL: ReadonlySet<string> = new Set(['NaN', 'Infinity', '-Infinity']);

/** Decimal texts in the one form that Postgres prints: no zeros in front, those at the end kept. */
export const decimalText: Codec = {
  encode: value => (typeof value !== 'string' ? NOT_TEXT : isPrinted(value) ? value : NOT_PRINTED),
  decode: text => (isPrinted(text) ? text : NOT_PRINTED),
  canonical: identity,
};

/** INTEGER and REAL side by side, each exact; with this many places, without the noise behind them. */
export function decimal(affinity: Affinity, places?: number): Codec {
  const codec: Codec = {
    encode(number) {
      const value = places === undefined ? number : withoutNoise(number, places);
      if (typeof value === 'bigint') return affinity === 'real' ? NOT_NUMBER : value.toString();
      if (typeof value !== 'number') return NOT_NUMBER;
      if (Object.is(value, -0)) return affinity === 'blob' ? NEGATIVE_ZERO : '0';
      return Number.isInteger(value) && affinity === 'blob' ? NOT_NUMBER : plain(realText(value));
    },
    decode: text => (isPrinted(text) && text !== 'NaN' ? numberOf(text, affinity) : NOT_NUMBER),
    canonical: text => (text.includes('.') ? text.replace(/\.?0+$/, '') : text),
  };
  return proven(codec, NOT_KEPT);
}

/** Of the last place: sums and differences of numbers that have these places stay far below it. */
const NOISE = 1e-3;

/** The number with this many places that is meant, where arithmetic in floating point has left something behind them; else the value itself. */
export function withoutNoise(value: Value, places: number): Value {
  if (typeof value !== 'number' || places > MOST_PLACES) return value;
  const rounded = Number(value.toFixed(places));
  const apart = Math.abs(value - rounded);
  return apart > 0 && apart < NOISE * 10 ** -places ? rounded + 0 : value; // -0 is 0: a numeric has no other
}

/** A float64 has no more digits. */
const MOST_PLACES = 15;

/** What a column of this affinity keeps of a decimal that Postgres prints. */
export function numberOf(text: string, affinity: Affinity): Value {
  const whole = affinity === 'real' ? null : /^(-?\d+)(?:\.0+)?$/.exec(text)?.[1];
  const value = whole == null ? undefined : BigInt(whole);
  return value !== undefined && BigInt.asIntN(64, value) === value ? value : parseReal(text);
}

/** Without an exponent, as Postgres prints it: 1e-7 is 0.0000001. */
function plain(text: string): string {
  const [, sign = '', digits = '', fraction = '', exponent] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text) ?? [];
  if (exponent === undefined) return text;
  const all = digits + fraction;
  const point = digits.length + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${all}`;
  return point >= all.length ? `${sign}${all.padEnd(point, '0')}` : `${sign}${all.slice(0, point)}.${all.slice(point)}`;
}
