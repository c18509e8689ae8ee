import { UsageError } from '../change/errors.ts';

/** A timer that is to wait longer fires at once, and every query would have failed. */
const LONGEST_LIMIT_MS = 2 ** 31 - 1;

/** `?query_timeout=MS` in the URL, as the driver reads it. Throws UsageError for what no timer can wait for. */
export function limitIn(url: string): number | undefined {
  const given = /[?&]query_timeout=([^&]*)/.exec(url)?.[1];
  if (given === undefined) return undefined;
  if (/^\d+$/.test(given) && Number(given) <= LONGEST_LIMIT_MS) return Number(given);
  throw new UsageError(
    `query_timeout=${given} in the target is nothing that a timer can wait for`,
    `give milliseconds, at most ${LONGEST_LIMIT_MS} (24 days)`,
  );
}

/** The URL for a connection on which one command goes on for ever: the driver takes the limit from there, whatever else it is given. */
export const withoutLimit = (url: string): string => url.replace(/([?&])query_timeout=\d+&?/, '$1').replace(/[?&]$/, '');
