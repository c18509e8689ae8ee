/*
 * A column declared JSON has numeric affinity: SQLite keeps a document that is a number as INTEGER or REAL.
 */
import type { Value } from '../../change/value.ts';
import { isStoredAsInteger, looksNumeric } from './affinity.ts';
import { type Codec, proven, Unfit } from './fit.ts';
import { canonicalNumber } from './json.ts';

const NOT_KEPT = new Unfit('a JSON number with more digits than SQLite keeps');

/** A codec of documents in a column of numeric affinity. */
export function numbered(codec: Codec): Codec {
  const encoded = (value: Value): string | undefined => {
    const text = codec.encode(value);
    return typeof text === 'string' ? text : undefined;
  };
  return proven(
    {
      encode: value => codec.encode(asText(value)),
      decode(text) {
        const value = codec.decode(text);
        return typeof value === 'string' && looksNumeric(value) ? asNumber(value.trim()) : value;
      },
      canonical: text => (looksNumeric(text) ? canonicalNumber(text.trim()) : codec.canonical(text)),
      printed: value => (codec.printed ?? encoded)(asText(value)),
    },
    NOT_KEPT,
  );
}

const asText = (value: Value): Value => (typeof value === 'bigint' || typeof value === 'number' ? String(value) : value);

/** What SQLite stores of the text. */
function asNumber(text: string): bigint | number {
  const whole = /^-?\d+$/.test(text) ? BigInt(text) : undefined;
  if (whole !== undefined && BigInt.asIntN(64, whole) === whole) return whole;
  const real = Number(text);
  return isStoredAsInteger(real) ? BigInt(real) : real;
}
