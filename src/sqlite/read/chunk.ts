import type { Misfit, PgRow } from '../../change/change.ts';
import type { Chunk } from '../../change/ports.ts';
import { quote } from '../../change/quote.ts';
import { tag, untag, type Value } from '../../change/value.ts';
import { keyOf, type TablePlan } from '../../plan/plan.ts';
import type { Database } from '../open.ts';
import { type Query, reading } from './at-once.ts';
import { bindable, isMisfit, nullKeyed, placeholder, prepared, type Reader, readerOf, readValues } from './values.ts';

/**
 * Up to `limit` rows of a table behind `cursor` (null: from the start), in the order of the key's index; fewer where they are
 * large. The cursor holds the exact key of the last row. Rows whose key is NULL come with the first chunk, as misfits.
 */
export const chunk = (db: Database, table: TablePlan, cursor: string | null, limit: number): Chunk =>
  chunkUpTo(db, table, { cursor, upto: null }, limit);

function chunkUpTo(db: Database, table: TablePlan, { cursor, upto }: Range, limit: number): Chunk {
  const reader = readerOf(db, table);
  const query = behind(reader, cursor, upto);
  const { rows: most, columns, encode } = reading(db, reader, query, limit);
  const values = readValues(db, columns, list => `select ${list} from ${query.from}`, query.parameters(most));
  const misfits: Misfit[] = cursor === null ? nullKeys(db, reader) : [];
  const rows: PgRow[] = [];
  for (const row of values) {
    const encoded = encode(row);
    if (isMisfit(encoded)) misfits.push(encoded);
    else rows.push(encoded);
  }
  const last = values.length < most ? undefined : values.at(-1);
  return { rows, misfits, cursor: last === undefined ? null : cursorOf(keyOf(table, last)) };
}

type Range = { readonly cursor: string | null; readonly upto: string | null };

/** The query for a number of rows behind a cursor, in key order. */
export function behind(reader: Reader, cursor: string | null, upto: string | null = null): Query {
  const { where, parameters } = range(reader, cursor, upto);
  return { from: `${reader.from}${where}${ordered(reader)} limit ?`, parameters: rows => [...parameters, BigInt(rows)] };
}

/** The rows behind `cursor` up to and with `upto` (null: to the end). Those whose key is NULL come with the first. */
export function rowsBetween(db: Database, table: TablePlan, cursor: string | null, upto: string | null): Omit<Chunk, 'cursor'> {
  const [rows, misfits]: [PgRow[], Misfit[]] = [[], []];
  let next = cursor;
  do {
    const part = chunkUpTo(db, table, { cursor: next, upto }, PIECE_ROWS);
    for (const row of part.rows) rows.push(row);
    for (const misfit of part.misfits) misfits.push(misfit);
    next = part.cursor;
  } while (next !== null);
  return { rows, misfits };
}

const PIECE_ROWS = 2_000;

/** The cursor that `limit` rows behind this one end with; null where fewer are left. */
export function cursorAfter(db: Database, table: TablePlan, cursor: string | null, limit: number): string | null {
  const reader = readerOf(db, table);
  const { where, parameters } = range(reader, cursor, null);
  const query = (list: string): string => `select ${list} from ${reader.from}${where}${ordered(reader)} limit 1 offset ?`;
  const [key] = readValues(db, reader.key, query, [...parameters, BigInt(limit - 1)]);
  return key === undefined ? null : cursorOf(key);
}

/** The condition, with ` where` before it, for the rows behind one cursor up to another; those whose key is NULL are not among them. */
export function range(reader: Reader, cursor: string | null, upto: string | null): { where: string; parameters: unknown[] } {
  const [after, last] = [keyAt(cursor), keyAt(upto)];
  const bound = (operator: string, key: readonly Value[]): string[] =>
    key.length === 0 ? [] : [`${tuple(reader.key)} ${operator} ${tuple(key.map(placeholder))}`];
  const all = [...reader.nullable.map(column => `${column} is not null`), ...bound('>', after), ...bound('<=', last)];
  return { where: all.length === 0 ? '' : ` where ${all.join(' and ')}`, parameters: [...after, ...last].map(bindable) };
}

/** ` order by` the key. */
const ordered = (reader: Reader): string => ` order by ${reader.key.join(', ')}`;
const tuple = (items: readonly string[]): string => (items.length === 1 ? items.join() : `(${items.join(', ')})`);

/** The key that a cursor holds; empty for the start. */
export const keyAt = (cursor: string | null): Value[] => (cursor === null ? [] : (JSON.parse(cursor) as string[]).map(untag));
/** The cursor behind the row with this key. */
export const cursorOf = (key: readonly Value[]): string => JSON.stringify(key.map(value => (value === null ? null : tag(value))));

/** The rows whose key is NULL, as misfits. */
export function nullKeys(db: Database, reader: Reader): Misfit[] {
  if (reader.nullable.length === 0) return [];
  const where = reader.nullable.map(column => `${column} is null`).join(' or ');
  return nullKeyed(db, reader, where, []);
}

/** How many rows the table has now. */
export function countRows(db: Database, table: TablePlan): number {
  const [count] = prepared(db, `select count(*) from ${quote(table.name)}`).get() as [bigint];
  return Number(count);
}
