/*
 * Numbers that are points in time of our days: between the years 1973 and 2191 the units do not overlap, so the numbers tell
 * which one it is.
 */

import { TIMES } from '../codecs/registry.ts';
import type { ColumnStats } from '../schema.ts';
import { commonMoment } from './forms.ts';
import { JULIAN } from './hint.ts';

/** In seconds since 1970. */
const [FIRST, LAST] = [100_000_000n, 7_000_000_000n];
/** From 1601 to 1970, in seconds. */
const WEBKIT = 11_644_473_600n;

const UNITS: readonly { readonly unit: string; readonly each: bigint; readonly from?: bigint }[] = [
  { unit: 's since 1970', each: 1n },
  { unit: 'ms since 1970', each: 1_000n },
  { unit: 'us since 1970', each: 1_000_000n },
  { unit: 'us since 1601', each: 1_000_000n, from: WEBKIT },
  { unit: 'ns since 1970', each: 1_000_000_000n },
];

/** Units in which every integer of this range would be a point in time of our days; all of them where there is no integer. */
export const unitsIn = (range: ColumnStats['range']): string[] =>
  UNITS.filter(({ each, from = 0n }) => range === null || (range[0] >= (FIRST + from) * each && range[1] <= (LAST + from) * each)).map(
    ({ unit }) => unit,
  );

/** The unit of a column that holds nothing but such integers. */
export function unitOf({ integers, reals, texts, blobs, range }: ColumnStats): string | undefined {
  return integers === 0 || reals + texts + blobs > 0 ? undefined : unitsIn(range)[0];
}

/** The years 1585 to 2406, in Julian days. */
const [FIRST_DAY, LAST_DAY] = [2_300_000n, 2_600_000n];
/** 2039, in seconds since 2001: beyond it are seconds since 1970. */
const LAST_OF_CORE_DATA = 1_200_000_000n;

/** Whether a codec of hint.ts's guesses is likely for numbers of this range; that every value fits is another question. */
export function isLikely(codec: string, { range }: ColumnStats): boolean {
  if (codec.includes('julian')) return range !== null && range[0] >= FIRST_DAY && range[1] <= LAST_DAY;
  if (codec.includes('2001')) return range === null || (range[0] >= 0n && range[1] <= LAST_OF_CORE_DATA);
  return range !== null && unitsIn(range).some(unit => codec.endsWith(`(${unit})`));
}

/** Texts and numbers that stand for no point in time: nobody but the owner can know that they do. */
const NEVER: Readonly<Record<string, string>> = {
  empty: "''",
  '0000-00-00': "'0000-00-00'",
  '0000-00-00 00:00:00': "'0000-00-00 00:00:00'",
};

/** A codec of points in time that the owner might choose: it takes every value, and only a person knows whether that is meant. */
export function suggestion(stats: ColumnStats): string | undefined {
  const { integers, reals, texts, blobs, formats, apartFromZero, trials = {} } = stats;
  if (texts === 0 && blobs === 0 && reals === 0 && apartFromZero !== undefined)
    return unitsIn(apartFromZero).map(unit => `timestamptz(${unit} or 0)`)[0];
  if (reals > 0 && trials[JULIAN]?.misfits === 0) return JULIAN;
  if (integers + reals + blobs > 0) return undefined;
  const clock = TIMES.find(codec => trials[codec]?.misfits === 0);
  if (clock !== undefined) return clock;
  const rest = Object.fromEntries(Object.entries(formats).filter(([format]) => NEVER[format] === undefined));
  const nevers = Object.keys(formats).flatMap(format => NEVER[format] ?? []);
  const moment = commonMoment(rest);
  return moment === undefined || nevers.length !== 1 ? undefined : moment.replace(/\)$/, ` or ${nevers[0]})`);
}
