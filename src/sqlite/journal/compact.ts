/*
 * Keeps the journal bounded while nobody can take its marks: many marks of a table become one, "the whole of it may have changed".
 *
 * (1) The whole-table marks are committed first. A read that sees a mark missing sees its table's whole mark too, since that one is
 *     older than the removal: so whoever reads a half-compacted journal, also after `kill -9`, copies the table anew [G1].
 * (2) Nothing at or below `after` is touched, and nobody may apply meanwhile: the caller knows that no checkpoint is beyond it, so
 *     the anchor of the next read stays. The newest row stays too, since the whole marks are behind everything that is removed.
 * (3) Everything is done in small steps, with gaps: the application waits for none of them for long [G6].
 */
import { setTimeout } from 'node:timers/promises';
import type { Seq } from '../../change/change.ts';
import { headMark, markTables } from '../capture/marking.ts';
import type { Database } from '../open.ts';
import { writeTransaction } from '../transaction.ts';
import { GAP_MS, paced } from './prune.ts';

const COUNT = /* sql */ `select abs(tbl), count(*) from _attacca_journal where seq > ? and seq <= ? and tbl <> 0 group by abs(tbl)`;
const FIRST = /* sql */ `select min(seq) from _attacca_journal where seq > ?`;
const FEW = /* sql */ `select count(*) from (select 1 from _attacca_journal where seq > ? limit ?)`;
/** Marks counted in one read: a longer one would make writers wait, in rollback-journal mode. */
const COUNTED = 100_000n;
/** Up to this many waiting marks are counted, beyond that they are estimated from their numbers. */
const EXACT = 100_000;
const BUDGET_MS = 5_000;

export type Compaction = {
  /** Marks that waited before. */
  readonly waiting: number;
  readonly removed: number;
  /** TablePlan.id of the tables that will be copied anew. */
  readonly tables: readonly number[];
};

/** How many marks wait behind `after`, quickly: exact while they are few, otherwise an upper bound. */
export function waitingMarks(db: Database, after: Seq): number {
  const few = Number(db.prepare<unknown[], bigint>(FEW).pluck().get(after, EXACT) ?? 0n);
  if (few < EXACT) return few;
  const first = db.prepare<unknown[], bigint | null>(FIRST).pluck().get(after);
  return first == null ? 0 : Number(headMark(db).seq - first) + 1;
}

/**
 * If more than `most` marks wait behind `after`, marks the tables that have most of them whole and removes their older marks, until
 * at most half of `most` are left. undefined: there was nothing to do. `stepped` is called after each step. Throws ReplicationError
 * 'retry' when the write lock is never free; what was removed until then stays removed, and nothing is lost by it.
 */
export async function compact(db: Database, after: Seq, most: number, stepped: () => void = () => {}): Promise<Compaction | undefined> {
  if (waitingMarks(db, after) <= most) return undefined;
  const counts = await countByTable(db, after);
  const waiting = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (waiting <= most) return undefined;
  const tables = heaviest(counts, waiting - most / 2);
  const whole = await writeTransaction(db, BUDGET_MS, () => {
    const { seq } = headMark(db);
    markTables(db, tables);
    return seq;
  });
  stepped();
  const places = tables.map(() => '?, ?').join(', ');
  const remove = db.prepare(/* sql */ `delete from _attacca_journal where seq > ? and seq <= ? and tbl in (${places})`);
  const ids = tables.flatMap(id => [BigInt(id), BigInt(-id)]);
  const removed = await paced(
    db,
    { from: after, to: whole, budgetMs: BUDGET_MS, stepped },
    (from, to) => remove.run(from, to, ...ids).changes,
  );
  return { waiting, removed, tables };
}

async function countByTable(db: Database, after: Seq): Promise<ReadonlyMap<number, number>> {
  const counts = new Map<number, number>();
  const { seq: head } = headMark(db);
  const count = db.prepare<unknown[], [bigint, bigint]>(COUNT).raw();
  for (let from: bigint = after; from < head; from += COUNTED) {
    const to = from + COUNTED < head ? from + COUNTED : head;
    for (const [table, n] of count.all(from, to)) counts.set(Number(table), (counts.get(Number(table)) ?? 0) + Number(n));
    await setTimeout(GAP_MS);
  }
  return counts;
}

/** The fewest tables that together have at least `enough` marks. */
function heaviest(counts: ReadonlyMap<number, number>, enough: number): number[] {
  const chosen: number[] = [];
  let sum = 0;
  for (const [table, count] of [...counts].sort(([, a], [, b]) => b - a)) {
    if (sum >= enough) break;
    chosen.push(table);
    sum += count;
  }
  return chosen;
}
