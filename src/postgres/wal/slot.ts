/*
 * What the way back needs inside Postgres: a publication, a slot, and the watermark.
 *
 * (1) Publication first, then slot: a slot can never use a publication that was made after it.
 * (2) Everything here can be run again: what exists is brought to the wanted state, what is gone stays gone.
 * (3) A slot that nobody reads keeps all WAL from its place on: whoever makes one watches `retainedBytes` and `walStatus`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Lsn } from '../../change/change.ts';
import { ReplicationError } from '../../change/errors.ts';
import { parseLsn } from '../../change/lsn.ts';
import { quote } from '../../change/quote.ts';
import { type Plan, tableName } from '../../plan/plan.ts';
import { PostgresError } from '../session/errors.ts';
import type { Session } from '../session/open.ts';

export type SlotState = {
  readonly exists: boolean;
  /** Somebody reads it right now. */
  readonly active: boolean;
  /** What commits at or before it was acknowledged, and never comes again. */
  readonly confirmedFlush: Lsn | null;
  /** 'reserved' and 'extended' are healthy; 'unreserved' may be lost soon, 'lost' is lost. */
  readonly walStatus: string | null;
  /** WAL that Postgres keeps on its disk for this slot. */
  readonly retainedBytes: bigint;
  /** How much more may be written before Postgres gives the slot up (max_slot_wal_keep_size); null: as much as the disk holds. */
  readonly safeBytes: bigint | null;
};

const SLOT_MS = 30_000;
const DROP_MS = 10_000;
const POLL_MS = 50;

const PUBLICATION = /* sql */ `select 1 from pg_publication where pubname = $1`;
const PUBLISHES = `publish = 'insert, update, delete, truncate', publish_via_partition_root = true`;

/** Makes or corrects the publication: exactly the plan's tables and the watermark, every kind of change. */
export async function createPublication(session: Session, plan: Plan, name: string): Promise<void> {
  const tables = plan.tables.map(table => tableName(plan, table));
  const list = [...tables, 'attacca.watermark'].join(', ');
  const { rowCount } = await session.query(PUBLICATION, [name]);
  if (rowCount === 0) {
    await session.query(`create publication ${quote(name)} for table ${list} with (${PUBLISHES})`);
    return;
  }
  await session.query(`alter publication ${quote(name)} set table ${list}`);
  await session.query(`alter publication ${quote(name)} set (${PUBLISHES})`);
}

export async function dropPublication(session: Session, name: string): Promise<void> {
  await session.query(`drop publication if exists ${quote(name)}`);
}

const CREATE = /* sql */ `select lsn from pg_create_logical_replication_slot($1, 'pgoutput')`;
const EXISTING = /* sql */ `
  select confirmed_flush_lsn as lsn, plugin = 'pgoutput' and database = current_database() and wal_status is distinct from 'lost' as usable
  from pg_replication_slots where slot_name = $1`;

/**
 * Makes the slot, or finds the one that exists; the position is where it stands. Postgres first waits for every transaction that
 * was writing in any database of the server: throws ReplicationError('retry') that names the oldest one after `limitMs`.
 */
export async function createSlot(session: Session, name: string, limitMs: number = SLOT_MS): Promise<Lsn> {
  const { rows } = await session.query(EXISTING, [name]);
  if (rows[0] !== undefined && rows[0].usable !== 't')
    throw new ReplicationError('halt', `the replication slot ${name} exists, but is lost or of another kind`, {
      hint: `drop it (select pg_drop_replication_slot('${name}')) if nothing else needs it, then run the command again`,
    });
  return parseLsn(rows[0]?.lsn ?? (await create(session, name, limitMs)));
}

/** It waits on locks of transactions: `limitMs` must end that, and no shorter limit of the session, for then it is said whose they are. */
const LIMITS = /* sql */ `select current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement`;
const LIMIT = /* sql */ `select set_config('lock_timeout', $1, false), set_config('statement_timeout', $2, false)`;

async function create(session: Session, name: string, limitMs: number): Promise<string> {
  const usual = (await session.query(LIMITS)).rows[0];
  await session.query(LIMIT, ['0', String(Math.trunc(limitMs))]);
  try {
    const { rows } = await session.query({ text: CREATE, limitMs: limitMs + DROP_MS }, [name]);
    return rows[0]?.lsn ?? '';
  } catch (error) {
    if (error instanceof PostgresError && error.sqlstate === '57014') throw await heldUp(session, error);
    throw error;
  } finally {
    await session.query(LIMIT, [usual?.lock, usual?.statement]);
  }
}

const WRITERS = /* sql */ `
  select * from (
    select 'the session with pid ' || pid || ' of "' || usename || '" in database "' || datname || '"' as who, xact_start as since,
           'end it, or run select pg_terminate_backend(' || pid || ')' as remedy
    from pg_stat_activity where backend_xid is not null and pid <> pg_backend_pid()
    union all
    select 'the prepared transaction "' || gid || '" in database "' || database || '"', prepared, 'commit it or roll it back'
    from pg_prepared_xacts) writer
  order by since limit 1`;

/** Who keeps a slot from being made, as an error to try again. */
export async function heldUp(session: Session, cause: unknown): Promise<ReplicationError> {
  const { rows } = await session.query(WRITERS);
  const { who, since, remedy } = rows[0] ?? { who: 'a transaction that has ended by now', since: null, remedy: 'run the command again' };
  const message = `making the replication slot waits for ${who}${since === null ? '' : `, open since ${since}`}`;
  return new ReplicationError('retry', message, { hint: remedy ?? '', cause });
}

const TERMINATE = /* sql */ `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active_pid is not null`;
const DROP = /* sql */ `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1`;

/** Drops the slot, and ends the connection that reads it. Throws ReplicationError('retry') when that one does not let go. */
export async function dropSlot(session: Session, name: string): Promise<void> {
  for (const deadline = performance.now() + DROP_MS; ; await delay(POLL_MS)) {
    await session.query(TERMINATE, [name]);
    try {
      await session.query(DROP, [name]);
      return;
    } catch (error) {
      const inUse = error instanceof PostgresError && error.sqlstate === '55006';
      if (!inUse || performance.now() > deadline) throw error;
    }
  }
}

const STATE = /* sql */ `
  select active, confirmed_flush_lsn as flush, wal_status as status, safe_wal_size as safe,
         coalesce(pg_current_wal_lsn() - restart_lsn, 0)::bigint as retained
  from pg_replication_slots where slot_name = $1`;

export async function slotState(session: Session, name: string): Promise<SlotState> {
  const { rows } = await session.query(STATE, [name]);
  const [row] = rows;
  return {
    exists: row !== undefined,
    active: row?.active === 't',
    confirmedFlush: row?.flush == null ? null : parseLsn(row.flush),
    walStatus: row?.status ?? null,
    retainedBytes: BigInt(row?.retained ?? 0),
    safeBytes: row?.safe == null ? null : BigInt(row.safe),
  };
}

const WATERMARK = /* sql */ `insert into attacca.watermark (token, at) values ($1, now()) on conflict (token) do update set at = now()`;
const ONLY = /* sql */ `with older as (delete from attacca.watermark where token <> $1) ${WATERMARK}`;

/** Writes a token into the stream as part of the session's own transaction: decoded, it shows that everything before it is there. */
export async function insertWatermark(session: Session, token: string): Promise<void> {
  await session.query(WATERMARK, [token]);
}

/** Writes a token into the stream, durably, and forgets the others: whoever decodes it has everything that was committed before. */
export async function writeWatermark(session: Session, token: string): Promise<void> {
  await session.query(ONLY, [token]);
}
