/*
 * Reads rows as SQLite has them and hands them on as Postgres takes them.
 *
 * (1) better-sqlite3 turns bytes that are not UTF-8 into U+FFFD without an error, and SQLite turns half a pair in UTF-16 and what
 *     stands behind it into one character: text with such a character is read again as bytes, so that two different values never
 *     become equal [G4].
 * (2) The order and the equality of keys are those of the key's own index, or it would not be used.
 */
import type { Misfit, PgRow } from '../../change/change.ts';
import { quote } from '../../change/quote.ts';
import { mayBeOther, RawText, tag, textFromBytes, type Value } from '../../change/value.ts';
import { codecOf, encodeKey, rowName } from '../../plan/codec.ts';
import { type Codec, Unfit } from '../../plan/codecs/fit.ts';
import { keyIndex } from '../../plan/objects/key.ts';
import { at, type ColumnPlan, keyColumns, keyOf, type TablePlan } from '../../plan/plan.ts';
import type { SourceSchema, SourceTable } from '../../plan/schema.ts';
import type { Database, Statement } from '../open.ts';
import { readSchema, sourceOf } from '../schema/tables.ts';

export type Reader = {
  readonly table: TablePlan;
  /** The table under the alias t. */
  readonly from: string;
  /** t.column, in the plan's order, compared byte by byte: the column's own collation may be one that only the application has. */
  readonly columns: readonly string[];
  /** t.column of the key, with a collation where the index has another than the column. */
  readonly key: readonly string[];
  /** Key columns that the schema lets be NULL. */
  readonly nullable: readonly string[];
  /** How many bytes a row holds, leaving out its numbers; undefined where it holds nothing else. */
  readonly bytes: string | undefined;
  readonly codecs: readonly Codec[];
};

const SCHEMA_VERSION = /* sql */ `pragma schema_version`;
const statements = new WeakMap<Database, Map<string, Statement>>();
type Readers = { readonly version: unknown; readonly schema: SourceSchema; readonly of: Map<TablePlan, Reader> };
const readers = new WeakMap<Database, Readers>();

/** A statement, made once for each connection; its rows come as arrays. */
export function prepared(db: Database, sql: string): Statement {
  const known = statements.get(db) ?? new Map<string, Statement>();
  statements.set(db, known);
  const statement = known.get(sql) ?? db.prepare(sql);
  known.set(sql, statement);
  return statement.reader ? statement.raw() : statement;
}

/** How to read a table, as of the schema that the connection sees now. Throws ReplicationError 'halt' without the table. */
export function readerOf(db: Database, table: TablePlan): Reader {
  const cached = readersOf(db);
  const reader = cached.of.get(table) ?? makeReader(table, sourceOf(table, cached.schema));
  cached.of.set(table, reader);
  return reader;
}

/** The structure of the file as the connection sees it now; read again only when it has changed. */
export const schemaOf = (db: Database): SourceSchema => readersOf(db).schema;

function readersOf(db: Database): Readers {
  const version = schemaVersion(db);
  const known = readers.get(db);
  if (known !== undefined && known.version === version) return known;
  const anew = { version, schema: readSchema(db), of: new Map() };
  readers.set(db, anew);
  return anew;
}

/** Moves with every change of the schema, and with VACUUM. */
export const schemaVersion = (db: Database): unknown => (prepared(db, SCHEMA_VERSION).get() as unknown[])[0];

function makeReader(table: TablePlan, source: SourceTable): Reader {
  const name = (column: string): string => `t.${quote(column)}`;
  const index = keyIndex(table, source);
  const collationOf = (column: string): string => source.columns.find(({ name }) => name === column)?.collation ?? 'BINARY';
  const key = keyColumns(table).map(column => {
    const collation = index?.terms.find(term => term.column === column.name)?.collation;
    const own = collationOf(column.name);
    return collation === undefined || collation === own ? name(column.name) : `${name(column.name)} collate ${quote(collation)}`;
  });
  return {
    table,
    from: `${quote(table.name)} t`,
    columns: table.columns.map(column =>
      collationOf(column.name) === 'BINARY' ? name(column.name) : `${name(column.name)} collate binary`,
    ),
    key,
    nullable: table.key.kind === 'declared' ? keyColumns(table).flatMap(column => (column.notNull ? [] : name(column.name))) : [],
    bytes: bytesOf(table.columns.filter(mayBeLong).map(column => name(column.name))),
    codecs: table.columns.map(codecOf),
  };
}

