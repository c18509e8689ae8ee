/*
 * A small batch: everything in one round trip, which is its transaction. Nothing is asked first; a condition in it fails instead.
 *
 * (1) The first statement moves the checkpoint from where this batch begins to its position, and divides by zero where it does not
 *     stand there (a replay, another controller), where Postgres is primary, or where quarantine and suspensions
 *     are not what was believed. Then all of it is taken back, and bulk.ts finds out what is the matter [G2] [G8].
 * (2) Deletions come before upserts; a clash between upserts is one more reason to leave it to bulk.ts.
 * (3) The commit is asynchronous. Postgres may forget it in a crash, but then data and checkpoint both, and what comes after the
 *     checkpoint is still in the journal: that is pruned only up to what was verified, and recording a verification is a synchronous
 *     commit, which brings all earlier ones to disk first. So is every change of the phase, and the end of the pipe: nobody acts on
 *     a batch that can still be forgotten. A crash ends the session, and the next one reads the checkpoint again [G2].
 */
import type { Mark, Slice } from '../../change/change.ts';
import type { Session, Writer } from '../session/open.ts';
import type { Step } from '../session/round-trip.ts';
import { removals } from './quarantine.ts';
import { deletion, type Tables, tableIn, upsertion } from './writes.ts';

/** Where the target is believed to stand. */
export type TargetStanding = {
  readonly mark: Mark;
  /** Whether there are rows in quarantine. */
  readonly quarantined: boolean;
  /** TablePlan.id of tables that are not replicated any more. */
  readonly suspended: readonly number[];
};

const LOCAL = /* sql */ `select set_config('synchronous_commit', 'off', true), set_config('attacca.token', $1, true)`;
/** The role stays with the session until `settle`: each change of it makes Postgres plan every prepared statement anew. */
const SILENT = /* sql */ `${LOCAL}, set_config('session_replication_role', 'replica', false)`;
const ADVANCE = /* sql */ `
  with moved as (
    update attacca.control set seq = $1, nonce = $2, updated_at = now()
    where seq = $3 and seq < $1 and phase not in ('mirroring', 'finished') and phase not like '%\\_back'
      and exists (select from attacca.quarantine) = $4
      and array(select table_id from attacca.snapshot where suspended is not null order by table_id) = $5::integer[]
    returning 1)
  select 1 / count(*) from moved`;

/** The statements for a batch of rows that all fit. */
export function smallSteps(
  { tables, writer }: { readonly tables: Tables; readonly writer: Writer },
  position: Mark,
  slices: readonly Slice[],
  { mark, quarantined, suspended }: TargetStanding,
): Step[] {
  const moved = [position.seq, position.nonce, mark.seq, quarantined, `{${suspended}}`].map(String);
  const deletions = slices.filter(({ gone }) => gone.length > 0).map(({ table, gone }) => deletion(tableIn(tables, table), gone));
  const upserts = slices.filter(({ rows }) => rows.length > 0).map(({ table, rows }) => upsertion(tableIn(tables, table), rows));
  const settled = quarantined ? slices.flatMap(slice => removals(tableIn(tables, slice.table).plan, slice)) : [];
  return [
    { text: writer.replicaRole ? SILENT : LOCAL, values: [writer.token] },
    { text: ADVANCE, values: moved },
    ...deletions,
    ...upserts,
    ...settled,
  ];
}

/** Brings everything that was applied on this session to disk, and leaves the session as it was before. */
export async function settle(session: Session, { replicaRole }: Writer): Promise<void> {
  const durable = { text: /* sql */ `update attacca.control set updated_at = now()`, values: [] };
  const role = { text: /* sql */ `reset session_replication_role`, values: [] };
  await session.roundTrip(replicaRole ? [durable, role] : [durable]);
}
