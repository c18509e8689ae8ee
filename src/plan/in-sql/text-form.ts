/*
 * Codecs of texts in one exact form, as SQL on the side of SQLite: how it tells that a text has the form. Not every value that
 * `encode` takes is told; of those that it refuses only some that Postgres refuses too.
 */

import { isoOf } from '../codecs/moment.ts';

/** True only for texts that `encode` takes and Postgres reads as they are, or that both refuse. */
export type TextForm = (c: string) => string;

const UUID = '????????-????-????-????-????????????';
const uuid =
  (digits: string): TextForm =>
  c =>
    `octet_length(${c}) = 36 and ${c} glob '${UUID}' and length(replace(${c}, '-', '')) = 32 and ${c} not glob '*[^-0-9${digits}]*'`;

const UUIDS: Readonly<Record<string, TextForm>> = { 'uuid(lower)': uuid('a-f'), 'uuid(upper)': uuid('A-F') };

const DAY = '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]';
/** Postgres takes 24:00:00 for the next day; a day that there is not, it refuses. */
const HOURS = ['[01][0-9]', '2[0-3]'];

/** undefined for a codec whose texts have no such form. */
export function textForm(codec: string): TextForm | undefined {
  const iso = isoOf(codec);
  if (iso === undefined) return Object.hasOwn(UUIDS, codec) ? UUIDS[codec] : undefined;
  const { between, digits, zone } = iso;
  const parts = digits === 0 ? '' : `.${'[0-9]'.repeat(digits)}`;
  const globs = between === undefined ? [DAY] : HOURS.map(hour => `${DAY}${between}${hour}:[0-5][0-9]:[0-5][0-9]${parts}${zone}`);
  return c => `(${globs.map(glob => `${c} glob '${glob}'`).join(' or ')})`;
}

/** In SQLite's order numbers come before all texts, and BLOBs behind them; `typeof` takes twice as long. */
export const isText = (c: string): string => `${c} >= '' and ${c} < x''`;

export const isBlob = (c: string): string => `${c} >= x''`;
