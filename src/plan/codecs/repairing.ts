import { type Codec, Unfit } from './fit.ts';
import { repairJson } from './repair.ts';

const BEYOND_REPAIR = new Unfit('a text that is not valid JSON, and not one that the stated rules repair');

/**
 * `codec` for JSON documents, for texts that are almost JSON too: Postgres gets them repaired. What comes back is the repaired
 * document; that the text in SQLite stays what it is, is `keeping` in codec.ts.
 */
export function repairing(codec: Codec): Codec {
  const { printed } = codec;
  return {
    ...codec,
    encode(value) {
      if (typeof value !== 'string') return codec.encode(value);
      const json = repairJson(value);
      return json === undefined ? BEYOND_REPAIR : codec.encode(json);
    },
    ...(printed && { printed: value => printed(typeof value === 'string' ? (repairJson(value) ?? null) : value) }),
  };
}

/** Whether a codec of this name repairs: what Postgres has may be malformed JSON in SQLite, or a number with noise behind its places. */
export const isRepairing = (codec: string): boolean => /^jsonb?\(repaired\)$|^decimal\(\d+ places\)$/.test(codec);
