/*
 * The cutover that is to begin by itself. By the server's clock, since it is kept there and outlives the daemon.
 *
 * (1) An approval is a part of the row, and names the moment at which that row was asked for: it never holds for another one.
 * (2) It is taken by the version of the row that was read: one that was called off or replaced meanwhile does not begin.
 */

import type { Session } from '../session/open.ts';
import { signature, signed } from './audit.ts';

export type Scheduled = {
  /** Not before; ISO 8601 in UTC. */
  readonly at: string;
  readonly maxPauseMs: number | null;
  /** Who asked for it. */
  readonly by: string;
  /** null: it needs none. */
  readonly approval: { readonly askedAt: string; readonly approvedBy: string | null } | null;
  /** Negative: it should have begun so long ago. Infinite while it waits for approval. */
  readonly dueInMs: number;
  /** Of the row: another one after each change. */
  readonly version: string;
};

const READ = /* sql */ `
  select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at, max_pause_ms, by, xmin::text as version,
    to_char(asked_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as asked_at, approved_by, on_approval::text, case
      when on_approval and approved_by is null then 'infinity'
      else extract(epoch from at - clock_timestamp())::float8 * 1000
    end as due
  from attacca.scheduled`;

/** undefined where none is scheduled. */
export async function readScheduled(session: Session): Promise<Scheduled | undefined> {
  const row = (await session.query(READ)).rows[0];
  if (row === undefined) return undefined;
  return {
    at: row.at ?? '',
    maxPauseMs: row.max_pause_ms == null ? null : Number(row.max_pause_ms),
    by: row.by ?? '',
    approval: row.on_approval === 'true' ? { askedAt: row.asked_at ?? '', approvedBy: row.approved_by ?? null } : null,
    dueInMs: Number(row.due),
    version: row.version ?? '',
  };
}

const SET = /* sql */ `
  insert into attacca.scheduled (id, at, max_pause_ms, by, on_approval, asked_at, approved_by)
  values (1, coalesce($1::timestamptz, now()), $2::integer, $3, $4::boolean, coalesce($5::timestamptz, now()), $6)
  on conflict (id)`;
const REPLACE = /* sql */ `do update set at = excluded.at, max_pause_ms = excluded.max_pause_ms, by = excluded.by,
  on_approval = excluded.on_approval, asked_at = excluded.asked_at, approved_by = excluded.approved_by`;

/** `at`: null is now. */
export type Wanted = Pick<Scheduled, 'maxPauseMs' | 'by'> & { readonly at: string | null; readonly onApproval: boolean };

/** Replaces the one that is there, with its approval. */
export async function schedule(session: Session, { at, maxPauseMs, by, onApproval }: Wanted): Promise<void> {
  await session.query(`${SET} ${REPLACE}`, [at, maxPauseMs, by, onApproval, null, null]);
}

const APPROVE = /* sql */ `
  with approved as (
    update attacca.scheduled set at = greatest(at, now()), approved_by = coalesce(approved_by, $3)
    where on_approval and asked_at = $1::timestamptz returning *
  )
  insert into attacca.audit (event, detail, by)
  select 'cutover approved', ${signed(2, `jsonb_build_object('askedBy', by, 'at', at)`)} from approved`;

/** Approves the one that was asked for at that moment, with a line in the log. False if it is not there any more. */
export async function keepApproval(session: Session, askedAt: string, by: string): Promise<boolean> {
  return (await session.query(APPROVE, [askedAt, ...signature(by)])).rowCount === 1;
}

/** Takes it off the schedule. False if it was called off, replaced or approved since it was read. */
export async function take(session: Session, { version }: Scheduled): Promise<boolean> {
  return (await session.query(/* sql */ `delete from attacca.scheduled where xmin::text = $1`, [version])).rowCount === 1;
}

/** Undoes `take`, unless another one was scheduled meanwhile. */
export async function putBack(session: Session, { at, maxPauseMs, by, approval }: Scheduled): Promise<void> {
  const { askedAt, approvedBy } = approval ?? { askedAt: null, approvedBy: null };
  await session.query(`${SET} do nothing`, [at, maxPauseMs, by, approval !== null, askedAt, approvedBy]);
}

/** False if there was none. */
export async function unschedule(session: Session): Promise<boolean> {
  return (await session.query(/* sql */ `delete from attacca.scheduled`)).rowCount === 1;
}
