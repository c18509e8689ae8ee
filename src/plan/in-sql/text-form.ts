/*
 * Codecs of texts in one exact form, as SQL on the side of SQLite: how it tells that a text has the form. Not every value that
 * `encode` takes is told; never a wrong one.
 */

/** True only for texts that `encode` takes, and that Postgres reads as they are. */
export type TextForm = (c: string) => string;

const UUID = '????????-????-????-????-????????????';
const uuid =
  (digits: string): TextForm =>
  c =>
    `octet_length(${c}) = 36 and ${c} glob '${UUID}' and length(replace(${c}, '-', '')) = 32 and ${c} not glob '*[^-0-9${digits}]*'`;

const UUIDS: Readonly<Record<string, TextForm>> = { 'uuid(lower)': uuid('a-f'), 'uuid(upper)': uuid('A-F') };

const MOMENT = /^(?:date|timestamp|timestamptz)\(YYYY-MM-DD(?:([T ])hh:mm:ss(?:\.(f+))?(|Z| UTC|\+00|\+00:00))?\)$/;
const DAY = '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]';
const TIME = '[0-2][0-9]:[0-5][0-9]:[0-5][0-9]';

/** undefined for a codec whose texts have no such form. */
export function textForm(codec: string): TextForm | undefined {
  const [whole, between, fraction = '', zone = ''] = MOMENT.exec(codec) ?? [];
  if (whole === undefined) return Object.hasOwn(UUIDS, codec) ? UUIDS[codec] : undefined;
  const digits = fraction.length;
  const rest = between === undefined ? '' : `${between}${TIME}${digits === 0 ? '' : `.${'[0-9]'.repeat(digits)}`}${zone}`;
  const length = between === undefined ? 10 : 19 + (digits === 0 ? 0 : digits + 1) + zone.length;
  return c =>
    `octet_length(${c}) = ${length} and ${c} glob '${DAY}${rest}' and substr(${c}, 1, 4) > '0000' and substr(${c}, 12, 2) <= '23'` +
    ` and date(substr(${c}, 1, 10)) is substr(${c}, 1, 10)`;
}
