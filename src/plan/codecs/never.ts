/*
 * One value that stands for no point in time at all: 0, '', '0000-00-00'. In Postgres it is -infinity, which sorts where the
 * value does in SQLite, before every point in time, and stays apart from NULL.
 */
import type { Value } from '../../change/value.ts';
import type { Affinity } from './affinity.ts';
import { type Codec, Unfit } from './fit.ts';

const NEVER = '-infinity';
const TAKEN = new Unfit('a value that would be -infinity in Postgres, which stands for another one in this column');
const MEANS_NEVER = new Unfit('a point in time whose number or text stands for none at all in this column');

const FORMAT = /^(.*) or (0|'(?:0000-00-00(?: 00:00:00)?)?')$/;

/** `FORMAT or ''` and the like as [FORMAT, what stands for no point in time]; undefined for any other format. */
export function neverIn(format: string): readonly [string, string] | undefined {
  const [, rest, never] = FORMAT.exec(format) ?? [];
  return rest === undefined || never === undefined ? undefined : [rest, never];
}

/** The codec of `FORMAT or VALUE`, where `make` gives that of FORMAT; undefined for what is none. */
export function withNever(format: string, affinity: Affinity, make: (format: string) => Codec | undefined): Codec | undefined {
  const [rest, never] = neverIn(format) ?? [format];
  const codec = make(rest);
  if (codec === undefined || never === undefined) return codec;
  if ((never === '0') !== / since |^julian/.test(rest)) return undefined;
  const value: Value = never === '0' ? (affinity === 'real' ? 0 : 0n) : never.slice(1, -1);
  return {
    encode(given) {
      if (Object.is(given, value)) return NEVER;
      const text = codec.encode(given);
      return text === NEVER ? TAKEN : text;
    },
    decode(text) {
      if (text === NEVER) return value;
      const decoded = codec.decode(text);
      return Object.is(decoded, value) ? MEANS_NEVER : decoded;
    },
    canonical: codec.canonical,
  };
}
