import { UsageError } from '../../change/errors.ts';

/** A timer that is to wait longer fires at once, and every query would have failed. */
const LONGEST_LIMIT_MS = 2 ** 31 - 1;

/** `?query_timeout=MS` in the URL, as the driver reads it. Throws UsageError for what no timer can wait for. */
export const limitIn = (url: string): number | undefined =>
  timeIn(url, 'query_timeout', /^\d+$/, 1, `give milliseconds, at most ${LONGEST_LIMIT_MS} (24 days)`);

/** `?connect_timeout=SECONDS` in the URL, in milliseconds: libpq knows it, and the driver does not. Nothing waits for ever. */
export const connectLimitIn = (url: string): number | undefined =>
  timeIn(url, 'connect_timeout', /^[1-9]\d*$/, 1_000, 'give whole seconds, from 1');

/** A parameter of the URL, as it stands there; of several the last, as the driver has it. */
export const parameterIn = (url: string, name: string): string | undefined => new RegExp(`^.*[?&]${name}=([^&#]*)`).exec(url)?.[1];

function timeIn(url: string, name: string, form: RegExp, unitMs: number, hint: string): number | undefined {
  const given = parameterIn(url, name);
  if (given === undefined) return undefined;
  const ms = Number(given) * unitMs;
  if (form.test(given) && ms <= LONGEST_LIMIT_MS) return ms;
  throw new UsageError(`${name}=${given} in the target is not a usable time`, hint);
}

/** The URL for a connection on which one command goes on for ever: the driver takes the limit from there, whatever else it is given. */
export const withoutLimit = (url: string): string => url.replace(/([?&])query_timeout=\d+&?/, '$1').replace(/[?&]$/, '');
