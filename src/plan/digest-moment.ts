/*
 * Dates and times in a digest: SQLite writes its text, or its number, as Postgres prints the value (in UTC, `ISO, YMD`).
 *
 * What is not sure to be a value of the column is written as `?`. A text that passes comes back from what is written in its place:
 * its parts have fixed lengths, and zeros are only taken from the end of a fraction whose length says how many there were.
 */
import type { Form } from './digest.ts';
import { epochForm } from './epoch-form.ts';

const TEXT = /^(date|timestamp|timestamptz)\(YYYY-MM-DD(?:([T ])hh:mm:ss(?:\.(f+))?(|Z| UTC|\+00|\+00:00))?\)$/;

/** undefined for a codec that has none. */
export function momentForm(codec: string): Form | undefined {
  const sqlite = textForm(codec) ?? numberForm(codec);
  return sqlite === undefined
    ? undefined
    : {
        sqlite: c => `case typeof(${c}) ${sqlite(c)} when 'null' then '' else '?' end, ','`,
        postgres: c => `coalesce(${c}::text, '') || ','`,
      };
}

const zoneOf = (type: string | undefined): string => (type === 'timestamptz' ? " || '+00'" : '');

function textForm(codec: string): ((c: string) => string) | undefined {
  const [whole, type, between, fraction = '', zone = ''] = TEXT.exec(codec) ?? [];
  if (whole === undefined) return undefined;
  if (between === undefined) return c => `when 'text' then case octet_length(${c}) when 10 then ${c} else '?' end`;
  const least = fraction.length;
  const usual = `[0-9]???-??-??${between}??:??:??${least === 0 ? '' : `.${'[0-9]'.repeat(least)}`}${zone}`;
  return c => {
    // A fraction that is longer than usual ends in no zero.
    const digits = `(octet_length(${c}) - ${20 + zone.length})`;
    const longer =
      `${c} glob '[0-9]???-??-??${between}??:??:??.*[1-9]${zone}' and ${digits} between ${least + 1} and 6` +
      ` and substr(${c}, 21, ${digits}) not glob '*[^0-9]*'`;
    const written = (time: string): string => `substr(${c}, 1, 10) || ' ' || ${time}${zoneOf(type)}`;
    const shorter = least === 0 ? `substr(${c}, 12, 8)` : `rtrim(rtrim(substr(${c}, 12, ${9 + least}), '0'), '.')`;
    return (
      `when 'text' then case when ${c} glob '${usual}' then ${written(shorter)}` +
      ` when ${longer} then ${written(`substr(${c}, 12, 9 + ${digits})`)} else '?' end`
    );
  };
}

function numberForm(codec: string): ((c: string) => string) | undefined {
  const form = epochForm(codec);
  return form === undefined ? undefined : c => `when 'integer' then case when ${form.fits(c)} then ${form.text(c)} else '?' end`;
}
