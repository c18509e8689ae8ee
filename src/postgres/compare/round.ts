/*
 * A comparison of everything that is under way, kept beside the data, so that one that was interrupted goes on where it was. A place
 * is what verify/walk.ts makes of it; here it is JSON.
 */
import { hash } from 'node:crypto';
import type { Seq } from '../../change/change.ts';
import { FORM } from '../../plan/in-sql/digest.ts';
import type { Plan } from '../../plan/plan.ts';
import type { Session } from '../session/open.ts';

/** What a round belongs to: with another plan, or after a switch, it says nothing any more. Nor with digests of another form. */
export type RoundOf = { readonly plan: Plan; readonly epoch: bigint };

export type StoredRound = {
  readonly start: Seq;
  readonly startedAt: string;
  /** By TablePlan.id. */
  readonly places: ReadonlyMap<number, unknown>;
};

const SAVE = /* sql */ `
  insert into attacca.round (id, plan, epoch, start, started_at, places) values (1, $1, $2, $3, $4, $5)
  on conflict (id) do update set plan = $1, epoch = $2, start = $3, started_at = $4, places = $5`;
const READ = /* sql */ `
  select start, started_at, places from attacca.round where plan = $1 and epoch = $2 and started_at > now() - interval '1 day'`;

const planOf = ({ plan }: RoundOf): string => hash('sha256', JSON.stringify([FORM, plan]));

export async function saveRound(session: Session, of: RoundOf, { start, startedAt, places }: StoredRound): Promise<void> {
  await session.query(SAVE, [planOf(of), of.epoch, start, startedAt, JSON.stringify([...places])]);
}

/** undefined where there is none to go on with. One of yesterday is none: it would call equal what nobody has looked at since. */
export async function readRound(session: Session, of: RoundOf): Promise<StoredRound | undefined> {
  const row = (await session.query(READ, [planOf(of), of.epoch])).rows[0];
  if (row?.start == null) return undefined;
  return {
    start: BigInt(row.start) as Seq,
    startedAt: new Date(row.started_at ?? '').toISOString(),
    places: new Map(JSON.parse(row.places ?? '[]') as [number, unknown][]),
  };
}

export async function endRound(session: Session): Promise<void> {
  await session.query(/* sql */ `delete from attacca.round`);
}
