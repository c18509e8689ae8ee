import type { PgText } from '../../change/change.ts';
import type { Value } from '../../change/value.ts';

/** A value that cannot cross; the reason never holds the value. */
export class Unfit {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

export type Codec = {
  /** NULL is null in every codec. */
  encode(value: Value): PgText | Unfit;
  decode(text: string): Value | Unfit;
  /** One form for what Postgres prints and what `encode` makes: equal exactly when the values are. */
  canonical(text: string): string;
  /** What Postgres prints for a value, where that is not `canonical` of what `encode` makes; undefined for what does not fit. */
  readonly printed?: (value: Value) => string | undefined;
};

/** For types that Postgres prints just as `encode` writes them. */
export const identity = (text: string): string => text;

/** `codec` with a way back that also goes there again: what would not come out as it went in does not fit. */
export function proven(codec: Codec, changed: Unfit): Codec {
  return {
    ...codec,
    decode(text) {
      const value = codec.decode(text);
      if (value instanceof Unfit) return value;
      const again = codec.encode(value);
      return typeof again === 'string' && codec.canonical(again) === codec.canonical(text) ? value : changed;
    },
  };
}
