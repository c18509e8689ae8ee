import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { tag, type Value } from '../../src/change/value.ts';
import { fingerprint } from '../../src/plan/fingerprint.ts';
import type { ColumnPlan, KeyPlan, Plan, TablePlan } from '../../src/plan/plan.ts';
import type { SourceSchema, SourceTable } from '../../src/plan/schema.ts';
import type { Database } from '../../src/sqlite/open.ts';

/** A plan that keeps every value as it is (tagged), so that tests of capture do not depend on how types are chosen. */
export function planOf(schema: SourceSchema): Plan {
  const tables = schema.tables.map((table, index) => ({ ...tablePlan(table, index + 1), source: fingerprint(schema, table) }));
  return { version: 1, schema: 'public', encoding: schema.encoding, tables };
}

function tablePlan(source: SourceTable, id: number): TablePlan {
  const key = keyOf(source);
  const own = source.columns.map(column => columnPlan(column.name, column.affinity, column.notNull));
  const rowid = columnPlan(source.rowid ?? '', 'integer', true);
  return {
    id,
    name: source.name,
    target: source.name,
    withoutRowid: source.withoutRowid,
    rowid: source.rowid,
    key,
    identity: null,
    autoincrement: source.autoincrement,
    columns: key.kind === 'hidden' ? [rowid, ...own] : own,
    indexes: [],
    foreignKeys: [],
  };
}

const columnPlan = (name: string, affinity: ColumnPlan['affinity'], notNull: boolean): ColumnPlan => ({
  name,
  target: name,
  type: 'text',
  codec: 'tagged',
  affinity,
  notNull,
  default: null,
  reason: 'a test',
});

function keyOf(source: SourceTable): KeyPlan {
  const primary = source.columns
    .map((column, index) => ({ column, index }))
    .filter(({ column }) => column.primaryKey > 0)
    .sort((a, b) => a.column.primaryKey - b.column.primaryKey);
  if (primary.length === 1 && !source.withoutRowid && !source.indexes.some(({ origin }) => origin === 'pk'))
    return { kind: 'rowid', columns: [primary[0]!.index] };
  if (primary.length > 0) return { kind: 'declared', columns: primary.map(({ index }) => index) };
  const unique = source.indexes.find(
    index =>
      index.unique && index.where === null && index.terms.every(term => source.columns.find(({ name }) => name === term.column)?.notNull),
  );
  if (unique === undefined) return { kind: 'hidden', columns: [0] };
  return { kind: 'declared', columns: unique.terms.map(term => source.columns.findIndex(({ name }) => name === term.column)) };
}

/** A new SQLite file in a folder of its own, with `sql` run on it. */
export function scratch(sql: string, options: { readonly wal?: boolean } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-test-'));
  const path = join(folder, 'app.db');
  const db: Database = new BetterSqlite3(path);
  db.defaultSafeIntegers(true);
  if (options.wal !== false) db.pragma('journal_mode = wal');
  db.exec(sql);
  return {
    path,
    db,
    [Symbol.dispose]() {
      db.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A table's rows straight from SQLite, tagged, in no particular order that matters: sorted as text. */
export const stored = (db: Database, table: TablePlan): string[] =>
  (
    db
      .prepare(`select ${table.columns.map(({ name }) => `"${name}"`).join(', ')} from "${table.name}"`)
      .raw()
      .all() as Value[][]
  )
    .map(row => JSON.stringify(row.map(value => (value === null ? null : tag(value)))))
    .sort();
