/*
 * Types that the application's own migrations gave its columns are narrower than those of attacca, and some of them change in
 * silence what they cannot hold: a numeric rounds, a varchar cuts blanks off, a char(n) adds them. What would be changed does not fit [G4].
 */
import type { Value } from '../../change/value.ts';
import { type Codec, Unfit } from './fit.ts';
import { withoutNoise } from './numeric.ts';

const TOO_LONG = new Unfit('a text that is longer than its column in Postgres');
const BLANK_AT_END = new Unfit('a text that ends in a blank, which its char(n) column in Postgres would not keep');
const OUT_OF_RANGE = new Unfit('an integer that is out of the range of its column in Postgres');
const NOT_SINGLE = new Unfit('a number that real cannot hold exactly');
const ROUNDED = new Unfit('a number with more digits than its column in Postgres keeps');
const NOISY = new Unfit(
  'a number with more digits than its column in Postgres keeps, left by arithmetic in floating point: misfits: repair, said in the plan file, rounds it',
);
const FINER = new Unfit('a point in time with more digits than its column in Postgres keeps');

/** Why Postgres would not keep the text as it is; undefined where it would. */
type Limit = (text: string, value: Value) => Unfit | undefined;

/** The codec of a column whose type in Postgres is `base`, as format_type writes it. */
export function limited(codec: Codec, base: string | undefined): Codec {
  if (base === undefined) return codec;
  if (base === 'real') return single(codec);
  if (base.startsWith('character(')) return blankPadded(codec, Number(base.slice('character('.length, -1)));
  const limit = limitOf(base);
  if (limit === undefined) return codec;
  return {
    ...codec,
    encode(value) {
      const text = codec.encode(value);
      return typeof text === 'string' ? (limit(text, value) ?? text) : text;
    },
  };
}

const RANGES: Readonly<Record<string, bigint>> = { smallint: 2n ** 15n, integer: 2n ** 31n };

function limitOf(base: string): Limit | undefined {
  const [, name = '', first = '', second = '0', zone = ''] = /^([a-z ]+?)(?:\((\d+)(?:,(-?\d+))?\))?( with.*)?$/.exec(base) ?? [];
  const most = Number(first);
  const range = RANGES[base];
  if (range !== undefined)
    return (_, value) => (typeof value === 'bigint' && (value < -range || value >= range) ? OUT_OF_RANGE : undefined);
  if (first === '') return undefined;
  if (name === 'character varying') return text => (text.length > most && lengthOf(text) > most ? TOO_LONG : undefined);
  if (name === 'numeric')
    return (text, value) => {
      const [scale, isText] = [Number(second), typeof value === 'string'];
      return fitsNumeric(text, most, scale, isText) ? undefined : withoutNoise(value, scale) === value ? ROUNDED : NOISY;
    };
  if (name === 'interval' || (zone !== '' && /^time/.test(name)))
    return text => ((/\.(\d+)/.exec(text)?.[1]?.length ?? 0) > most ? FINER : undefined);
  return undefined;
}

/** In characters, as Postgres counts them. */
const lengthOf = (text: string): number => [...text].length;

/** `written`: the text itself must come back, and Postgres writes every digit of the scale. */
function fitsNumeric(text: string, precision: number, scale: number, written: boolean): boolean {
  const [, whole = '', fraction = ''] = /^-?(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === '') return text === 'NaN';
  const digits = whole.replace(/^0+/, '').length;
  const kept = written ? fraction.length : fraction.replace(/0+$/, '').length;
  return digits <= precision - scale && (written ? kept === Math.max(0, scale) : kept <= scale);
}

/** Postgres fills the column up with blanks, and takes texts for equal that differ in these only: they are no part of the value. */
function blankPadded(codec: Codec, most: number): Codec {
  const bare = (text: string): string => text.replace(/ +$/, '');
  return {
    encode(value) {
      const text = codec.encode(value);
      if (typeof text !== 'string') return text;
      return text.endsWith(' ') ? BLANK_AT_END : lengthOf(text) > most ? TOO_LONG : text;
    },
    decode: text => codec.decode(bare(text)),
    canonical: text => codec.canonical(bare(text)),
  };
}

/** float32 in Postgres, float64 in SQLite: the values that both hold. */
function single(codec: Codec): Codec {
  const rounded = (text: string): string => {
    const value = codec.decode(text);
    if (typeof value === 'bigint') return text;
    const again = codec.encode(typeof value === 'number' ? Math.fround(value) : null);
    return typeof again === 'string' ? again : text;
  };
  return {
    encode(value) {
      return typeof value === 'bigint' || typeof value === 'number'
        ? Object.is(Math.fround(Number(value)), Number(value))
          ? codec.encode(value)
          : NOT_SINGLE
        : codec.encode(value);
    },
    decode: text => codec.decode(rounded(text)),
    canonical: text => codec.canonical(rounded(text)),
  };
}
