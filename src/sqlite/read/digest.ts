/*
 * A stretch of a table as one digest: rows that are equal on both sides need not cross to be compared.
 */
import type { PgKey } from '../../change/change.ts';
import { freed } from '../../change/freed.ts';
import type { Stretch } from '../../change/ports.ts';
import type { Value } from '../../change/value.ts';
import { encodeKey, kindOf } from '../../plan/codec.ts';
import { digestOf, type Form, formsOf } from '../../plan/in-sql/digest.ts';
import { at, type ColumnPlan, keyColumns, type TablePlan } from '../../plan/plan.ts';
import { functionFor } from '../functions.ts';
import type { Database } from '../open.ts';
import { rowsAtOnce } from './at-once.ts';
import { behind, cursorOf, keyAt, nullKeys } from './chunk.ts';
import { prepared, type Reader, readerOf, readValues } from './values.ts';

/** Rows of a table in key order: what stands behind `select …` in a query for them. */
type Rows = { readonly from: string; readonly parameters: readonly unknown[] };

/** The columns of such rows, in the plan's order, as Postgres has them; null for nothing. */
type Columns = { readonly rows: number; readonly bytes: readonly (Uint8Array<ArrayBuffer> | null)[] };

/**
 * The digest of up to `limit` rows behind `cursor` (null: from the start), in key order; of fewer where they are large. Undefined where these rows have none
 * and must be compared one by one: a key that is NULL, a key or a row that does not fit.
 */
export function stretch(db: Database, table: TablePlan, cursor: string | null, limit: number): Stretch | undefined {
  const reader = readerOf(db, table);
  if (!isUtf8(db) || (cursor === null && nullKeys(db, reader).length > 0)) return undefined;
  const { from, parameters } = behind(reader, cursor);
  const most = rowsAtOnce(db, reader, { from, parameters }, limit);
  if (most === undefined) return undefined;
  const rows = { from, parameters: parameters(most) };
  const columns = read(db, reader, formsOf(table.columns), rows);
  const found = isRange(table) ? between(table, cursor, columns, most) : named(db, reader, rows, most);
  if (found === undefined) return undefined;
  const digest = digestOf(columns.rows, columns.bytes);
  const size = columns.bytes.reduce((sum, bytes) => sum + (bytes?.length ?? 0), 0);
  for (const bytes of columns.bytes) if (bytes !== null) freed(bytes);
  return { rows: columns.rows, bytes: size, digest, ...found };
}

const isUtf8 = (db: Database): boolean => db.pragma('encoding', { simple: true }) === 'UTF-8';

type Found = Pick<Stretch, 'keys' | 'cursor'>;

/** Integers are in the same order in Postgres: two keys say which rows are meant. */
const isRange = (table: TablePlan): boolean => keyColumns(table).every(({ codec }) => codec === 'integer');

/** The last key is the last of what is written of its columns. */
function between(table: TablePlan, cursor: string | null, { rows, bytes }: Columns, limit: number): Found | undefined {
  const after = cursor === null ? null : encodeKey(table, keyAt(cursor));
  if (after === undefined) return undefined;
  if (rows < limit) return { keys: { after, upTo: null }, cursor: null };
  const upTo = table.key.columns.map(index => lastOf(at(bytes, index)));
  return upTo.every(text => /^-?\d+$/.test(text)) ? { keys: { after, upTo }, cursor: cursorOf(upTo.map(BigInt)) } : undefined;
}

function lastOf(listed: Uint8Array | null): string {
  const bytes = Buffer.from(listed ?? []);
  return bytes.toString('latin1', bytes.lastIndexOf(',') + 1);
}

/** Other keys have to be named one by one. */
function named(db: Database, reader: Reader, { from, parameters }: Rows, limit: number): Found | undefined {
  const values = readValues(db, reader.key, list => `select ${list} from ${from}`, parameters);
  const keys = values.map(key => encodeKey(reader.table, key));
  const last = values.length < limit ? undefined : values.at(-1);
  return keys.includes(undefined) ? undefined : { keys: keys as PgKey[], cursor: last === undefined ? null : cursorOf(last) };
}

/** SQLite takes at most 2,000 aggregates in a query; a column has up to two. */
const COLUMNS_A_QUERY = 500;

function read(db: Database, { table, columns }: Reader, forms: readonly Form[], rows: Rows): Columns {
  let count = 0n;
  const aggregates: (Uint8Array<ArrayBuffer> | null)[] = [];
  for (let first = 0; first < columns.length; first += COLUMNS_A_QUERY) {
    const some = columns.slice(first, first + COLUMNS_A_QUERY);
    const names = some.map((column, index) => `${column} as c${index}`);
    const written = some.flatMap((_, index) => {
      const form = at(forms, first + index);
      return 'sqlite' in form ? `cast(${form.sqlite(`c${index}`, made(db, at(table.columns, first + index), form))} as blob)` : [];
    });
    const text = `select ${['count(*)', ...written].join(', ')} from (select ${names.join(', ')} from ${rows.from})`;
    const [found, ...own] = prepared(db, text).get(...rows.parameters) as [bigint, ...(Uint8Array<ArrayBuffer> | null)[]];
    count = found;
    aggregates.push(...own);
  }
  const bytes = forms.map((form, index) => {
    if ('values' in form) return form.values(valuesOf(db, at(columns, index), rows));
    const own = aggregates.shift() ?? null;
    if (own === null || form.sent === undefined) return own;
    const sent = form.sent(own, Number(count));
    freed(own);
    return sent;
  });
  return { rows: Number(count), bytes };
}

const made = (db: Database, column: ColumnPlan, { makes }: Form & { readonly makes?: (value: Value) => string }): string =>
  makes === undefined ? '' : functionFor(db, `digest ${kindOf(column)}`, makes);

/** One column's values; a query for each takes less than rows of several. */
const valuesOf = (db: Database, column: string, { from, parameters }: Rows): unknown[] =>
  prepared(db, `select ${column} from ${from}`)
    .pluck()
    .all(...parameters);
