/*
 * Integers that are points in time, as SQL on the side of SQLite: the text that Postgres prints for them, in UTC.
 */

const NUMBER = /^(timestamp|timestamptz)\((s|ms|us|ns) since (1970|1601|2001|1904)( or 0)?\)$/;
/** Digits of a second that the unit has. */
const DIGITS: Readonly<Record<string, number>> = { s: 0, ms: 3, us: 6, ns: 9 };
const ORIGINS: Readonly<Record<string, number>> = { '1970': 0, '1601': -11_644_473_600, '2001': 978_307_200, '1904': -2_082_844_800 };
/** The end of the year 9999: Postgres prints later ones with more digits. */
const LAST = 253_402_300_799;
const MOST = 2n ** 63n - 1n;

export type EpochForm = {
  /** True only for integers that `encode` takes; not for all of them. */
  readonly fits: (c: string) => string;
  /** What Postgres prints, where that holds. */
  readonly text: (c: string) => string;
};

/** undefined for any other codec. */
export function epochForm(codec: string): EpochForm | undefined {
  const [whole, type, unit = '', year = '', never] = NUMBER.exec(codec) ?? [];
  const [digits, origin] = [DIGITS[unit], ORIGINS[year]];
  if (whole === undefined || digits === undefined || origin === undefined) return undefined;
  const per = 10n ** BigInt(digits);
  const last = BigInt(LAST - origin) * per;
  const zone = type === 'timestamptz' ? " || '+00'" : '';
  return {
    fits: c => `${c} between 0 and ${last < MOST ? last : MOST}${unit === 'ns' ? ` and ${c} % 1000 = 0` : ''}`,
    text(c) {
      const second = `strftime('%Y-%m-%d %H:%M:%S', ${c} / ${per} + ${origin}, 'unixepoch')`;
      const part = digits === 0 ? '' : ` || case ${c} % ${per} when 0 then '' else rtrim(printf('.%0${digits}d', ${c} % ${per}), '0') end`;
      const time = `${second}${part}${zone}`;
      return never === undefined ? time : `case ${c} when 0 then '-infinity' else ${time} end`;
    },
  };
}
