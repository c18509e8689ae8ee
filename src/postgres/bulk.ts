/*
 * A batch of any size and content: every touched key is deleted, then every row copied.
 *
 * (1) All deletions come before all insertions. The end state is a legal SQLite state, so with every touched key out of the way no
 *     two rows can clash, and what Postgres refuses now it refuses for what it is.
 * (2) A row that Postgres refuses is left out and quarantined; the batch goes on without it [G4].
 */
import type { Misfit, PgKey, Rows, Slice } from '../change/change.ts';
import type { Plan } from '../plan/plan.ts';
import { copyFitting } from './copy.ts';
import type { Session } from './open.ts';
import { enforce, lift, type QuarantinePolicy } from './policy.ts';
import { put, removal, removeAll } from './quarantine.ts';
import type { Standing } from './small.ts';
import { absences, deletion, keyOf, type Table, type Tables, tableIn } from './writes.ts';

export type Bulk = { readonly session: Session; readonly plan: Plan; readonly tables: Tables; readonly policy: QuarantinePolicy };

/** What went into quarantine, table by table. */
export type Refusals = readonly (readonly [Table, readonly Misfit[]])[];

/**
 * Writes the rows inside the open transaction. `quarantined`: there were rows in quarantine before. Rows of suspended tables are
 * left out, unless the table comes whole. Throws as `enforce` does.
 */
export async function writeBulk(bulk: Bulk, rows: Rows, { quarantined, suspended }: Omit<Standing, 'mark'>): Promise<Refusals> {
  const replaced = new Set(rows.replaced);
  const out = new Set(suspended.filter(id => !replaced.has(id)));
  await lift(
    bulk.session,
    suspended.filter(id => replaced.has(id)),
  );
  await empty(bulk, rows.replaced);
  for await (const slice of rows.slices()) {
    if (out.has(slice.table)) continue;
    const table = tableIn(bulk.tables, slice.table);
    if (!replaced.has(slice.table)) await deleteKeys(bulk, table, [...absences(slice), ...slice.rows.map(row => keyOf(table.plan, row))]);
  }
  const refusals: [Table, readonly Misfit[]][] = [];
  for await (const slice of rows.slices()) {
    if (out.has(slice.table)) continue;
    const table = tableIn(bulk.tables, slice.table);
    const refused = await copyFitting(bulk.session, bulk.plan, table.plan, slice.rows);
    const misfits = await settle(bulk.session, table, slice, { refused, quarantined });
    if (misfits.length === 0) continue;
    await enforce(bulk.session, table.plan, bulk.policy);
    refusals.push([table, misfits]);
  }
  return refusals;
}

/** DELETE, not TRUNCATE: a reader with an older snapshot would see the table empty [G3]. */
async function empty({ session, tables }: Bulk, ids: readonly number[]): Promise<void> {
  for (const id of ids) {
    await session.query({ text: `delete from ${tableIn(tables, id).name}`, limitMs: EMPTY_MS });
    await removeAll(session, id);
  }
}

const EMPTY_MS = 60 * 60_000;

async function deleteKeys({ session }: Bulk, table: Table, keys: readonly PgKey[]): Promise<void> {
  if (keys.length > 0) await session.roundTrip([deletion(table, keys)]);
}

/** Rows that fit, or are gone, leave quarantine; misfits and what Postgres refused enter it. */
async function settle(
  session: Session,
  { plan }: Table,
  slice: Slice,
  { refused, quarantined }: { readonly refused: readonly Misfit[]; readonly quarantined: boolean },
): Promise<readonly Misfit[]> {
  if (quarantined) await session.roundTrip([removal(plan, slice)]);
  const misfits = [...slice.misfits, ...refused];
  await put(session, plan, misfits);
  return misfits;
}
