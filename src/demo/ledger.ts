/*
 * What a writer was told: a line for every transaction that the database acknowledged, and one for every outcome nobody knows.
 *
 * (1) The check compares these lines with the primary through plain SQL, and shares no code with attacca's verification.
 * (2) Every write carries a revision or token of its own, so each row says which write it comes from.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/** One row's part of a transaction; the strings are table, key, revision. `add` counts what was added to a counter. */
export type Entry =
  | readonly ['put', string, string, string]
  | readonly ['del', string, string]
  | readonly ['add', string, number]
  | readonly ['log', string];

/** Times are milliseconds since 1970 with fractions, steady within a process. */
export type Line = {
  readonly start: number;
  readonly end: number;
  readonly outcome: 'acknowledged' | 'unknown';
  readonly entries: readonly Entry[];
};

/** An append-only file of JSON lines. A line is written before the next transaction begins, so only a lost machine loses one. */
export function openLedger(path: string) {
  const file = openSync(path, 'a');
  return {
    append: (line: Line): void => {
      writeSync(file, `${JSON.stringify(line)}\n`);
    },
    close: () => closeSync(file),
  };
}

/** The finished lines: a writer that is still at work may be in the middle of the next one. */
export const readLedger = (path: string): Line[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map(text => JSON.parse(text) as Line);
