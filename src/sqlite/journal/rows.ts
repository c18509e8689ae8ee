import type { Mark, Seq } from '../../change/change.ts';
import { ReplicationError } from '../../change/errors.ts';
import type { Value } from '../../change/value.ts';
import type { TablePlan } from '../../plan/plan.ts';
import { journalColumns } from '../capture/capture.ts';
import type { Database } from '../open.ts';
import { inShortTransactions } from '../short-transactions.ts';
import { bindable, placeholder, prepared } from '../values.ts';

const HEAD = /* sql */ `select seq, nonce from _attacca_journal order by seq desc limit 1`;

/** The newest position. Throws ReplicationError 'halt' when the journal is empty, which it never is by itself. */
export function headMark(db: Database): Mark {
  const row = prepared(db, HEAD).get() as [Seq, bigint] | undefined;
  if (row !== undefined) return { seq: row[0], nonce: row[1] };
  throw new ReplicationError('halt', 'the journal in the SQLite file is empty', {
    hint: 'somebody deleted its rows: `attacca resync` copies the file anew',
  });
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
