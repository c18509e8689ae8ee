/** A SQLite file in a temp folder, installed and planned by hand: what the write side's tests begin with. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import type { Lsn, RowChange, Seq } from '../../src/change/change.ts';
import type { Affinity } from '../../src/plan/codecs/affinity.ts';
import type { CodecName, ColumnPlan, Plan, TablePlan } from '../../src/plan/plan.ts';
import type { SourceTable } from '../../src/plan/schema.ts';
import { install } from '../../src/sqlite/capture/install.ts';
import { headMark } from '../../src/sqlite/capture/marking.ts';
import { closeSqlite } from '../../src/sqlite/mirror/fence.ts';
import { hold } from '../../src/sqlite/mirror/hold.ts';
import type { Database } from '../../src/sqlite/open.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';

export const INSTALL = 'a1b2';
export const SOURCE = JSON.stringify({ system: '1', timeline: 1, slot: 'attacca' });
export const lsn = (n: number | bigint): Lsn => BigInt(n) as Lsn;

export type Fixture = Disposable & { readonly path: string; readonly db: Database; readonly plan: Plan };

/** A new file with `ddl` run in it; `excluded` tables are not in the plan. `codecs`: by column. `db` is the application's connection. */
export function fixture(
  ddl: string,
  options: {
    readonly journal?: 'wal' | 'delete';
    readonly excluded?: readonly string[];
    readonly codecs?: Readonly<Record<string, CodecName>>;
  } = {},
): Fixture {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-'));
  const path = join(folder, 'app.db');
  const db = new BetterSqlite3(path, { timeout: 60_000 });
  db.defaultSafeIntegers(true);
  db.pragma(`journal_mode = ${options.journal ?? 'wal'}`);
  db.exec(ddl);
  const tables = readSchema(db).tables.filter(table => !options.excluded?.includes(table.name));
  const asked = (column: ColumnPlan): ColumnPlan => ({ ...column, codec: options.codecs?.[column.name] ?? column.codec });
  const planned = tables.map((table, index) => plannedTable(table, index + 1));
  const plan: Plan = {
    version: 1,
    schema: 'public',
    encoding: 'UTF-8',
    tables: planned.map(table => ({ ...table, columns: table.columns.map(asked) })),
  };
  const close = (): void => {
    db.close();
    rmSync(folder, { recursive: true });
  };
  return { path, db, plan, [Symbol.dispose]: close };
}

/** Installed and closed at epoch 1; mirroring begins at LSN 100. */
export async function closed({ path, db, plan }: Fixture): Promise<void> {
  await install(db, plan, { install: INSTALL, target: 'pg' }, 5_000);
  using held = await hold(path, 5_000);
  closeSqlite(held, plan, 1n)({ seq: headMark(held.db).seq, lsn: lsn(100), source: SOURCE });
  await held.commit(5_000);
}

export async function* changes(...list: readonly RowChange[]): AsyncGenerator<RowChange> {
  yield* list;
}

export const idOf = (plan: Plan, name: string): number => plan.tables.find(table => table.name === name)!.id;

export const journalHead = (db: Database): Seq => headMark(db).seq;

const CODECS: Readonly<Record<Affinity, CodecName>> = { integer: 'integer', real: 'real', text: 'text', numeric: 'number', blob: 'tagged' };

function plannedTable(source: SourceTable, id: number): TablePlan {
  const columns = source.columns
    .filter(({ generated }) => !generated)
    .map(({ name, affinity, notNull }) => column(name, affinity, notNull));
  const keys = source.columns.filter(({ primaryKey }) => primaryKey > 0).sort((a, b) => a.primaryKey - b.primaryKey);
  const common = {
    id,
    name: source.name,
    target: source.name,
    withoutRowid: source.withoutRowid,
    rowid: source.rowid,
    autoincrement: source.autoincrement,
    indexes: [],
    foreignKeys: [],
  };
  if (keys.length === 0)
    return { ...common, key: { kind: 'hidden', columns: [0] }, identity: 0, columns: [column(source.rowid!, 'integer', true), ...columns] };
  const places = keys.map(({ name }) => columns.findIndex(candidate => candidate.name === name));
  const rowid = keys.length === 1 && keys[0]!.declared.toLowerCase() === 'integer' && !source.withoutRowid;
  return { ...common, key: { kind: rowid ? 'rowid' : 'declared', columns: places }, identity: rowid ? places[0]! : null, columns };
}

const column = (name: string, affinity: Affinity, notNull: boolean): ColumnPlan => ({
  name,
  target: name,
  type: 'text',
  codec: CODECS[affinity],
  affinity,
  notNull,
  default: null,
  reason: '',
});
