/*
 * Exact comparison while writes go on.
 *
 * (1) Every comparison is made at one common state: SQLite held by a read transaction, Postgres by a repeatable-read one,
 *     begun between two applies. So a difference is a difference, and nothing is read again "until it fits".
 * (2) Rows are compared by the stretch, as digests that each side makes of its own rows at the same time; where those differ, or
 *     there is none, row by row and column by column.
 * (3) A state is let go after anchorMs, so that no read keeps the WAL from being reset; the next chunk uses a newer one.
 * (4) What was marked meanwhile is compared again at the last state, where the counts are compared too: every SQLite row is
 *     in Postgres and there are as many on both sides, so there is no other. Extra rows are searched for only if the counts say so.
 */
import type { Mark, Rows } from '../change/change.ts';
import type { SourceState, TargetState } from '../change/ports.ts';
import { keyName } from '../plan/codec.ts';
import type { Plan, TablePlan } from '../plan/plan.ts';
import { type Comparer, comparer, type Difference } from './compare.ts';
import { type TableResult, type Tally, tally } from './tally.ts';

export type StatePair = { readonly source: SourceState; readonly target: TargetState };

export type Verification = {
  readonly tables: readonly TablePlan[];
  /** Both sides at one common state. */
  readonly pin: () => Promise<StatePair>;
  /** For how long one state is used before a newer one is taken. */
  readonly anchorMs: number;
  readonly onProgress: (done: { readonly table: string; readonly rows: number }) => void;
  readonly now: () => number;
};

export type Verified = {
  readonly ok: boolean;
  /** Everything is compared as of this position. */
  readonly position: Mark;
  readonly tables: readonly TableResult[];
  /** Every difference that was kept, not only the samples: what a repair marks again. */
  readonly differences: readonly Difference[];
};

const CHUNK_ROWS = 2_000;
const FIRST_ROWS = 50;
const MOST_ROWS = 10_000;
/** A stretch is read in one go: a longer one would keep the daemon from its pipe for too long. */
const STRETCH_BYTES = 1_000_000;

/** Compares every column of every row of `tables`. */
export async function verifyAll(work: Verification, signal: AbortSignal): Promise<Verified> {
  const tallies = new Map(work.tables.map(table => [table.id, tally(table)]));
  let pair = await work.pin();
  try {
    const start = pair.source.position;
    let pinnedAt = work.now();
    const stands = (): boolean => {
      signal.throwIfAborted();
      return work.now() - pinnedAt <= work.anchorMs;
    };
    for (const table of work.tables) {
      let cursor: string | null = null;
      do {
        if (!stands()) {
          await closePair(pair);
          pair = await work.pin();
          pinnedAt = work.now();
        }
        cursor = await compareTable(pair, table, { from: cursor, tallies, stands });
        work.onProgress({ table: table.name, rows: tallies.get(table.id)?.compared ?? 0 });
      } while (cursor !== null);
    }
    await closePair(pair);
    pair = await work.pin();
    await compareMarked(pair, work.tables, pair.source.marked(start.seq), tallies, signal);
    for (const table of work.tables) await compareCounts(pair, table, tallies);
    return verified(pair.source.position, tallies);
  } finally {
    await closePair(pair);
  }
}

type Place = { readonly from: string | null; readonly tallies: Tallies; readonly stands: () => boolean };

/**
 * Compares the rows of a table behind `from`, for as long as the state `stands`; returns where to go on, null at the end.
 * Postgres makes the digest of one stretch while SQLite makes that of the next.
 */
async function compareTable(pair: StatePair, table: TablePlan, { from, tallies, stands }: Place): Promise<string | null> {
  const compare = comparer(table);
  let settle = async (): Promise<void> => undefined;
  let cursor = from;
  let rows = FIRST_ROWS;
  do {
    const stretch = pair.source.stretch(table.id, cursor, rows);
    await settle();
    settle = async () => undefined;
    if (stretch === undefined) {
      cursor = await compareChunk(pair, table, { compare, tallies, cursor, rows: CHUNK_ROWS });
    } else {
      const theirs = pair.target.digest(table.id, stretch.keys);
      theirs.catch(() => undefined); // it is awaited when the next one of SQLite is there
      const start = cursor;
      settle = async () => {
        if ((await theirs) === stretch.digest) tallies.get(table.id)?.equal(stretch.rows);
        else await compareChunk(pair, table, { compare, tallies, cursor: start, rows: stretch.rows });
      };
      cursor = stretch.cursor;
      rows = Math.max(1, Math.min(MOST_ROWS, rows * 4, Math.round((rows * STRETCH_BYTES) / Math.max(1, stretch.bytes))));
    }
  } while (cursor !== null && stands());
  await settle();
  return cursor;
}

