import type { Mark, Seq } from '../change/change.ts';
import { ReplicationError } from '../change/errors.ts';
import type { Value } from '../change/value.ts';
import type { TablePlan } from '../plan/plan.ts';
import { journalColumns } from './capture.ts';
import type { Database } from './open.ts';
import { bindable, placeholder, prepared } from './values.ts';

const HEAD = /* sql */ `select seq, nonce from _attacca_journal order by seq desc limit 1`;

/** The newest position. Throws ReplicationError 'halt' when the journal is empty, which it never is by itself. */
export function headMark(db: Database): Mark {
  const row = prepared(db, HEAD).get() as [Seq, bigint] | undefined;
  if (row !== undefined) return { seq: row[0], nonce: row[1] };
  throw new ReplicationError('halt', 'the journal in the SQLite file is empty', {
    hint: 'Somebody deleted its rows: `attacca resync` copies the file anew.',
  });
}

/** Marks rows by hand, so that the pipe reads them again. `keys`: SQLite's key values. Call it inside a write transaction. */
export function mark(db: Database, table: TablePlan, keys: readonly (readonly Value[])[]): void {
  for (const key of keys) {
    const places = key.map(placeholder).join(', ');
    db.prepare(`insert into _attacca_journal (tbl, ${journalColumns(table).join(', ')}) values (?, ${places})`).run(
      BigInt(table.id),
      ...key.map(bindable),
    );
  }
}
