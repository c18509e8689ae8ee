import { setImmediate } from 'node:timers/promises';
import { ReplicationError } from '../change/errors.ts';
import { type Database, isBusy, isLocked, orFull, orMoved, pause } from './open.ts';

const FIRST_READ = /* sql */ `select 1 from sqlite_schema limit 1`;

/** A read transaction: everything read until `release` is one committed state of the file. */
export type ReadTransaction = { release(): void; [Symbol.dispose](): void };

/** Begins a read transaction; the first read is made here, because only that fixes the state. */
export function readTransaction(db: Database): ReadTransaction {
  db.exec('begin');
  const release = (): void => {
    if (db.open && db.inTransaction) db.exec('rollback');
  };
  try {
    db.prepare(FIRST_READ).get();
  } catch (error) {
    release();
    throw error;
  }
  return { release, [Symbol.dispose]: release };
}

/**
 * Runs the synchronous `fn` in one write transaction. Takes the lock with an own retry loop, since SQLite's busy timeout
 * starves beside saturated writers; COMMIT is retried too (readers, in rollback-journal mode). Throws ReplicationError
 * 'retry' when `budgetMs` is used up; nothing is written then, or when `fn` throws.
 */
export async function writeTransaction<T>(db: Database, budgetMs: number, fn: () => T): Promise<T> {
  const timeout = db.pragma('busy_timeout', { simple: true });
  db.pragma('busy_timeout = 0');
  try {
    await persist(() => db.exec('begin immediate'), budgetMs);
    const result = fn();
    await persist(() => db.exec('commit'), budgetMs);
    return result;
  } catch (error) {
    if (db.open && db.inTransaction) db.exec('rollback');
    throw orFull(db, orMoved(error));
  } finally {
    if (db.open) db.pragma(`busy_timeout = ${timeout}`);
  }
}

/** Repeats `attempt` for up to `budgetMs` while others stand in its way; then throws ReplicationError 'retry'. */
export async function persist<T>(attempt: () => T, budgetMs: number): Promise<T> {
  const deadline = performance.now() + budgetMs;
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (!isBusy(error) && !isLocked(error)) throw error;
      if (performance.now() >= deadline) throw stillLocked(budgetMs, error);
    }
    pause();
    await setImmediate();
  }
}

const stillLocked = (budgetMs: number, cause: unknown): ReplicationError =>
  new ReplicationError('retry', `the SQLite file stayed locked for ${Math.round(budgetMs)} ms`, {
    hint: 'another process holds a transaction open on it; end that, or allow a longer pause',
    cause,
  });
