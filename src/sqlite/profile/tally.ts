/*
 * What a column's values are, counted one by one. Every value of a file comes through here once, so each is looked at as little
 * as its class allows; no value is kept.
 */
import { mayBeOther, type Value } from '../../change/value.ts';
import { codecOf } from '../../plan/codec.ts';
import type { Affinity } from '../../plan/codecs/affinity.ts';
import { Unfit } from '../../plan/codecs/fit.ts';
import { formatOf, MALFORMED, PLAIN, REPAIRABLE } from '../../plan/column/format.ts';
import type { Formats, Trials } from '../../plan/schema.ts';

/** What a column is to be looked at for, beyond storage classes. */
export type Interest = {
  /** Its declaration names a form: every text is looked at, also when it is no longer a candidate for any type. */
  readonly formats: boolean;
  /** Its texts are read as JSON, which costs by their length. */
  readonly json: boolean;
  readonly affinity: Affinity;
  /** A codec that somebody wants: how many values it would refuse is counted to the last one. */
  readonly wanted?: string | undefined;
  /** Codecs that may be the ones: each is tried until a value refuses it. */
  readonly guesses: readonly string[];
};

export type Counts = {
  filled: number;
  integers: number;
  reals: number;
  texts: number;
  zeroOne: number;
  /** Integers that no float64 holds. */
  inexact: number;
  /** Texts that only their bytes can judge. */
  doubtful: number;
  /** Longest text or blob. */
  maxBytes: number;
  /** Blobs of 16 bytes. */
  sixteens: number;
  zeros: number;
  /** Smallest and largest of the other integers. */
  apart: [bigint, bigint] | null;
};

/** What was counted. */
export type Seen = {
  readonly counts: Readonly<Counts>;
  /** Texts by format; fewer than there are, once enough have no form that only text can hold them. */
  readonly formats: Formats;
  readonly trials: Trials;
};

export type Tally = {
  /** Counts a value as raw() gives it. */
  readonly see: (value: unknown) => void;
  /** What was counted so far. Who counts otherwise than value by value adds to it. */
  readonly counts: Counts;
  /** Whether the format of texts still matters, and what then has to see each of them. */
  readonly looking: () => boolean;
  readonly look: (text: string) => void;
  /** Whether a trial goes on, which every value has to see. */
  readonly trying: () => boolean;
  readonly seen: () => Seen;
};

/** Formats are few; time zones and lengths of fractions could make them many. */
const MOST_FORMATS = 64;
/** A column with this many texts that are not documents holds no documents: reading on would only cost. */
const MOST_MALFORMED = 100;
/** A column that nobody expects a form of, with this many texts without one, is text. */
const MOST_PLAIN = 100;
/** Up to here every integer is a float64. */
export const LARGE = 2n ** 53n;

/** A text that only its bytes can judge: with a NUL, or one that may be another than was read. */
export const doubtful = (text: unknown, encoding: string): boolean =>
  typeof text === 'string' && (text.includes('\0') || mayBeOther(text, encoding));

