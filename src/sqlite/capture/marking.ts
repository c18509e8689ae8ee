/*
 * The journal's table: its columns, its head, and the marks that attacca makes by hand.
 */
import type { Mark, Seq } from '../../change/change.ts';
import { ReplicationError } from '../../change/errors.ts';
import type { Value } from '../../change/value.ts';
import type { Plan, TablePlan } from '../../plan/plan.ts';
import type { Database } from '../open.ts';
import { bindable, placeholder, prepared } from '../read/values.ts';
import { inShortTransactions } from '../short-transactions.ts';

const MARK_TABLE = /* sql */ `insert into _attacca_journal (tbl) values (?)`;
const COLUMNS = /* sql */ `select name from pragma_table_info('_attacca_journal')`;
const HEAD = /* sql */ `select seq, nonce from _attacca_journal order by seq desc limit 1`;

/** The newest position. Throws ReplicationError 'halt' when the journal is empty, which it never is by itself. */
export function headMark(db: Database): Mark {
  const row = prepared(db, HEAD).get() as [Seq, bigint] | undefined;
  if (row !== undefined) return { seq: row[0], nonce: row[1] };
  throw new ReplicationError('halt', 'the journal in the SQLite file is empty', {
    hint: 'somebody deleted its rows: `attacca resync` copies the file anew',
  });
}

const NONCE = /* sql */ `select nonce from _attacca_journal where seq = ?`;

/** The nonce of the journal row at `seq`; undefined where there is none any more. */
export const nonceAt = (db: Database, seq: Seq): bigint | undefined => (prepared(db, NONCE).get(seq) as [bigint] | undefined)?.[0];

const columns = (count: number): string[] => Array.from({ length: count }, (_, index) => `k${index + 1}`);

/** The journal's columns that hold this table's key: k1, k2, … */
export const journalColumns = ({ key }: TablePlan): string[] => columns(key.columns.length);

/** The journal's columns for the widest key. */
export const keyNames = ({ tables }: Plan): string[] => columns(Math.max(1, ...tables.map(({ key }) => key.columns.length)));

export const hasJournal = (db: Database): boolean => db.prepare(COLUMNS).get() !== undefined;

/** Makes room in the journal for the widest key. Call it inside a write transaction. */
export function widenJournal(db: Database, plan: Plan): void {
  const there = new Set(db.prepare<[], string>(COLUMNS).pluck().all());
  for (const name of keyNames(plan)) if (!there.has(name)) db.exec(`alter table _attacca_journal add column ${name}`);
}

/** A row by SQLite's key values; what stands behind them is left out. */
export type Named = { readonly table: TablePlan; readonly key: readonly Value[] };

/** Marks rows by hand, so that the pipe reads them again; however many they are, the write lock is not held for long. */
export async function mark(db: Database, budgetMs: number, rows: readonly Named[]): Promise<void> {
  await inShortTransactions(
    db,
    budgetMs,
    rows.map(row => () => markOne(db, row)),
  );
}

function markOne(db: Database, { table, key }: Named): void {
  const names = journalColumns(table);
  const values = key.slice(0, names.length);
  const insert = `insert into _attacca_journal (tbl, ${names.join(', ')}) values (?, ${values.map(placeholder).join(', ')})`;
  prepared(db, insert).run(BigInt(table.id), ...values.map(bindable));
}

/** Marks tables whole: the next read replaces them in the target. Call it inside a write transaction. */
export function markTables(db: Database, tables: readonly number[]): void {
  const insert = db.prepare(MARK_TABLE);
  for (const table of tables) insert.run(BigInt(-table));
}
