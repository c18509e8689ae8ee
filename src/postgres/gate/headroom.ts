/* How near the server is to its limits, how far its clock is from ours, and who holds up the lock of a rollback [G9]. */
import type { Blocker } from '../../change/errors.ts';
import { type Plan, targetsOf } from '../../plan/plan.ts';
import type { Session } from '../session/open.ts';
import { slotState } from '../wal/slot.ts';

/** A slot that may keep less than this is lost in the first moment in which the mirror does not keep up. */
const LEAST_KEPT_MB = 64;

const LIMITS = /* sql */ `
  select (select setting from pg_settings where name = 'max_slot_wal_keep_size') as kept,
    current_setting('max_wal_senders')::int - (select count(*) from pg_stat_replication) as senders, current_setting('max_wal_senders') as most`;

/** Limits that would end the mirror soon after a cutover. */
export async function tightLimits(session: Session): Promise<Blocker[]> {
  const { kept, senders, most } = (await session.query(LIMITS)).rows[0] ?? {};
  const found: Blocker[] = [];
  if (Number(senders) < 1)
    found.push({
      code: 'postgres-no-sender',
      reason: `all ${most} WAL senders are in use: the mirror could not read its slot`,
      remedy: 'raise max_wal_senders, or stop a standby or reader that nobody needs',
    });
  if (kept != null && Number(kept) >= 0 && Number(kept) < LEAST_KEPT_MB)
    found.push({
      code: 'slot-limit',
      reason: `max_slot_wal_keep_size is ${kept} MB: Postgres would give the slot of the mirror up almost at once`,
      remedy: `raise it to ${LEAST_KEPT_MB} MB or more (alter system set max_slot_wal_keep_size = '4GB'; select pg_reload_conf())`,
    });
  return found;
}

/** The slot that the mirror reads is gone, or will be soon. */
export async function failingSlot(session: Session, slot: string | null): Promise<Blocker[]> {
  const { exists, walStatus } = slot === null ? { exists: false, walStatus: null } : await slotState(session, slot);
  if (exists && walStatus !== 'lost' && walStatus !== 'unreserved') return [];
  const reason = exists ? `the replication slot of the mirror is ${walStatus}` : 'the mirror has no replication slot';
  return [{ code: 'slot', reason, remedy: 'run `attacca resync`: it makes a new slot and copies the mirror anew' }];
}

const CLOCK = /* sql */ `select extract(epoch from clock_timestamp()) * 1000 as ms`;

/** How far the server's clock is ahead of `now`, in ms; the way there and back is not counted against it. */
export async function clockSkew(session: Session, now: () => number): Promise<number> {
  const before = now();
  const { rows } = await session.query(CLOCK);
  const after = now();
  const there = Number(rows[0]?.ms);
  if (there > after) return there - after;
  return there < before ? there - before : 0;
}

/** Modes that LOCK … IN SHARE ROW EXCLUSIVE MODE waits for. */
const IN_THE_WAY = /* sql */ `
  select l.pid, c.relname as "table", a.usename as role, a.application_name as application, v.pid is not null as vacuum,
    round(extract(epoch from clock_timestamp() - a.xact_start) * 1000) as ms, p.gid
  from pg_locks l
  join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
  left join pg_stat_activity a on a.pid = l.pid
  left join pg_stat_progress_vacuum v on v.pid = l.pid
  left join pg_locks x on l.pid is null and x.pid is null and x.locktype = 'transactionid' and x.virtualtransaction = l.virtualtransaction
  left join pg_prepared_xacts p on p.transaction = x.transactionid
  where l.locktype = 'relation' and l.granted and n.nspname = $1 and c.relname = any($2) and l.pid is distinct from pg_backend_pid()
    and l.database = (select oid from pg_database where datname = current_database())
    and l.mode not in ('AccessShareLock', 'RowShareLock')
    and (l.pid is null or clock_timestamp() - a.xact_start > make_interval(secs => $3::float8 / 1000))
  order by a.xact_start nulls first, c.relname`;

/** Transactions, prepared ones and vacuums that have held the tables for longer than `oldMs`, and would keep the lock from being had. */
export async function holders(session: Session, plan: Plan, oldMs: number): Promise<Blocker[]> {
  const { rows } = await session.query(IN_THE_WAY, [...targetsOf(plan), oldMs]);
  const seen = new Map<string, Blocker>();
  for (const { pid, table, role, application, vacuum, ms, gid } of rows) {
    if (pid === null) {
      const reason = `the prepared transaction '${gid}' holds ${table} and maybe other tables`;
      if (!seen.has(`gid ${gid}`))
        seen.set(`gid ${gid}`, { code: 'prepared-transaction', reason, remedy: `commit prepared '${gid}' or rollback prepared '${gid}'` });
      continue;
    }
    const what = vacuum === 't' ? 'a vacuum' : 'a transaction';
    const who = role === null ? '' : ` of ${role} (${application || 'unnamed'})`;
    const reason = `${what}${who}, pid ${pid}, has held ${table} for ${Math.round(Number(ms) / 1_000)} s`;
    const remedy = `wait until it ends, or select pg_terminate_backend(${pid})`;
    if (!seen.has(pid ?? '')) seen.set(pid ?? '', { code: vacuum === 't' ? 'vacuum' : 'old-transaction', reason, remedy });
  }
  return [...seen.values()];
}
