import { setTimeout } from 'node:timers/promises';
import { type Database, openSource } from './open.ts';
import { persist, writeTransaction } from './transaction.ts';

/** How long one of several transactions may go on before it commits, and how long the application has until the next [G6]. */
const LOCK_MS = 8;
const GAP_MS = 5;
/** Where reading the schema takes longer, so may a transaction: everybody waits for that after each, and there are fewer then. */
const LONGEST_LOCK_MS = 40;
/** After a change of the schema every connection reads it anew, and a statement that finds it moved 50 times fails: there is time for that many reads. */
const READS_IN_GAP = 4;

/** Runs all of `steps` in as few write transactions as let each hold the lock for a moment only: none begins a step once its time is up. */
export async function inShortTransactions(
  db: Database,
  budgetMs: number,
  steps: readonly (() => void)[],
  now: () => number = () => performance.now(),
): Promise<void> {
  let lockMs = LOCK_MS;
  for (let next = 0; next < steps.length; ) {
    await writeTransaction(db, budgetMs, () => {
      for (const until = now() + lockMs; next < steps.length && now() < until; next++) steps[next]?.();
    });
    if (next === steps.length) return;
    const reading = await readingMs(db, budgetMs);
    lockMs = Math.min(LONGEST_LOCK_MS, Math.max(LOCK_MS, reading));
    await setTimeout(Math.max(GAP_MS, READS_IN_GAP * reading));
  }
}

/** How long a connection takes that has to read the schema. */
async function readingMs(db: Database, budgetMs: number): Promise<number> {
  const began = performance.now();
  await persist(() => openSource(db.name, { waitMs: 0 }).close(), budgetMs);
  return performance.now() - began;
}
