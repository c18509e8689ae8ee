/*
 * Exact comparison while writes go on.
 *
 * (1) Every comparison is made at one common state: SQLite held by a read transaction, Postgres by a repeatable-read one,
 *     begun between two applies. So a difference is a difference, and nothing is read again "until it fits".
 * (2) Rows are compared by the stretch, as digests that each side makes of its own rows at the same time; where those differ, or
 *     there is none, row by row and column by column.
 * (3) A state is let go after anchorMs, so that no read keeps the WAL from being reset; the next chunk uses a newer one. In between
 *     it may rest, and be interrupted for good: a place from which a table is equal up to there is a place to go on from.
 * (4) What was marked meanwhile is compared again at the last state, as is what differed, and the counts: every SQLite row is
 *     in Postgres and there are as many on both sides, so there is no other. Extra rows are searched for only if the counts say so.
 */
import type { Mark, Rows, Seq } from '../change/change.ts';
import type { Plan, TablePlan } from '../plan/plan.ts';
import type { Difference } from './compare.ts';
import { closePair, compareAsked, compareCounts, type StatePair, type Subjects, subjects } from './rows.ts';
import type { TableResult } from './tally.ts';
import { type Place, START, walk } from './walk.ts';

/** A comparison that is under way: where it began, and how far each table is found equal; by TablePlan.id. */
export type Round = { readonly start: Seq; readonly places: ReadonlyMap<number, Place> };

export type Verification = {
  readonly tables: readonly TablePlan[];
  /** Both sides at one common state. */
  readonly pin: () => Promise<StatePair>;
  /** For how long one state is used before a newer one is taken. */
  readonly anchorMs: number;
  readonly onProgress: (done: { readonly table: string; readonly rows: number }) => void;
  readonly now: () => number;
  /** One that was interrupted, to go on with. */
  readonly resume?: Round | undefined;
  /** Told after each state how far it is. */
  readonly save?: (round: Round) => Promise<void>;
  /** Called after each state, when nothing is held: `rows` were compared in `ms`. */
  readonly rest?: (done: { readonly rows: number; readonly ms: number }) => Promise<void>;
  /** What was marked up to here was compared meanwhile, and found equal. */
  readonly verifiedUpTo?: () => Promise<Seq>;
};

export type Verified = {
  readonly ok: boolean;
  /** Everything is compared as of this position. */
  readonly position: Mark;
  /** The same of Postgres. */
  readonly lsn: string;
  /** Where it began. */
  readonly start: Seq;
  readonly tables: readonly TableResult[];
  /** Every difference that was kept, not only the samples: what a repair marks again. */
  readonly differences: readonly Difference[];
};

const later = (a: Seq, b: Seq): Seq => (b > a ? b : a);

const KEYS_AT_ONCE = 2_000;

/** Compares every column of every row of `tables`. */
export async function verifyAll(work: Verification, signal: AbortSignal): Promise<Verified> {
  let pair = await work.pin();
  try {
    const start = work.resume?.start ?? pair.source.position.seq;
    const all = subjects(work.tables, pair);
    const places = new Map(work.resume?.places ?? []);
    const anchor = { at: work.now(), rows: 0 };
    const stands = (): boolean => {
      signal.throwIfAborted();
      return work.now() - anchor.at <= work.anchorMs;
    };
    const again = async (): Promise<void> => {
      await closePair(pair);
      await work.save?.({ start, places });
      await work.rest?.({ rows: anchor.rows, ms: work.now() - anchor.at });
      signal.throwIfAborted();
      pair = await work.pin();
      Object.assign(anchor, { at: work.now(), rows: 0 });
    };
    for (const subject of all.values()) {
      const { table, tally } = subject;
      let place = places.get(table.id) ?? START;
      tally.saw(place.rows);
      while (!place.done) {
        if (!stands()) await again();
        const before = place.rows;
        place = await walk(pair, subject, place, stands);
        anchor.rows += place.rows - before;
        if (tally.clean) places.set(table.id, place);
        work.onProgress({ table: table.name, rows: tally.compared });
      }
      tally.digests({ source: place.source, target: place.target });
    }
    const since = [start, ...(work.verifiedUpTo === undefined ? [] : [await work.verifiedUpTo()])];
    await again();
    await conclude(pair, all, since, signal);
    return result(pair, start, all);
  } finally {
    await closePair(pair);
  }
}

/** At the last state: what differed, what was marked after the latest of `since`, and how many rows there are. */
async function conclude(pair: StatePair, all: Subjects, since: readonly Seq[], signal: AbortSignal): Promise<void> {
  for (const { table, tally } of all.values()) {
    const names = tally.differences().map(({ key }) => key);
    if (names.length > 0) await compareAsked(pair.target, all, pair.source.named(table.id, names), signal);
  }
  await compareAsked(pair.target, all, pair.source.changed(since.reduce(later)), signal);
  for (const subject of all.values()) await compareCounts(pair, subject, KEYS_AT_ONCE);
}

/** Compares only the rows that are marked: what a check inside a switch costs is what changed, not what exists. */
export async function verifyMarked(pair: StatePair, plan: Plan, marked: Pick<Rows, 'slices'>, signal: AbortSignal): Promise<Verified> {
  const all = subjects(plan.tables, pair);
  await compareAsked(pair.target, all, marked, signal);
  return result(pair, pair.source.position.seq, all);
}

function result({ source, target }: StatePair, start: Seq, all: Subjects): Verified {
  const tallies = [...all.values()].map(({ tally }) => tally);
  const tables = tallies.map(tally => tally.result());
  return {
    ok: tables.every(table => table.differences === 0),
    position: source.position,
    lsn: target.lsn,
    start,
    tables,
    differences: tallies.flatMap(tally => tally.differences()),
  };
}
