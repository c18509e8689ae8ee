/*
 * The file taken as the truth: after it was restored or replaced, after our tables were dropped, or because somebody wants it.
 *
 * The new journal begins with an anchor that is the checkpoint in Postgres, seq and nonce, and marks everything whole behind it.
 * So the next batch follows as any other does: it replaces every table in one Postgres transaction [G3], and a crash anywhere
 * leaves nothing half done.
 */
import type { Mark } from '../../change/change.ts';
import { Refused } from '../../change/errors.ts';
import { quote } from '../../change/quote.ts';
import { drift } from '../../plan/fingerprint.ts';
import type { Plan } from '../../plan/plan.ts';
import type { Database } from '../open.ts';
import { isCaptureTable } from '../schema/own.ts';
import { readSchema } from '../schema/tables.ts';
import { writeTransaction } from '../transaction.ts';
import { createCapture, dropCapture } from './capture.ts';
import { type Identity, readFileControl } from './control.ts';
import { createTables, settle } from './install.ts';
import { hasJournal, markTables, nonceAt } from './marking.ts';

const OURS = /* sql */ `select name from sqlite_schema where ${isCaptureTable}`;
const EMPTY = /* sql */ `delete from _attacca_journal`;
const ANCHOR = /* sql */ `insert into _attacca_journal (seq, tbl, nonce) values (?, 0, ?)`;
const STANDING = /* sql */ `update _attacca_control set epoch = ?, seq = ? where id = 1`;

export type Retaken = {
  readonly identity: Identity;
  /** Where Postgres stands: its checkpoint, and how many switches there were. */
  readonly mark: Mark;
  readonly epoch: bigint;
};

/** What the file has of us. `anchored`: its journal holds the checkpoint, so it is the history that Postgres follows. */
export type Remains = {
  readonly install: string | undefined;
  readonly tables: number;
  readonly anchored: boolean;
  readonly fenced: boolean;
};

/** Reads what remains of an installation. */
export function remains(db: Database, mark: Mark): Remains {
  const control = readFileControl(db);
  return {
    install: control?.install,
    tables: db.prepare(OURS).all().length,
    anchored: hasJournal(db) && nonceAt(db, mark.seq) === mark.nonce,
    fenced: control?.primary === 'postgres',
  };
}

/** Capture out, at once: without a journal it makes the application's writes fail [G6]. */
export async function unhook(db: Database, budgetMs: number): Promise<void> {
  await writeTransaction(db, budgetMs, () => dropCapture(db));
}

/**
 * Puts back what is missing and marks all tables whole; a journal that already follows Postgres's checkpoint stays. Throws
 * Refused for a file from a time when Postgres was primary, ReplicationError 'retry' when the lock is not free in time.
 */
export async function retake(db: Database, plan: Plan, { identity, mark, epoch }: Retaken, budgetMs: number): Promise<void> {
  await writeTransaction(db, budgetMs, () => {
    const { tables, anchored, fenced } = remains(db, mark);
    if (fenced) throw fencedBackup();
    if (tables < 3 || !anchored) begin(db, plan, { identity, mark, epoch });
    const schema = readSchema(db);
    // Where the plan does not fit, the controller changes it next, and puts its capture in.
    if (drift(plan, schema).length === 0) createCapture(db, plan, schema);
    markTables(
      db,
      plan.tables.map(({ id }) => id),
    );
    settle(db);
  });
}

function begin(db: Database, plan: Plan, { identity, mark, epoch }: Retaken): void {
  dropCapture(db);
  for (const name of db.prepare<[], string>(OURS).pluck().all()) db.exec(`drop table ${quote(name)}`);
  createTables(db, plan, identity);
  db.prepare(EMPTY).run();
  db.prepare(ANCHOR).run(mark.seq, mark.nonce);
  db.prepare(STANDING).run(epoch, mark.seq);
}

const fencedBackup = (): Refused =>
  new Refused('this file is fenced', [
    {
      code: 'fenced-backup',
      reason: 'it is a copy from a time when Postgres was primary, and holds triggers of the application set aside',
      remedy: 'put a copy in place that was made while SQLite was primary',
    },
  ]);
