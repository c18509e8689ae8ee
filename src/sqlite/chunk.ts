import type { Misfit, PgRow } from '../change/change.ts';
import type { Chunk } from '../change/ports.ts';
import { quote } from '../change/quote.ts';
import { tag, untag, type Value } from '../change/value.ts';
import type { TablePlan } from '../plan/plan.ts';
import { type Query, rowsAtOnce } from './at-once.ts';
import type { Database } from './open.ts';
import { bindable, encodeRow, isMisfit, keyOf, nullKeyed, placeholder, prepared, type Reader, readerOf, readValues } from './values.ts';

/**
 * Up to `limit` rows of a table behind `cursor` (null: from the start), in the order of the key's index; fewer where they are
 * large. The cursor holds the exact key of the last row. Rows whose key is NULL come with the first chunk, as misfits.
 */
export function chunk(db: Database, table: TablePlan, cursor: string | null, limit: number): Chunk {
  const reader = readerOf(db, table);
  const { from, parameters } = behind(reader, cursor);
  const most = rowsAtOnce(db, reader, { from, parameters }, limit);
  const values = readValues(db, reader.columns, list => `select ${list} from ${from}`, parameters(most));
  const last = values.length < most ? undefined : values.at(-1);
  return { ...encoded(db, reader, cursor, values), cursor: last === undefined ? null : cursorOf(keyOf(table, last)) };
}

/** The query for a number of rows behind a cursor, in key order. */
export function behind(reader: Reader, cursor: string | null): Query {
  const { where, parameters } = range(reader, cursor, null);
  return { from: `${reader.from}${where}${ordered(reader)} limit ?`, parameters: rows => [...parameters, BigInt(rows)] };
}

/** The rows behind `cursor` up to and with `upto` (null: to the end). Those whose key is NULL come with the first. */
export function rowsBetween(db: Database, table: TablePlan, cursor: string | null, upto: string | null): Omit<Chunk, 'cursor'> {
  const reader = readerOf(db, table);
  const { where, parameters } = range(reader, cursor, upto);
  const query = (list: string): string => `select ${list} from ${reader.from}${where}${ordered(reader)}`;
  return encoded(db, reader, cursor, readValues(db, reader.columns, query, parameters));
}

/** The cursor that `limit` rows behind this one end with; null where fewer are left. */
export function cursorAfter(db: Database, table: TablePlan, cursor: string | null, limit: number): string | null {
  const reader = readerOf(db, table);
  const { where, parameters } = range(reader, cursor, null);
  const query = (list: string): string => `select ${list} from ${reader.from}${where}${ordered(reader)} limit 1 offset ?`;
  const [key] = readValues(db, reader.key, query, [...parameters, BigInt(limit - 1)]);
  return key === undefined ? null : cursorOf(key);
}

function encoded(db: Database, reader: Reader, cursor: string | null, values: readonly Value[][]): Omit<Chunk, 'cursor'> {
  const misfits: Misfit[] = cursor === null ? nullKeys(db, reader) : [];
  const rows: PgRow[] = [];
  for (const row of values) {
    const encoded = encodeRow(reader, row);
    if (isMisfit(encoded)) misfits.push(encoded);
    else rows.push(encoded);
  }
  return { rows, misfits };
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
  const rows = readValues(db, reader.columns, list => `select ${list} from ${reader.from} where ${where}`, []);
  return rows.map(row => nullKeyed(reader.table, row));
}

/** How many rows the table has now. */
export function countRows(db: Database, table: TablePlan): number {
  const [count] = prepared(db, `select count(*) from ${quote(table.name)}`).get() as [bigint];
  return Number(count);
}
