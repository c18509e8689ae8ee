/*
 * The log of what was done here. It lives beside the data; every line says when, who on which machine, in which role, with which
 * version, and with which positions. No row value is in it.
 */
import { actor } from '../../change/actor.ts';
import { VERSION } from '../../change/version.ts';
import type { Session } from '../session/open.ts';

/** The columns of a line that are the same for every event, as an SQL list; its parameters are `signature`, from number `first` on. */
export const signed = (first: number, detail: string): string =>
  `coalesce(${detail}, '{}') || jsonb_build_object('version', $${first}::text, 'role', current_user), $${first + 1}`;

export const signature = (by = actor()): readonly string[] => [VERSION, by];

const INSERT = /* sql */ `insert into attacca.audit (event, detail, by) values ($1, ${signed(3, '$2::jsonb')})`;

/** Adds a line. `by`: who asked for it; absent: this process did it by itself. */
export async function audit(session: Session, event: string, detail: Readonly<Record<string, unknown>> = {}, by = actor()): Promise<void> {
  await session.query(INSERT, [event, JSON.stringify(detail), ...signature(by)]);
}

const EXISTS = /* sql */ `select to_regclass('attacca.audit') is not null as there`;

/** Whether there is a log: it comes and goes with the installation. */
export const hasAudit = async (session: Session): Promise<boolean> => (await session.query(EXISTS)).rows[0]?.there === 't';

const TIMELINE = /* sql */ `select at, event, by from (select * from attacca.audit order by id desc limit $1) newest order by id`;

/** The newest lines of the log, oldest first. */
export async function readAudit(session: Session, lines: number): Promise<{ at: string; event: string; by: string }[]> {
  const { rows } = await session.query(TIMELINE, [lines]);
  return rows.map(row => ({ at: new Date(row.at ?? '').toISOString(), event: row.event ?? '', by: row.by ?? '' }));
}

const PAUSES = /* sql */ `
  select distinct on (event) split_part(event, ' ', 1) as direction, detail ->> 'pauseMs' as ms from attacca.audit
  where event in ('cutover done', 'rollback done') order by event, id desc`;

/** How long the last switch in each direction held the writers, in ms. */
export async function lastPauses(session: Session): Promise<{ cutover?: number; rollback?: number }> {
  const { rows } = await session.query(PAUSES);
  return Object.fromEntries(rows.flatMap(({ direction, ms }) => (direction == null || ms == null ? [] : [[direction, Number(ms)]])));
}

export type Entry = {
  readonly id: string;
  readonly at: string;
  readonly event: string;
  readonly by: string;
  readonly version: string | null;
  readonly role: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
};

const ALL = /* sql */ `
  select id, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, event, by,
    detail ->> 'version' as version, detail ->> 'role' as role, coalesce(detail, '{}') - 'version' - 'role' as detail
  from attacca.audit order by id`;

/** The whole log, oldest first. */
export async function readWholeAudit(session: Session): Promise<Entry[]> {
  const { rows } = await session.query(ALL);
  return rows.map(row => ({
    id: row.id ?? '',
    at: row.at ?? '',
    event: row.event ?? '',
    by: row.by ?? '',
    version: row.version ?? null,
    role: row.role ?? null,
    detail: JSON.parse(row.detail ?? '{}'),
  }));
}
