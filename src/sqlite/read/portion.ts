/*
 * One chunk of the first copy, as it leaves SQLite: CSV that SQLite has written itself wherever every value has a certain
 * field, rows through their codecs where one has not.
 *
 * (1) A piece is taken as CSV whole or not at all: with one misfit in it, its rows go through `encodeRow` [G4].
 * (2) Pieces are small, so that a chunk ends soon after it has taken enough rows, bytes or time: the reads of the
 *     first copy stay short, whatever the rows are.
 * (3) The cursors are those of `chunk`: either can go on where the other stopped.
 */
import type { Misfit, PgRow } from '../../change/change.ts';
import { charsIn } from '../../change/chars.ts';
import type { Allowance, Portion } from '../../change/ports.ts';
import { kindOf } from '../../plan/codec.ts';
import { copyField, MISFIT, madeField } from '../../plan/in-sql/copy-field.ts';
import { at, type ColumnPlan, type TablePlan } from '../../plan/plan.ts';
import { functionFor } from '../functions.ts';
import type { Database } from '../open.ts';
import { rowsAtOnce } from './at-once.ts';
import { behind, cursorAfter, nullKeys, range, rowsBetween } from './chunk.ts';
import { prepared, type Reader, readerOf } from './values.ts';

const PIECE_BYTES = 262_144;
const FIRST_PIECE = 64;
/** It is looked at three times: measured, found the end of, and read. More rows than these would leave the page cache meanwhile. */
const LARGEST_PIECE = 500;

/** Reads what is behind `cursor` (null: from the start). Call it inside a read transaction. Throws as `readerOf` does. */
export function readPortion(db: Database, table: TablePlan, cursor: string | null, allowance: Allowance): Portion {
  const reader = readerOf(db, table);
  const deadline = performance.now() + allowance.ms;
  const csv: Uint8Array<ArrayBuffer>[] = [];
  const rows: PgRow[] = [];
  const misfits: Misfit[] = [];
  let [from, size, seen, bytes] = [cursor, 0, 0, 0];
  do {
    const most = rowsAtOnce(db, reader, behind(reader, from), Math.min(pieceRows(seen, bytes), allowance.rows - seen));
    const limit = most ?? 1;
    const upto = cursorAfter(db, table, from, limit);
    const piece = most === undefined ? undefined : csvBetween(db, table, from, upto);
    if (piece === undefined) {
      const exact = rowsBetween(db, table, from, upto);
      rows.push(...exact.rows);
      misfits.push(...exact.misfits);
      size += exact.rows.length;
      bytes += charsIn(exact.rows);
    } else {
      if (piece.lines !== null) csv.push(piece.lines);
      size += piece.size;
      bytes += piece.lines?.length ?? 0;
    }
    seen += limit;
    from = upto;
  } while (from !== null && seen < allowance.rows && bytes < allowance.bytes && performance.now() < deadline);
  return { csv, rows, misfits, size, cursor: from };
}

/** As many rows as seem to fill a piece, by those before them. */
function pieceRows(seen: number, bytes: number): number {
  if (seen === 0) return FIRST_PIECE;
  return Math.max(1, Math.min(LARGEST_PIECE, Math.round((PIECE_BYTES * seen) / Math.max(bytes, 1))));
}

/** The rows of a range as CSV; undefined where they must go through their codecs. */
function csvBetween(
  db: Database,
  table: TablePlan,
  cursor: string | null,
  upto: string | null,
): { readonly lines: Buffer<ArrayBuffer> | null; readonly size: number } | undefined {
  const reader = readerOf(db, table);
  const line = lineOf(db, reader);
  if (line === undefined || (cursor === null && nullKeys(db, reader).length > 0)) return undefined;
  const { where, parameters } = range(reader, cursor, upto);
  const query = `select cast(group_concat(${line}, '') as blob), count(*) from ${reader.from}${where}`;
  const [lines, count] = prepared(db, query).get(...parameters) as [Buffer<ArrayBuffer> | null, bigint];
  return lines?.includes(MISFIT) ? undefined : { lines, size: Number(count) };
}

const lines = new WeakMap<Reader, { readonly line: string | undefined }>();

/** SQLite's expression for a row's line of CSV; undefined where text is not stored as UTF-8. */
function lineOf(db: Database, reader: Reader): string | undefined {
  const known = lines.get(reader);
  if (known !== undefined) return known.line;
  const made = (column: ColumnPlan): string => functionFor(db, `field ${kindOf(column)}`, madeField(column));
  const field = (column: ColumnPlan, c: string): string => copyField(column, c) ?? `${made(column)}(${c})`;
  const utf8 = db.pragma('encoding', { simple: true }) === 'UTF-8';
  const line = utf8 ? concat(reader.table.columns.map((column, index) => field(column, at(reader.columns, index)))) : undefined;
  lines.set(reader, { line });
  return line;
}

/** A function of SQLite takes a limited number of arguments. */
const MOST = 40;

function concat(fields: readonly string[]): string {
  const parts: string[] = [];
  for (let from = 0; from < fields.length; from += MOST) parts.push(`concat(${fields.slice(from, from + MOST).join(", ',', ")})`);
  return `concat(${parts.join(", ',', ")}, char(10))`;
}
