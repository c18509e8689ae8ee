/*
 * SQLite's write lock, held by attacca: for a switch, and for each transaction of the mirror.
 *
 * (1) The lock is taken by an own retry loop at busy_timeout 0: BEGIN IMMEDIATE with a busy timeout starves beside saturated
 *     writers, because SQLite's waits grow while the gap between two writers does not.
 * (2) Every commit is fsynced (synchronous=EXTRA, read back): a fence that a power failure undoes would open SQLite after
 *     Postgres was opened [G8]. FULL does not sync the unlink of a rollback journal.
 * (3) Foreign keys are not enforced on these connections: a parent deleted and inserted again would take its children along.
 */
import { ReplicationError } from '../../change/errors.ts';
import { type Database, openSource } from '../open.ts';
import { persist } from '../transaction.ts';

const EXTRA = 3n;

/** The write lock, held on a connection of its own until `commit` or `release`. */
export type Hold = {
  readonly db: Database;
  /** Commits durably and gives the lock back. Waits up to `budgetMs` for readers (rollback-journal mode); when it throws, nothing happened. */
  commit(budgetMs: number): Promise<void>;
  /** Closes the connection; whatever was not committed did not happen. Safe to call twice. */
  release(): void;
  [Symbol.dispose](): void;
};

/** Takes the write lock of the file at `path`. Throws ReplicationError 'retry' when it is not to be had within `budgetMs`. */
export const hold = async (path: string, budgetMs: number): Promise<Hold> => holdOn(openWriter(path), budgetMs);

/** The same on a connection that `openWriter` opened before, and that is the hold's from now on. */
export async function holdOn(db: Database, budgetMs: number): Promise<Hold> {
  const release = (): void => void db.close();
  try {
    await begin(db, budgetMs);
  } catch (error) {
    release();
    throw error;
  }
  return { db, commit: (commitMs: number) => commit(db, commitMs), release, [Symbol.dispose]: release };
}

/** A connection whose commits are durable and that never waits inside SQLite. Integers come back as bigint. */
export function openWriter(path: string): Database {
  const db = openSource(path);
  try {
    db.pragma('busy_timeout = 0');
    db.pragma('foreign_keys = off');
    db.pragma('synchronous = extra');
    if (db.pragma('synchronous', { simple: true }) === EXTRA) return db;
    throw new ReplicationError('halt', 'SQLite does not accept synchronous=EXTRA', {
      hint: 'without it a power failure could undo the fence: use the SQLite library that attacca comes with',
    });
  } catch (error) {
    db.close();
    throw error;
  }
}

/** BEGIN IMMEDIATE, tried for `budgetMs`. Throws ReplicationError 'retry' after that. */
export async function begin(db: Database, budgetMs: number): Promise<void> {
  await persist(() => db.exec('begin immediate'), budgetMs);
}

/** COMMIT, tried for `budgetMs` while readers stand in its way; rolls back when it fails, so that nothing is left open. */
export async function commit(db: Database, budgetMs: number): Promise<void> {
  try {
    await persist(() => db.exec('commit'), budgetMs);
  } catch (error) {
    if (db.open && db.inTransaction) db.exec('rollback');
    throw error;
  }
}
