/*
 * Ids that each side hands out by itself. Both must go on after the largest that the other has used, or an id is used twice.
 */
import { quote } from '../../change/quote.ts';
import { at, type Plan, type TablePlan } from '../../plan/plan.ts';
import type { Database } from '../open.ts';

const SEQUENCE = /* sql */ `select cast(seq as integer) from sqlite_sequence where name = ?`;
const RAISE = /* sql */ `update sqlite_sequence set seq = ? where name = ?`;
const START = /* sql */ `insert into sqlite_sequence (name, seq) values (?, ?)`;

/**
 * The largest id that each table with an identity has used, by TablePlan.id; null where none is above zero, so that
 * numbering begins at 1. AUTOINCREMENT counts ids of deleted rows as used.
 */
export function nextIds(db: Database, plan: Plan): Map<number, bigint | null> {
  const ids = new Map<number, bigint | null>();
  for (const table of plan.tables) {
    if (table.identity === null) continue;
    const stored = largest(db, table, at(table.columns, table.identity).name);
    const given = table.autoincrement ? sequence(db, table) : 0n;
    const last = stored > given ? stored : given;
    ids.set(table.id, last > 0n ? last : null);
  }
  return ids;
}

/**
 * Lets AUTOINCREMENT go on after the ids that Postgres has used (`last`, by TablePlan.id); never lowers it. Inside a write
 * transaction. Tables without AUTOINCREMENT go on after their largest row by themselves.
 */
export function raiseSequences(db: Database, plan: Plan, last: ReadonlyMap<number, bigint>): void {
  for (const table of plan.tables) {
    const used = last.get(table.id);
    if (!table.autoincrement || used === undefined || used <= sequence(db, table)) continue;
    if (db.prepare(RAISE).run(used, table.name).changes === 0) db.prepare(START).run(table.name, used);
  }
}

const largest = (db: Database, table: TablePlan, column: string): bigint =>
  db
    .prepare<[], bigint | null>(`select max(${quote(column)}) from ${quote(table.name)}`)
    .pluck()
    .get() ?? 0n;

const sequence = (db: Database, table: TablePlan): bigint => db.prepare<[string], bigint | null>(SEQUENCE).pluck().get(table.name) ?? 0n;
