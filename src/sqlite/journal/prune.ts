import { setTimeout } from 'node:timers/promises';
import type { Seq } from '../../change/change.ts';
import type { Database } from '../open.ts';
import { writeTransaction } from '../transaction.ts';

const LOWEST = /* sql */ `select min(seq) from _attacca_journal`;
const HEAD = /* sql */ `select max(seq) from _attacca_journal`;
const PRUNE = /* sql */ `delete from _attacca_journal where seq >= ? and seq < ?`;
const BUDGET_MS = 1_000;
/** Also the smallest: a commit of fewer marks takes no less. */
const FIRST_STEP = 500;
const LARGEST_STEP = 10_000;
/** The application waits this long for the lock at most, on the machine it was measured on [G6]. */
const LOCK_MS = 3;
/** Between two steps the application's writers find the lock free, for at least as long as it was taken. */
export const GAP_MS = 2;

/**
 * Forgets marks before `below` in many small transactions; returns how many. The row at `below` stays, as the anchor of the
 * next read, and so does the newest one, so that numbering never restarts. Throws ReplicationError 'retry' when the write
 * lock is never free; what was pruned until then stays pruned. `stepped` is called after each step.
 */
export async function prune(db: Database, below: Seq, stepped: () => void = () => {}): Promise<number> {
  const lowest = db.prepare<[], bigint>(LOWEST).pluck().get() ?? 0n;
  const head = db.prepare<[], bigint>(HEAD).pluck().get() ?? 0n;
  const end = below < head ? below : head;
  const remove = db.prepare(PRUNE);
  return paced(db, { from: lowest, to: end, budgetMs: BUDGET_MS, stepped }, (from, to) => remove.run(from, to).changes);
}

type Stretch = { readonly from: bigint; readonly to: bigint; readonly budgetMs: number; readonly stepped: () => void };

/** Goes through a stretch of the journal in small write transactions, as large as the time they hold the lock allows. */
export async function paced(
  db: Database,
  { from: begin, to: end, budgetMs, stepped }: Stretch,
  remove: (from: bigint, to: bigint) => number,
): Promise<number> {
  let step = FIRST_STEP;
  let removed = 0;
  for (let from = begin; from < end; ) {
    const to = from + BigInt(step) < end ? from + BigInt(step) : end;
    let since = 0;
    removed += await writeTransaction(db, budgetMs, () => {
      since = performance.now();
      return remove(from, to);
    });
    const held = performance.now() - since; // with the commit: in rollback-journal mode its fsyncs are most of it
    from = to;
    stepped();
    if (to < end) await setTimeout(Math.max(GAP_MS, held));
    step = nextStep(step, held);
  }
  return removed;
}

/** How many marks the next step may remove, when one of `step` held the lock for `heldMs`. */
export function nextStep(step: number, heldMs: number): number {
  if (heldMs > LOCK_MS) return Math.max(FIRST_STEP, step >> 1);
  return heldMs < LOCK_MS / 3 ? Math.min(LARGEST_STEP, step * 2) : step;
}
