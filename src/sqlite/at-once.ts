/*
 * How many rows are read at once. A row may hold megabytes, and what is read in one go has to fit a string, a statement and memory.
 *
 * (1) They are measured before they are read: SQLite says how long a value is without loading it.
 * (2) How many they are follows from the rows alone, never from what was read before them.
 */
import type { Database } from './open.ts';
import { prepared, type Reader } from './values.ts';

const MOST_BYTES = 4_000_000;

/** A query for rows: what stands behind `select … from`, and the parameters with which it gives so many. */
export type Query = { readonly from: string; readonly parameters: (rows: number) => readonly unknown[] };

/** How many of the first `limit` rows hold no more than that together; at least one. */
export function rowsAtOnce(db: Database, { bytes }: Reader, { from, parameters }: Query, limit: number): number {
  if (bytes === undefined) return limit;
  // In a query of its own the length is asked of the stored column: around an aggregate the value would be loaded.
  const whole = prepared(db, `select total(b) from (select ${bytes} as b from ${from})`);
  const [total] = whole.get(...parameters(limit)) as [number];
  if (total <= MOST_BYTES) return limit;
  let [rows, sum] = [0, 0];
  for (const [size] of prepared(db, `select ${bytes} from ${from}`).iterate(...parameters(limit)) as Iterable<[bigint]>) {
    sum += Number(size);
    if (sum > MOST_BYTES) break;
    rows++;
  }
  return Math.max(1, rows);
}
