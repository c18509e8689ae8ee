/*
 * How many rows are read at once. A row may hold megabytes, and what is read in one go has to fit a string, a statement and memory.
 *
 * (1) They are measured before they are read: SQLite says how long a value is without loading it.
 * (2) How many they are follows from the rows alone, never from what was read before them.
 * (3) A row that is too large for any of that is never loaded: it does not fit, and stops no other [G4].
 */
import type { Misfit, PgRow } from '../../change/change.ts';
import type { Value } from '../../change/value.ts';
import { at, keyOf, type TablePlan } from '../../plan/plan.ts';
import { LARGEST_ROW } from '../../plan/width.ts';
import type { Database } from '../open.ts';
import { encodeRow, misfit, prepared, type Reader } from './values.ts';

const MOST_BYTES = 4_000_000;

/** A query for rows: what stands behind `select … from`, and the parameters with which it gives a number of them. */
export type Query = { readonly from: string; readonly parameters: (rows: number) => readonly unknown[] };

/** A number of rows of a query, the expressions to read of each, and what is made of their values: the row, or why it cannot cross. */
export type Reading = {
  readonly rows: number;
  readonly columns: readonly string[];
  readonly encode: (values: readonly Value[]) => PgRow | Misfit;
};

/** As many of the first `limit` rows as hold no more than that together; at least one, of which lengths are read where it is too large. */
export function reading(db: Database, reader: Reader, query: Query, limit: number): Reading {
  const rows = rowsAtOnce(db, reader, query, limit);
  if (rows !== undefined) return { rows, columns: reader.columns, encode: values => encodeRow(reader, values) };
  const { table } = reader;
  const columns = reader.columns.map((column, index) => (table.key.columns.includes(index) ? column : `octet_length(${column})`));
  return { rows: 1, columns, encode: values => tooLarge(table, values) };
}

/** How many rows that are; undefined where the first is too large to cross. */
export function rowsAtOnce(db: Database, { bytes }: Reader, { from, parameters }: Query, limit: number): number | undefined {
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
  return rows === 0 && sum > LARGEST_ROW ? undefined : Math.max(1, rows);
}

/** `values`: those of the key, and how many bytes the others hold. */
function tooLarge(table: TablePlan, values: readonly Value[]): Misfit {
  const lengths = values.map((value, index) => (table.key.columns.includes(index) ? 0 : Number(value ?? 0)));
  const longest = Math.max(...lengths);
  const reason = `it holds ${megabytes(longest)} MB, and a row of more than ${megabytes(LARGEST_ROW)} MB cannot cross`;
  return misfit(table, keyOf(table, values), { column: at(table.columns, lengths.indexOf(longest)).name, reason, value: null });
}

const megabytes = (bytes: number): number => Math.ceil(bytes / 1_000_000);
