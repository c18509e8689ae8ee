/* The cutover that is to begin by itself. By the server's clock, since it is kept there and outlives the daemon. */
import type { Session } from './open.ts';

export type Scheduled = {
  /** ISO 8601 in UTC. */
  readonly at: string;
  readonly maxPauseMs: number | null;
  /** Who asked for it. */
  readonly by: string;
  /** Negative: it should have begun so long ago. */
  readonly dueInMs: number;
};

const READ = /* sql */ `
  select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at, max_pause_ms, by, extract(epoch from at - clock_timestamp()) * 1000 as due
  from attacca.scheduled`;

/** undefined where none is scheduled. */
export async function readScheduled(session: Session): Promise<Scheduled | undefined> {
  const row = (await session.query(READ)).rows[0];
  if (row === undefined) return undefined;
  const maxPauseMs = row.max_pause_ms == null ? null : Number(row.max_pause_ms);
  return { at: row.at ?? '', maxPauseMs, by: row.by ?? '', dueInMs: Number(row.due) };
}

const SET = /* sql */ `
  insert into attacca.scheduled (id, at, max_pause_ms, by) values (1, $1::timestamptz, $2::integer, $3)
  on conflict (id) do update set at = excluded.at, max_pause_ms = excluded.max_pause_ms, by = excluded.by`;

/** Replaces the one that is there. */
export async function schedule(session: Session, { at, maxPauseMs, by }: Omit<Scheduled, 'dueInMs'>): Promise<void> {
  await session.query(SET, [at, maxPauseMs, by]);
}

/** False if there was none. */
export async function unschedule(session: Session): Promise<boolean> {
  return (await session.query(/* sql */ `delete from attacca.scheduled`)).rowCount === 1;
}