/** An affinity keeps no text from a column; the plan knows where there is some. */
const mayBeLong = ({ affinity, type }: ColumnPlan): boolean =>
  (affinity !== 'integer' && affinity !== 'real') || type === 'text' || type === 'bytea' || type === 'json' || type === 'jsonb';

/** SQLite takes an expression a thousand deep; a sum of sums is not. */
const TERMS = 40;

function bytesOf(columns: readonly string[]): string | undefined {
  if (columns.length === 0) return undefined;
  const terms = columns.map(column => `ifnull(octet_length(${column}), 0)`);
  const sums = Array.from({ length: Math.ceil(terms.length / TERMS) }, (_, n) => terms.slice(n * TERMS, (n + 1) * TERMS).join(' + '));
  return sums.map(sum => `(${sum})`).join(' + ');
}

/** Runs a query, built from the expressions of its result columns; text comes back exactly. */
export function readValues(
  db: Database,
  columns: readonly string[],
  query: (list: string) => string,
  parameters: readonly unknown[],
): Value[][] {
  const rows = prepared(db, query(columns.join(', '))).all(...parameters) as Value[][];
  const encoding = encodingOf(db);
  const doubtful = (value: Value): boolean => typeof value === 'string' && mayBeOther(value, encoding);
  if (!rows.some(row => row.some(doubtful))) return rows;
  const list = columns.map(column => `cast(${column} as blob)`).join(', ');
  const bytes = prepared(db, query(list)).all(...parameters) as Uint8Array[][];
  const decode = decoder(encoding);
  return rows.map((row, index) => row.map((value, column) => (doubtful(value) ? decode(at(at(bytes, index), column)) : value)));
}

const encodings = new WeakMap<Database, string>();

function encodingOf(db: Database): string {
  const known = encodings.get(db) ?? String(db.pragma('encoding', { simple: true }));
  encodings.set(db, known);
  return known;
}

/** Stored bytes as text, in the encoding of the file. */
export function decoder(encoding: string): (bytes: Uint8Array) => string | RawText {
  if (encoding === 'UTF-8') return textFromBytes;
  const utf16 = new TextDecoder(encoding.toLowerCase(), { fatal: true, ignoreBOM: true });
  return bytes => {
    try {
      return utf16.decode(bytes);
    } catch {
      return new RawText(new Uint8Array(bytes));
    }
  };
}

/** A placeholder that takes the value exactly. The plus takes the TEXT affinity of CAST away, which would convert numbers. */
export const placeholder = (value: Value): string => (value instanceof RawText ? '+cast(? as text)' : '?');

export const bindable = (value: Value): unknown => (value instanceof RawText ? value.bytes : value);

/** The row as Postgres takes it, or why it cannot go there. `values` in the plan's column order. */
export function encodeRow({ table, codecs }: Reader, values: readonly Value[]): PgRow | Misfit {
  const row: (string | null)[] = [];
  for (const [index, codec] of codecs.entries()) {
    const value = at(values, index);
    const text = codec.encode(value);
    if (text instanceof Unfit)
      return misfit(table, keyOf(table, values), { column: at(table.columns, index).name, reason: text.reason, value });
    row.push(text);
  }
  return row;
}

/** A row that cannot cross. `value`: what is kept of it. */
export function misfit(
  table: TablePlan,
  key: readonly Value[],
  why: { readonly column: string; readonly reason: string; readonly value: Value },
): Misfit {
  return {
    key: rowName(key),
    target: key.includes(null) ? undefined : encodeKey(table, key),
    column: why.column,
    reason: why.reason,
    raw: why.value === null ? null : tag(why.value),
  };
}

/** Rows whose key has become NULL: in Postgres they could not be found again. `where`: what is true of them only. */
export function nullKeyed(db: Database, { table, from, columns }: Reader, where: string, parameters: readonly unknown[]): Misfit[] {
  const named = [...keyOf(table, columns), ...(table.rowid === null ? [] : [`t.${quote(table.rowid)}`])];
  return readValues(db, named, list => `select ${list} from ${from} where ${where}`, parameters).map(values => {
    const column = keyColumns(table).find((_, index) => values[index] === null);
    return { key: rowName(values), target: undefined, column: column?.name ?? '', reason: NULL_KEY, raw: null };
  });
}

const NULL_KEY = 'its key is NULL: give it one in the application, or delete it';

export const isMisfit = (row: PgRow | Misfit): row is Misfit => !Array.isArray(row);
