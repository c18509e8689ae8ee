/*
 * COPY in text format.
 *
 * (1) Backslash, tab, newline and carriage return are escaped; NULL is \N, which no escaped text can be [G4].
 * (2) Rows that Postgres refuses for their content are found by halving, under savepoints; the others go in.
 */
import type { Misfit, PgRow, PgText } from '../../change/change.ts';
import { freed } from '../../change/freed.ts';
import { quote } from '../../change/quote.ts';
import { tag } from '../../change/value.ts';
import { codecOf, keyName } from '../../plan/codec.ts';
import { Unfit } from '../../plan/codecs/fit.ts';
import { QUOTE } from '../../plan/in-sql/copy-field.ts';
import { at, keyOf, type Plan, type TablePlan, tableName } from '../../plan/plan.ts';
import { isPoison, type PostgresError } from '../session/errors.ts';
import type { Session } from '../session/open.ts';

/** Streams rows into a table; memory is bounded by one piece of about 64 KiB and the driver's buffer. */
export async function copyRows(session: Session, plan: Plan, table: TablePlan, rows: Iterable<PgRow>): Promise<void> {
  const columns = table.columns.map(column => quote(column.target)).join(', ');
  await session.copyIn(`copy ${tableName(plan, table)} (${columns}) from stdin`, pieces(rows));
}

const CSV = `format csv, quote e'\\x${QUOTE.charCodeAt(0).toString(16).padStart(2, '0')}'`;

/**
 * Streams lines of CSV that SQLite has encoded (plan/in-sql/copy-field.ts) into a table, and frees them. Refused whole if one row is.
 */
export async function copyCsv(session: Session, plan: Plan, table: TablePlan, pieces: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
  const columns = table.columns.map(column => quote(column.target)).join(', ');
  await session.copyIn(`copy ${tableName(plan, table)} (${columns}) from stdin with (${CSV})`, pieces);
  for (const piece of pieces) freed(piece);
}

const PIECE = 65_536;

function* pieces(rows: Iterable<PgRow>): Generator<string> {
  let piece = '';
  for (const row of rows) {
    piece += copyLine(row);
    if (piece.length < PIECE) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

/** One row as COPY reads it, with its newline. */
function copyLine(row: PgRow): string {
  let line = '';
  for (let index = 0; index < row.length; index++) line += (index === 0 ? '' : '\t') + field(row[index] ?? null);
  return `${line}\n`;
}

const SPECIAL = /[\\\t\n\r]/;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

function field(text: PgText): string {
  if (text === null) return '\\N';
  return SPECIAL.test(text) ? text.replaceAll(/[\\\t\n\r]/g, char => ESCAPES[char] ?? char) : text;
}

/** Copies inside the open transaction; returns the rows that Postgres refused, with its reason. Any other failure is thrown. */
export async function copyFitting(session: Session, plan: Plan, table: TablePlan, rows: readonly PgRow[]): Promise<Misfit[]> {
  const [only, second] = rows;
  if (only === undefined) return [];
  await session.query('savepoint attacca_rows');
  try {
    await copyRows(session, plan, table, rows);
    await session.query('release savepoint attacca_rows');
    return [];
  } catch (error) {
    if (!isPoison(error)) throw error;
    await session.query('rollback to savepoint attacca_rows; release savepoint attacca_rows');
    if (second === undefined) return [refused(table, only, error)];
  }
  const half = rows.length >> 1;
  const before = await copyFitting(session, plan, table, rows.slice(0, half));
  return [...before, ...(await copyFitting(session, plan, table, rows.slice(half)))];
}

function refused(table: TablePlan, row: PgRow, error: PostgresError): Misfit {
  const target = keyOf(table, row);
  const named = table.columns.findIndex(column => column.target === error.column);
  const raw = named < 0 ? JSON.stringify(row.map((text, index) => rawOf(table, index, text))) : rawOf(table, named, row[named] ?? null);
  return { key: keyName(table, target), target, column: error.column ?? '', reason: error.message, raw };
}

/** The value as SQLite has it, tagged. */
function rawOf(table: TablePlan, index: number, text: PgText): string | null {
  if (text === null) return null;
  const value = codecOf(at(table.columns, index)).decode(text);
  return value === null || value instanceof Unfit ? tag(text) : tag(value);
}
