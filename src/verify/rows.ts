/* Rows looked up on both sides at one common state, and compared value by value. */
import type { Rows, Slice } from '../change/change.ts';
import type { SourceState, TargetState } from '../change/ports.ts';
import { keyName } from '../plan/codec.ts';
import { keyOf, type TablePlan } from '../plan/plan.ts';
import { type Comparer, comparer, type Primary } from './compare.ts';
import { type Digests, type Tally, tally } from './tally.ts';

/** Both sides at one common state. `returned`: SQLite is primary again, and Postgres has been in between. */
export type StatePair = {
  readonly source: SourceState;
  readonly target: TargetState;
  readonly primary: Primary;
  readonly returned?: boolean;
};

/** Lets both sides go. */
export async function closePair(pair: Pick<StatePair, 'source' | 'target'>): Promise<void> {
  pair.source.close();
  await pair.target.close();
}

/** What is compared with what, and what was found so far; by TablePlan.id. */
export type Subject = { readonly table: TablePlan; readonly compare: Comparer; readonly tally: Tally };
export type Subjects = ReadonlyMap<number, Subject>;

export function subjects(tables: readonly TablePlan[], { primary, returned = false }: StatePair): Subjects {
  const signed = primary === 'sqlite' && !returned;
  return new Map(tables.map(table => [table.id, { table, compare: comparer(table, signed), tally: tally(table) }]));
}

/** Compares rows and absences that SQLite was asked for by their marks or by their names. */
export async function compareAsked(target: TargetState, all: Subjects, asked: Pick<Rows, 'slices'>, signal: AbortSignal): Promise<void> {
  for await (const slices of ofDifferentTables(asked.slices())) {
    signal.throwIfAborted();
    await Promise.all(slices.map(slice => compareSlice(target, all.get(slice.table), slice)));
  }
}

async function compareSlice(target: TargetState, subject: Subject | undefined, slice: Slice): Promise<void> {
  if (subject === undefined) return;
  subject.tally.vanished(slice.vanished ?? []); // before the rows: some may still have such a key
  const [remains] = await Promise.all([target.rows(slice.table, slice.gone), compareRows(target, subject, slice)]);
  if (slice.gone.length > 0) subject.tally.put(slice.gone, subject.compare.gone(remains));
}

const TOGETHER = 16;

/** Slices that may be asked for together: the answers of a table come in the order of its slices. */
async function* ofDifferentTables(slices: ReturnType<Rows['slices']>): AsyncGenerator<Slice[]> {
  let group: Slice[] = [];
  for await (const slice of slices) {
    if (group.length === TOGETHER || group.some(({ table }) => table === slice.table)) {
      yield group;
      group = [];
    }
    group.push(slice);
  }
  yield group;
}

/** Compares rows of SQLite with those that Postgres has for their keys. The function it gives makes one text of what each side has there. */
export async function compareRows(
  target: TargetState,
  { table, compare, tally }: Subject,
  read: Pick<ReturnType<SourceState['chunk']>, 'rows' | 'misfits'>,
): Promise<() => Digests> {
  if (read.rows.length === 0 && read.misfits.length === 0) return () => ({ source: '', target: '' });
  const keys = read.rows.map(row => keyOf(table, row));
  const theirs = await target.rows(table.id, keys);
  const found = compare.rows(read.rows, theirs);
  const missing = found.some(difference => difference.kind === 'missing') || read.misfits.length > 0;
  const quarantined = missing ? await target.quarantined(table.id) : NONE;
  const differences = found.filter(difference => difference.kind !== 'missing' || !quarantined.has(difference.key));
  tally.put(keys, differences);
  const older = await target.rows(
    table.id,
    read.misfits.flatMap(misfit => (misfit.target === undefined ? [] : [misfit.target])),
  );
  tally.misfits(read.misfits, new Set(older.map(row => keyName(table, keyOf(table, row)))), quarantined);
  return () => {
    const { source, target: there } = compare.lines(read.rows, theirs);
    return { source, target: differences.length === 0 ? source : there };
  };
}

const NONE: ReadonlySet<string> = new Set();

/** Counts both sides; if they do not agree, Postgres has rows that SQLite does not have, which are looked for `step` keys at a time. */
export async function compareCounts({ source, target }: StatePair, { table, compare, tally }: Subject, step: number): Promise<void> {
  const sourceRows = source.count(table.id);
  const targetRows = await target.count(table.id);
  const quarantined = (await target.quarantined(table.id)).size;
  tally.counts({ sourceRows, targetRows, quarantined });
  if (targetRows === sourceRows - quarantined - tally.missing) return;
  let after: Awaited<ReturnType<TargetState['keys']>>[number] | null = null;
  do {
    const keys: Awaited<ReturnType<TargetState['keys']>> = await target.keys(table.id, after, step);
    const absent = source.absent(table.id, keys);
    tally.put(absent, compare.extra(absent));
    after = keys.at(-1) ?? null;
  } while (after !== null);
}
