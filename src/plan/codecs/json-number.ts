/*
 * A column declared JSON has numeric affinity: SQLite keeps a document that is a number as INTEGER or REAL.
 */
import type { Value } from '../../change/value.ts';
import { asInteger, looksNumeric } from './affinity.ts';
import { type Codec, proven, Unfit } from './fit.ts';
import { canonicalNumber } from './json.ts';
import { numberOf } from './numeric.ts';

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

/** What SQLite stores of the text, which may have an exponent. */
function asNumber(text: string): Value {
  const value = numberOf(text, 'numeric');
  return typeof value === 'number' ? asInteger(value) : value;
}
