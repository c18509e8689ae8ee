/*
 * Codecs of texts in one exact form, as SQL on either side: how SQLite tells that a text has the form, and how Postgres writes
 * its value in that form. Not every value that `encode` takes is told, nor every value of Postgres written; never a wrong one.
 */

export type TextForm = {
  /** True only for texts that `encode` takes, and that Postgres reads as they are. */
  readonly sqlite: (c: string) => string;
  /** SQLite's text of a value, where `told` holds. */
  readonly postgres: (c: string) => string;
  /** Whether the value has that text; values at the far ends of time are written in another way. */
  readonly told: (c: string) => string;
};

const always = (): string => 'true';

const UUID = '????????-????-????-????-????????????';
const uuid = (digits: string, written: (text: string) => string): TextForm => ({
  sqlite: c =>
    `octet_length(${c}) = 36 and ${c} glob '${UUID}' and length(replace(${c}, '-', '')) = 32 and ${c} not glob '*[^-0-9${digits}]*'`,
  postgres: c => written(`${c}::text`),
  told: always,
});

const UUIDS: Readonly<Record<string, TextForm>> = {
  'uuid(lower)': uuid('a-f', text => text),
  'uuid(upper)': uuid('A-F', text => `upper(${text})`),
};

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
  return {
    sqlite: c =>
      `octet_length(${c}) = ${length} and ${c} glob '${DAY}${rest}' and substr(${c}, 1, 4) > '0000' and substr(${c}, 12, 2) <= '23'` +
      ` and date(substr(${c}, 1, 10)) is substr(${c}, 1, 10)`,
    postgres: c =>
      between === undefined ? `to_char(${c}, 'YYYY-MM-DD')` : `${clock(c, between, digits)}${zone === '' ? '' : ` || '${zone}'`}`,
    told: c => `${c} between '0001-01-01' and '9999-12-30'`,
  };
}

/** At least so many digits of the second, and no zeros behind them. */
function clock(c: string, between: string, digits: number): string {
  const micros = `to_char(${c}, 'YYYY-MM-DD"${between}"HH24:MI:SS.US')`;
  const kept = digits === 0 ? 19 : 20 + digits;
  const dot = digits === 0 ? `rtrim(rtrim(substr(${micros}, ${kept + 1}), '0'), '.')` : `rtrim(substr(${micros}, ${kept + 1}), '0')`;
  return `left(${micros}, ${kept}) || ${dot}`;
}