type Rest = { readonly compare: Comparer; readonly tallies: Tallies; readonly cursor: string | null; readonly rows: number };

/** Compares `rows` rows behind `cursor` value by value. */
async function compareChunk(pair: StatePair, table: TablePlan, { compare, tallies, cursor, rows }: Rest): Promise<string | null> {
  let at = cursor;
  for (let left = rows; left > 0; ) {
    const chunk = pair.source.chunk(table.id, at, Math.min(left, CHUNK_ROWS));
    await compareRows(pair.target, table, compare, chunk, tallies);
    left -= CHUNK_ROWS;
    at = chunk.cursor;
    if (at === null) break;
  }
  return at;
}

/** Compares only the rows marked after `after`: what a check inside a switch costs is what changed, not what exists. */
export async function verifyMarked(pair: StatePair, plan: Plan, marked: Rows, signal: AbortSignal): Promise<Verified> {
  const tallies = new Map(plan.tables.map(table => [table.id, tally(table)]));
  await compareMarked(pair, plan.tables, marked, tallies, signal);
  return verified(pair.source.position, tallies);
}

type Tallies = ReadonlyMap<number, Tally>;

async function compareMarked(
  pair: StatePair,
  plans: readonly TablePlan[],
  marked: Rows,
  tallies: Tallies,
  signal: AbortSignal,
): Promise<void> {
  const tables = new Map(plans.map(table => [table.id, { table, compare: comparer(table) }]));
  for await (const slice of marked.slices()) {
    signal.throwIfAborted();
    const known = tables.get(slice.table);
    if (known === undefined) continue;
    await compareRows(pair.target, known.table, known.compare, slice, tallies);
    tallies.get(slice.table)?.vanished(slice.vanished ?? []);
    if (slice.gone.length === 0) continue;
    tallies.get(slice.table)?.put(slice.gone, known.compare.gone(await pair.target.rows(slice.table, slice.gone)));
  }
}

async function compareRows(
  target: TargetState,
  table: TablePlan,
  compare: Comparer,
  read: Pick<ReturnType<SourceState['chunk']>, 'rows' | 'misfits'>,
  tallies: Tallies,
): Promise<void> {
  const tally = tallies.get(table.id);
  if (tally === undefined || (read.rows.length === 0 && read.misfits.length === 0)) return;
  const keys = read.rows.map(compare.keyOf);
  const found = compare.rows(read.rows, await target.rows(table.id, keys));
  const missing = found.some(difference => difference.kind === 'missing') || read.misfits.length > 0;
  const quarantined = missing ? await target.quarantined(table.id) : NONE;
  tally.put(
    keys,
    found.filter(difference => difference.kind !== 'missing' || !quarantined.has(difference.key)),
  );
  const older = await target.rows(
    table.id,
    read.misfits.flatMap(misfit => (misfit.target === undefined ? [] : [misfit.target])),
  );
  tally.misfits(read.misfits, new Set(older.map(row => keyName(table, compare.keyOf(row)))), quarantined);
}

const NONE: ReadonlySet<string> = new Set();

async function compareCounts(pair: StatePair, table: TablePlan, tallies: Tallies): Promise<void> {
  const tally = tallies.get(table.id);
  if (tally === undefined) return;
  const sourceRows = pair.source.count(table.id);
  const targetRows = await pair.target.count(table.id);
  const quarantined = (await pair.target.quarantined(table.id)).size;
  tally.counts({ sourceRows, targetRows, quarantined });
  if (targetRows === sourceRows - quarantined - tally.missing) return;
  const compare = comparer(table);
  let after: Awaited<ReturnType<TargetState['keys']>>[number] | null = null;
  do {
    const keys: Awaited<ReturnType<TargetState['keys']>> = await pair.target.keys(table.id, after, CHUNK_ROWS);
    const absent = pair.source.absent(table.id, keys);
    tally.put(absent, compare.extra(absent));
    after = keys.at(-1) ?? null;
  } while (after !== null);
}

function verified(position: Mark, tallies: Tallies): Verified {
  const all = [...tallies.values()];
  const tables = all.map(tally => tally.result());
  return {
    ok: tables.every(table => table.differences === 0),
    position,
    tables,
    differences: all.flatMap(tally => tally.differences()),
  };
}

/** Lets both sides go. */
export async function closePair(pair: StatePair): Promise<void> {
  pair.source.close();
  await pair.target.close();
}
