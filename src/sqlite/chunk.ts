import type { Misfit, PgRow } from '../change/change.ts';
import type { Chunk } from '../change/ports.ts';
import { quote } from '../change/quote.ts';
import { tag, untag, type Value } from '../change/value.ts';
import type { TablePlan } from '../plan/plan.ts';
import type { Database } from './open.ts';
import { bindable, encodeRow, isMisfit, keyOf, nullKeyed, placeholder, prepared, type Reader, readerOf, readValues } from './values.ts';

/**
 * Up to `limit` rows of a table behind `cursor` (null: from the start), in the order of the key's index. The cursor holds
 * the exact key of the last row. Rows whose key is NULL come with the first chunk, as misfits.
 */
export function chunk(db: Database, table: TablePlan, cursor: string | null, limit: number): Chunk {
  const reader = readerOf(db, table);
  const after = cursor === null ? [] : (JSON.parse(cursor) as string[]).map(untag);
  const values = readValues(db, reader.columns, list => pageQuery(reader, list, after), [...after.map(bindable), BigInt(limit)]);
  const misfits: Misfit[] = cursor === null ? nullKeys(db, reader) : [];
  const rows: PgRow[] = [];
  for (const row of values) {
    const encoded = encodeRow(reader, row);
    if (isMisfit(encoded)) misfits.push(encoded);
    else rows.push(encoded);
  }
  const last = values.length < limit ? undefined : values.at(-1);
  return { rows, misfits, cursor: last === undefined ? null : JSON.stringify(keyOf(table, last).map(tagged)) };
}

const tagged = (value: Value): string | null => (value === null ? null : tag(value));

function pageQuery(reader: Reader, list: string, after: readonly Value[]): string {
  const behind = after.length === 0 ? [] : [`${tuple(reader.key)} > ${tuple(after.map(placeholder))}`];
  const where = [...reader.nullable.map(column => `${column} is not null`), ...behind];
  return `select ${list} from ${reader.from} ${where.length === 0 ? '' : `where ${where.join(' and ')}`} order by ${reader.key.join(', ')} limit ?`;
}

const tuple = (items: readonly string[]): string => (items.length === 1 ? items.join() : `(${items.join(', ')})`);

function nullKeys(db: Database, reader: Reader): Misfit[] {
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
