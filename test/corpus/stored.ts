/*
 * A reader of SQLite files that shares no code with attacca: each value by its storage class and its bytes.
 */
import type Database from 'better-sqlite3';

export type Cell = string;

export type StoredObject = { readonly type: string; readonly name: string; readonly table: string; readonly sql: string | null };
export type Column = {
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
  readonly key: boolean;
  readonly generated: boolean;
  readonly default: string | null;
};

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const OBJECTS = /* sql */ `select type, name, tbl_name as "table", sql from sqlite_schema where name not glob '_attacca*' and tbl_name not glob '_attacca*' order by rowid`;
const COLUMNS = /* sql */ `
  select name, type, "notnull" as "notNull", pk as "key", hidden, dflt_value as "default" from pragma_table_xinfo(?) where hidden <> 1 order by cid`;

/** Every row of sqlite_schema that is not attacca's. */
export const objectsOf = (db: Database.Database): StoredObject[] => db.prepare<[], StoredObject>(OBJECTS).all();

export function columnsOf(db: Database.Database, table: string): Column[] {
  type Found = { name: string; type: string; notNull: bigint; key: bigint; hidden: bigint; default: string | null };
  const found = db.prepare<[string], Found>(COLUMNS).safeIntegers().all(table);
  return found.map(({ name, type, notNull, key, hidden, default: text }) => ({
    name,
    type,
    notNull: notNull !== 0n,
    key: key !== 0n,
    generated: hidden !== 0n,
    default: text,
  }));
}

/** SQLite gives at most 2,000 values a row, and a cell needs two. */
const AT_ONCE = 900;

/** `columns`: names of the table, or of its rowid. A cell is `n`, `i:<integer>`, `r:<64 bits>`, `t:<hex of UTF-8>` or `b:<hex>`. */
export function storedRows(db: Database.Database, table: string, columns: readonly string[]): Cell[][] {
  const first = someColumns(db, table, columns.slice(0, AT_ONCE));
  if (columns.length <= AT_ONCE) return first;
  const rest = storedRows(db, table, columns.slice(AT_ONCE));
  return first.map((row, index) => [...row, ...(rest[index] ?? [])]);
}

function someColumns(db: Database.Database, table: string, columns: readonly string[]): Cell[][] {
  const wide = String(db.pragma('encoding', { simple: true })).toUpperCase();
  const shown = columns
    .map(quoted)
    .flatMap(name => [
      `typeof(${name})`,
      `case typeof(${name}) when 'text' then hex(cast(${name} as blob)) when 'blob' then hex(${name}) else ${name} end`,
    ]);
  const rows = db
    .prepare(`select ${shown.join(', ')} from ${quoted(table)} not indexed`)
    .safeIntegers()
    .raw()
    .all();
  return (rows as unknown[][]).map(row => columns.map((_, index) => cellOf(String(row[2 * index]), row[2 * index + 1], wide)));
}

function cellOf(kind: string, value: unknown, encoding: string): Cell {
  if (kind === 'null') return 'n';
  if (kind === 'integer') return `i:${value}`;
  if (kind === 'real') return real(Number(value));
  const hex = String(value).toLowerCase();
  return kind === 'blob' ? `b:${hex}` : `t:${encoding === 'UTF-8' ? hex : narrow(hex, encoding)}`;
}

export function real(value: number): Cell {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  return `r:${bits.getBigUint64(0).toString(16)}`;
}

function narrow(hex: string, encoding: string): string {
  const bytes = Buffer.from(hex, 'hex');
  return Buffer.from((encoding === 'UTF-16BE' ? bytes.swap16() : bytes).toString('utf16le')).toString('hex');
}
