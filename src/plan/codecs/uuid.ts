import { type Codec, identity, Unfit } from './fit.ts';

const NOT_UUID = new Unfit('not a UUID in the column’s form');
const DASHED = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/;
const HEX = /^[\da-f]{32}$/;

const dashed = (hex: string): string =>
  [
    [0, 8],
    [8, 12],
    [12, 16],
    [16, 20],
    [20, 32],
  ]
    .map(([from, to]) => hex.slice(from, to))
    .join('-');

/** A UUID as text, with dashes (`lower`, `upper`) or without (`hex`, `HEX`). Postgres lets the case go, so a column has one. */
const textual = (write: (text: string) => string, read: (text: string) => string): Codec => ({
  encode(value) {
    if (typeof value !== 'string') return NOT_UUID;
    const text = read(value);
    return DASHED.test(text) && write(text) === value ? text : NOT_UUID;
  },
  decode: text => (DASHED.test(text) ? write(text) : NOT_UUID),
  canonical: identity,
});

const bare = (text: string): string => text.replaceAll('-', '');
const withDashes = (text: string): string => (HEX.test(text) ? dashed(text) : '');

const blob: Codec = {
  encode: value => (value instanceof Uint8Array && value.length === 16 ? dashed(Buffer.from(value).toString('hex')) : NOT_UUID),
  decode: text => (DASHED.test(text) ? new Uint8Array(Buffer.from(bare(text), 'hex')) : NOT_UUID),
  canonical: identity,
};

/** By the form that SQLite has. */
export const UUIDS: Readonly<Record<string, Codec>> = {
  lower: textual(identity, identity),
  upper: textual(
    text => text.toUpperCase(),
    text => text.toLowerCase(),
  ),
  hex: textual(bare, withDashes),
  HEX: textual(
    text => bare(text).toUpperCase(),
    text => withDashes(text.toLowerCase()),
  ),
  blob,
};