/** `encoding`: of the file. */
export function tally(interest: Interest, encoding: string): Tally {
  const counts: Counts = {
    ...{ filled: 0, integers: 0, reals: 0, texts: 0, zeroOne: 0, inexact: 0, doubtful: 0, maxBytes: 0, sixteens: 0 },
    ...{ zeros: 0, apart: null },
  };
  const trials = trialsOf(interest);
  const known = new Map<string, number>();
  let open = true;
  let json = interest.json;

  function text(value: string): void {
    counts.texts++;
    // A UTF-16 unit has at most three bytes: only a text that may be the longest is measured.
    if (value.length * 3 > counts.maxBytes) counts.maxBytes = Math.max(counts.maxBytes, Buffer.byteLength(value));
    if (doubtful(value, encoding)) counts.doubtful++;
    look(value);
  }

  function look(value: string): void {
    if (!open) return;
    const found = formatOf(value, json);
    const format = known.has(found) || known.size < MOST_FORMATS ? found : PLAIN;
    const count = (known.get(format) ?? 0) + 1;
    known.set(format, count);
    if (format === PLAIN && count > MOST_PLAIN) open = interest.formats;
    if (format.startsWith(MALFORMED) && !REPAIRABLE.has(format) && interest.wanted === undefined && count > MOST_MALFORMED) json = false;
  }

  function integer(value: bigint): void {
    counts.integers++;
    if (value === 0n || value === 1n) counts.zeroOne++;
    if (value === 0n) counts.zeros++;
    else if (counts.apart === null) counts.apart = [value, value];
    else if (value < counts.apart[0]) counts.apart[0] = value;
    else if (value > counts.apart[1]) counts.apart[1] = value;
    // -2^63 counts too, since as a REAL it would stay one.
    if ((value > LARGE || value < -LARGE) && (BigInt(Number(value)) !== value || value === -(2n ** 63n))) counts.inexact++;
  }

  function blob(value: Uint8Array): void {
    counts.maxBytes = Math.max(counts.maxBytes, value.length);
    if (value.length === 16) counts.sixteens++;
  }

  return {
    counts,
    looking: () => open,
    look,
    trying: () => trials.some(trial => trial.going()),
    seen: () => ({
      counts,
      formats: Object.fromEntries(known),
      trials: Object.fromEntries(trials.map(({ codec, misfits, reason }) => [codec, { misfits, reason }])),
    }),
    see(value) {
      if (value === null) return;
      counts.filled++;
      if (typeof value === 'bigint') integer(value);
      else if (typeof value === 'string') text(value);
      else if (typeof value === 'number') counts.reals++;
      else if (value instanceof Uint8Array) blob(value);
      if (trials.length > 0) for (const each of trials) each.see(value as Value);
    },
  };
}

export const NOTHING: Seen = tally({ formats: false, json: false, affinity: 'blob', guesses: [] }, 'UTF-8').seen();

/** What was counted in two parts of one column; where counting stops early, it may have gone on in both. */
export function together(one: Seen, two: Seen): Seen {
  const [a, b] = [one.counts, two.counts];
  return {
    counts: {
      filled: a.filled + b.filled,
      integers: a.integers + b.integers,
      reals: a.reals + b.reals,
      texts: a.texts + b.texts,
      zeroOne: a.zeroOne + b.zeroOne,
      inexact: a.inexact + b.inexact,
      doubtful: a.doubtful + b.doubtful,
      maxBytes: Math.max(a.maxBytes, b.maxBytes),
      sixteens: a.sixteens + b.sixteens,
      zeros: a.zeros + b.zeros,
      apart: widest(a.apart, b.apart),
    },
    formats: joined(one.formats, two.formats, (x, y) => x + y),
    trials: joined(one.trials, two.trials, (x, y) => ({ misfits: x.misfits + y.misfits, reason: x.reason || y.reason })),
  };
}

type Range = Counts['apart'];

/** Smallest and largest integer; null where there is none. */
export const rangeOf = ({ zeros, apart }: Pick<Counts, 'zeros' | 'apart'>): Range => (zeros === 0 ? apart : widest(apart, [0n, 0n]));

export function widest(a: Range, b: Range): Range {
  if (a === null || b === null) return a ?? b;
  const [[least], [, greatest]] = [a[0] < b[0] ? a : b, a[1] > b[1] ? a : b];
  return [least, greatest];
}

function joined<T>(a: Readonly<Record<string, T>>, b: Readonly<Record<string, T>>, join: (x: T, y: T) => T): Record<string, T> {
  const all = { ...a };
  for (const [name, value] of Object.entries(b)) all[name] = name in all ? join(all[name] as T, value) : value;
  return all;
}

type Trial = { readonly codec: string; misfits: number; reason: string; going(): boolean; see(value: Value): void };

function trialsOf({ wanted, guesses, affinity }: Interest): Trial[] {
  return [...new Set([...(wanted === undefined ? [] : [wanted]), ...guesses])].map(codec => {
    const { encode } = codecOf({ codec, affinity });
    return {
      codec,
      misfits: 0,
      reason: '',
      going() {
        return this.misfits === 0 || codec === wanted;
      },
      see(value) {
        if (!this.going()) return;
        const refused = encode(value);
        if (!(refused instanceof Unfit)) return;
        this.misfits++;
        if (this.misfits === 1) this.reason = refused.reason;
      },
    };
  });
}
