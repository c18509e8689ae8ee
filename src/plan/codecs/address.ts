/* Postgres's inet, for texts that are written as Postgres prints them. */
import { isIPv4, isIPv6 } from 'node:net';
import { type Codec, Unfit } from './fit.ts';

const NO_ADDRESS = new Unfit('no IP address as Postgres prints it');

/** Without the length that a cast to text adds to a single host, and that Postgres does not print otherwise. */
const bare = (text: string): string => text.replace(text.includes(':') ? /\/128$/ : /\/32$/, '');

export const inet: Codec = {
  encode: value => (typeof value === 'string' && isPrinted(value) ? value : NO_ADDRESS),
  decode: text => (isPrinted(bare(text)) ? bare(text) : NO_ADDRESS),
  canonical: bare,
  printed: value =>
    typeof value === 'string' && isPrinted(value)
      ? value.includes('/')
        ? value
        : `${value}/${value.includes(':') ? 128 : 32}`
      : undefined,
};

function isPrinted(text: string): boolean {
  const [, address = '', length] = /^([\da-f.:]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
  const bits = isIPv4(address) ? 32 : 128;
  if (length !== undefined && Number(length) >= bits) return false;
  return bits === 32 || (isIPv6(address) && printed(wordsOf(address)) === address);
}

/** The eight groups of an address that is valid. */
function wordsOf(address: string): number[] {
  const groups = (part: string): number[] =>
    part.split(':').flatMap(group => {
      if (!group.includes('.')) return group === '' ? [] : [Number.parseInt(group, 16)];
      const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
      return [a * 256 + b, c * 256 + d];
    });
  const [before = '', after = ''] = address.split('::');
  const [left, right] = [groups(before), groups(after)];
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
}

/** The first of the longest runs of zeros is left out, and an IPv4 address that is inside is written as one. */
function printed(words: readonly number[]): string {
  const runs = words.map((_, start) => words.slice(start).findIndex(word => word !== 0)).map((end, start) => (end < 0 ? 8 - start : end));
  const longest = Math.max(...runs);
  const start = longest < 2 ? -1 : runs.indexOf(longest);
  const inside = start === 0 && (longest === 6 || (longest === 5 && words[5] === 0xffff));
  const hex = (from: number, to: number): string =>
    words
      .slice(from, to)
      .map(word => word.toString(16))
      .join(':');
  const [high = 0, low = 0] = words.slice(6);
  if (inside) return `::${longest === 5 ? 'ffff:' : ''}${[high >> 8, high & 255, low >> 8, low & 255].join('.')}`;
  return start < 0 ? hex(0, 8) : `${hex(0, start)}::${hex(start + longest, 8)}`;
}
