/*
 * How long and how much: rough figures to plan with, measured by `npm run test:estimates`. The assumptions are said beside them, so that nobody takes them for promises.
 */

import type { Finding } from './finding.ts';
import { LARGEST_ROW } from './width.ts';

export type Estimate = {
  /** From a quiet machine with both databases on it to one that is busy, or has a network between. */
  readonly snapshotSeconds: readonly [number, number];
  /** What the first copy writes into PostgreSQL's WAL. */
  readonly walBytes: number;
  /** By how much the SQLite file grows for every million changed rows that wait in the journal. */
  readonly journalBytesPerMillion: number;
  readonly assumptions: readonly string[];
};

/** Measured: rows of eight columns, and bytes of the file, that are profiled, copied and indexed in a second. */
const ROWS_PER_SECOND = 240_000;
const BYTES_PER_SECOND = 40_000_000;
const SLOWER = 5;
/** Measured: rows and keys in PostgreSQL's WAL for a byte of the file. */
const WAL_PER_BYTE = 1.3;
/** A mark: its number, its table, its nonce and what SQLite keeps for a row; the key comes on top. */
const MARK_BYTES = 20;

/** Measured: a row of 100 MB on its way, which is hex, a string of JS and a buffer of the network in turn. */
const MEMORY_PER_BYTE = 18;

/** `keyBytes`: of a key, on average. */
export function estimate(size: { readonly rows: number; readonly bytes: number; readonly keyBytes: number }): Estimate {
  const fastest = Math.ceil(size.rows / ROWS_PER_SECOND + size.bytes / BYTES_PER_SECOND / 2);
  return {
    snapshotSeconds: [fastest, fastest * SLOWER],
    walBytes: Math.round(size.bytes * WAL_PER_BYTE),
    journalBytesPerMillion: (MARK_BYTES + size.keyBytes) * 1_000_000,
    assumptions: [
      `The first copy: ${ROWS_PER_SECOND} rows and ${BYTES_PER_SECOND} bytes a second on two quiet cores with both databases; ${SLOWER} times as long on a busy machine or over a network. A throttle in the configuration makes it longer.`,
      `WAL: ${WAL_PER_BYTE} bytes for a byte of the SQLite file, rows and indexes; PostgreSQL recycles it, unless a slot, an archive or a standby keeps it. While Postgres is primary the slot keeps what the mirror has not read.`,
      `Journal: ${MARK_BYTES} bytes and the key for each changed row, until it is applied and verified; the space is used again, and the file never grows beyond journal.maxMarks of them.`,
      `Memory: 200 MB, and ${MEMORY_PER_BYTE} bytes for each byte of the largest row; one of more than ${bytesText(LARGEST_ROW)} does not cross.`,
      'The application waits for a cutover no longer than --max-pause.',
    ],
  };
}

/** In the order in which people should read them. */
export const LEVELS = ['blocking', 'warning', 'note'] as const satisfies readonly Finding['level'][];

export const bytesText = (bytes: number): string => {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1_000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1_000 ** power).toPrecision(3))} ${units[power]}`;
};

export const durationText = (seconds: number): string =>
  seconds < 120 ? `${seconds} s` : seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
