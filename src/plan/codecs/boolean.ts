import { type Codec, identity, Unfit } from './fit.ts';

/** The two texts, true first. One pair for each column: Postgres does not remember which spelling it was. */
export const BOOLEAN_TEXTS: readonly (readonly [string, string])[] = [
  ['t', 'f'],
  ['T', 'F'],
  ['true', 'false'],
  ['True', 'False'],
  ['TRUE', 'FALSE'],
  ['y', 'n'],
  ['Y', 'N'],
  ['yes', 'no'],
  ['Yes', 'No'],
  ['YES', 'NO'],
  ['on', 'off'],
];

const NOT_ZERO_ONE = new Unfit('neither 0 nor 1');
const OTHER_TEXT = new Unfit('a text that is neither of the column’s two');

/** 't' and 'f' are what Postgres prints and also takes. */
const between = (yes: bigint | string, no: bigint | string, unfit: Unfit): Codec => ({
  encode: value => (value === yes ? 't' : value === no ? 'f' : unfit),
  decode: text => (text === 't' ? yes : text === 'f' ? no : unfit),
  canonical: identity,
});

export const zeroOne: Codec = between(1n, 0n, NOT_ZERO_ONE);

/** By its notation `true/false`; undefined for a pair that is none. */
export function booleanTexts(notation: string): Codec | undefined {
  const pair = BOOLEAN_TEXTS.find(([yes, no]) => `${yes}/${no}` === notation);
  return pair === undefined ? undefined : between(pair[0], pair[1], OTHER_TEXT);
}
