/*
 * A batch of any size and content: every touched key is deleted, then every row copied.
 *
 * (1) All deletions come before all insertions. The end state is a legal SQLite state, so with every touched key out of the way no
 *     two rows can clash, and what Postgres refuses now it refuses for what it is.
 * (2) What the application keeps in columns of its own, beside SQLite's, survives (keep.ts).
 * (3) A row that Postgres refuses is left out and quarantined; the batch goes on without it [G4].
 * (4) Postgres works on one portion while the next one is read from the spool; memory is bounded by two portions.
 */
import type { Misfit, PgKey, Rows, Slice } from '../../change/change.ts';
import { charsIn } from '../../change/chars.ts';
import { keyOf, type Plan } from '../../plan/plan.ts';
import type { Session } from '../session/open.ts';
import { copyFitting } from './copy.ts';
import { type Kept, keepAll, keepKeys, restore } from './keep.ts';
import { enforce, lift, type QuarantinePolicy } from './policy.ts';
import { put, removals, removeAll } from './quarantine.ts';
import type { TargetStanding } from './small.ts';
import { absences, deletion, type Table, type Tables, tableIn } from './writes.ts';

export type Bulk = { readonly session: Session; readonly plan: Plan; readonly tables: Tables; readonly policy: QuarantinePolicy };

/** What went into quarantine, table by table. */
export type Refusals = readonly (readonly [Table, readonly Misfit[]])[];

/**
 * Writes the rows inside the open transaction. `quarantined`: there were rows in quarantine before. Rows of suspended tables are
 * left out, unless the table comes whole. Throws as `enforce` does.
 */
export async function writeBulk(bulk: Bulk, rows: Rows, { quarantined, suspended }: Omit<TargetStanding, 'mark'>): Promise<Refusals> {
  const replaced = new Set(rows.replaced);
  const out = new Set(suspended.filter(id => !replaced.has(id)));
  await lift(
    bulk.session,
    suspended.filter(id => replaced.has(id)),
  );
  const kept: Kept = new Set();
  await empty(bulk, rows.replaced, kept);
  const portions = () => joined(rows.slices(), slice => !out.has(slice.table));
  await overlapped(portions(), async slice => {
    const table = tableIn(bulk.tables, slice.table);
    const touched = (): PgKey[] => [...absences(slice), ...slice.rows.map(row => keyOf(table.plan, row))];
    if (!replaced.has(slice.table)) await deleteKeys(bulk, table, touched(), kept);
  });
  const refusals: [Table, readonly Misfit[]][] = [];
  await overlapped(portions(), async slice => {
    const table = tableIn(bulk.tables, slice.table);
    const refused = await copyFitting(bulk.session, bulk.plan, table.plan, slice.rows);
    const misfits = await settle(bulk.session, table, slice, { refused, quarantined });
    if (misfits.length === 0) return;
    await enforce(bulk.session, table.plan, bulk.policy, misfits);
    refusals.push([table, misfits]);
  });
  for (const table of bulk.tables.values()) await restore(bulk.session, table, kept);
  return refusals;
}

/** A round trip for each thousand rows would cost more than the rows. */
const PORTION_ROWS = 10_000;
const PORTION_CHARS = 8_000_000;

/** The wanted slices, those of one table that follow each other joined. */
async function* joined(slices: ReturnType<Rows['slices']>, wanted: (slice: Slice) => boolean): AsyncGenerator<Slice> {
  let parts: Slice[] = [];
  let size = 0;
  let chars = 0;
  for await (const slice of slices) {
    if (!wanted(slice)) continue;
    const [first] = parts;
    if (first !== undefined && (first.table !== slice.table || size >= PORTION_ROWS || chars >= PORTION_CHARS)) {
      yield join(first, parts);
      parts = [];
      size = 0;
      chars = 0;
    }
    parts.push(slice);
    size += slice.rows.length + slice.gone.length;
    chars += charsIn(slice.rows);
  }
  const [first] = parts;
  if (first !== undefined) yield join(first, parts);
}

const join = ({ table }: Slice, parts: readonly Slice[]): Slice => ({
  table,
  rows: parts.flatMap(({ rows }) => rows),
  gone: parts.flatMap(({ gone }) => gone),
  misfits: parts.flatMap(({ misfits }) => misfits),
  vanished: parts.flatMap(({ vanished = [] }) => vanished),
});

/** Works on one item at a time, while the next one is made. */
async function overlapped<T>(items: AsyncIterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  let under = Promise.resolve();
  try {
    for await (const item of items) {
      await under;
      under = work(item);
      under.catch(() => undefined); // it is awaited when the next item is there
    }
  } finally {
    await under;
  }
}

/** DELETE, not TRUNCATE: a reader with an older snapshot would see the table empty [G3]. */
async function empty({ session, tables }: Bulk, ids: readonly number[], kept: Kept): Promise<void> {
  for (const id of ids) {
    await keepAll(session, tableIn(tables, id), kept);
    await session.query({ text: `delete from ${tableIn(tables, id).name}`, limitMs: EMPTY_MS });
    await removeAll(session, id);
  }
}

const EMPTY_MS = 60 * 60_000;

async function deleteKeys({ session }: Bulk, table: Table, keys: readonly PgKey[], kept: Kept): Promise<void> {
  if (keys.length === 0) return;
  const step = deletion(table, keys);
  await keepKeys(session, table, kept, step.values);
  await session.roundTrip([step]);
}

/** Rows that fit, or are gone, leave quarantine; misfits and what Postgres refused enter it. */
async function settle(
  session: Session,
  { plan }: Table,
  slice: Slice,
  { refused, quarantined }: { readonly refused: readonly Misfit[]; readonly quarantined: boolean },
): Promise<readonly Misfit[]> {
  if (quarantined) await session.roundTrip(removals(plan, slice));
  const misfits = [...slice.misfits, ...refused];
  await put(session, plan, misfits);
  return misfits;
}
