/*
 * What this server and this role can do. Read-only, except for a transaction that is rolled back.
 */
import type { Blocker } from '../../change/errors.ts';
import { PostgresError } from '../session/errors.ts';
import type { PgRecord, Session } from '../session/open.ts';

export type Preflight = {
  /** May silence triggers and foreign key actions (session_replication_role): tried, not guessed. */
  readonly replicaRole: boolean;
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly database: string;
  /** What keeps attacca from copying into this database. */
  readonly blockers: readonly Blocker[];
  /** What keeps it from copying the configured number of chunks at a time, where nothing else does. */
  copyBlockers(chunks: number): readonly Blocker[];
  /** What keeps a cutover from being possible: without it there is no way back [G9]. */
  readonly cutoverBlockers: readonly Blocker[];
};

const MIN_VERSION = 130000;
/** Connections at a time while it copies and shadows, and in a rollback, which has the most. */
const TO_COPY = 5;
const TO_SWITCH = 8;
/** Of those to copy: all but the ones that each take a chunk. */
const BESIDE_CHUNKS = 3;

const FACTS = /* sql */ `
  select current_setting('server_version_num') as version, r.rolsuper or r.rolreplication
      or coalesce(pg_has_role(to_regrole('rds_replication'), 'member'), false) as replication,
    to_regrole('rds_replication') is not null as amazon,
    has_database_privilege(current_database(), 'CREATE') as create_schema,
    has_database_privilege(current_database(), 'TEMPORARY') as create_temporary,
    current_setting('transaction_read_only') = 'on' and not pg_is_in_recovery() as read_only, pg_is_in_recovery() as standby,
    to_regnamespace(quote_ident($1)) is not null as has_schema,
    coalesce(has_schema_privilege(to_regnamespace(quote_ident($1))::oid, 'CREATE'), false) as create_table,
    current_setting('wal_level') as wal_level, current_setting('max_replication_slots') as max_slots,
    current_setting('max_replication_slots')::int > (select count(*) from pg_replication_slots) as free_slot,
    (select system_identifier from pg_control_system()) as system_identifier,
    case when pg_is_in_recovery() then (select timeline_id from pg_control_checkpoint())
      -- The control file learns of a promotion at the next checkpoint only; the name of the WAL file tells at once.
      else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int end as timeline,
    current_database() as database, getdatabaseencoding() as encoding, r.rolname as role,
    case when not r.rolsuper then nullif(r.rolconnlimit, -1) end as role_limit,
    case when not r.rolsuper then (select nullif(datconnlimit, -1) from pg_database where datname = current_database()) end as database_limit,
    (select sum(case name when 'max_connections' then setting::int else -setting::int end) from pg_settings
      where name in ('max_connections', 'superuser_reserved_connections', 'reserved_connections')) as server_limit
  from pg_roles r where r.rolname = current_user`;

/** Looks at server, database and role; `schema` is where the tables are to be. */
export async function preflight(session: Session, schema = 'public'): Promise<Preflight> {
  const facts = (await session.query(FACTS, [schema])).rows[0] ?? {};
  return {
    replicaRole: await maySilence(session),
    systemIdentifier: facts.system_identifier ?? '',
    timeline: Number(facts.timeline),
    database: facts.database ?? '',
    blockers: blockers(facts, schema),
    copyBlockers: chunks => copyBlockers(facts, chunks),
    cutoverBlockers: cutoverBlockers(facts),
  };
}

/** One statement, which ends with its own transaction: others may use this session meanwhile. */
async function maySilence(session: Session): Promise<boolean> {
  try {
    await session.query(`select set_config('session_replication_role', 'replica', true)`);
    return true;
  } catch (error) {
    if (error instanceof PostgresError && error.sqlstate === '42501') return false;
    throw error;
  }
}

/** The blockers whose condition holds, in order. */
const those = (list: readonly (readonly [boolean, Blocker])[]): Blocker[] => list.filter(([holds]) => holds).map(([, blocker]) => blocker);

function blockers(facts: PgRecord, schema: string): Blocker[] {
  const { database, role, encoding } = facts;
  const version = Number(facts.version);
  return those([
    [
      version < MIN_VERSION,
      {
        code: 'postgres-too-old',
        reason: `the server is PostgreSQL ${Math.floor(version / 10000)}, attacca needs 13 or newer`,
        remedy: 'use a newer server',
      },
    ],
    [
      facts.standby === 't',
      { code: 'postgres-standby', reason: 'the server is a standby and takes no writes', remedy: 'connect to the primary server' },
    ],
    [
      facts.read_only === 't',
      {
        code: 'postgres-read-only',
        reason: `transactions in "${database}" are read-only by default, as some hosts set it where the disk is nearly full`,
        remedy: 'make room there, and take default_transaction_read_only off the database, the role or the server',
      },
    ],
    ...few(facts, TO_COPY),
    [
      encoding !== 'UTF8',
      {
        code: 'postgres-encoding',
        reason: `the database is encoded in ${encoding}, which cannot hold every text`,
        remedy: 'create the database with encoding UTF8',
      },
    ],
    [
      facts.has_schema !== 't',
      {
        code: 'postgres-no-schema',
        reason: `the database has no schema "${schema}"`,
        remedy: `create schema "${schema}" authorization "${role}"`,
      },
    ],
    [
      facts.create_schema !== 't',
      {
        code: 'postgres-no-create',
        reason: `the role "${role}" may not create schemas in "${database}"`,
        remedy: `grant create on database "${database}" to "${role}"`,
      },
    ],
    [
      facts.has_schema === 't' && facts.create_schema === 't' && facts.create_table !== 't',
      {
        code: 'postgres-no-create',
        reason: `the role "${role}" may not create tables in "${schema}"`,
        remedy: `grant create on schema "${schema}" to "${role}"`,
      },
    ],
    [
      facts.create_temporary !== 't',
      {
        code: 'postgres-no-temporary',
        reason: `the role "${role}" may not create temporary tables, in which what is in Postgres is made again to compare it`,
        remedy: `grant temporary on database "${database}" to "${role}"`,
      },
    ],
  ]);
}

/** For what, in a sentence; and what else would do than to allow more. */
type Use = { readonly needs: string; readonly or: string };
const EVER: Use = { needs: `${TO_COPY} to copy and to follow, and ${TO_SWITCH} to switch`, or: '' };

/** Who lets attacca have less than `need` connections at a time. */
function few({ role, database, role_limit, database_limit, server_limit }: PgRecord, need: number, use = EVER): [boolean, Blocker][] {
  const most = 2 * Math.max(need, TO_SWITCH);
  const limits = [
    [role_limit, `the role "${role}"`, `alter role "${role}" connection limit ${most}`],
    [database_limit, `the database "${database}"`, `alter database "${database}" connection limit ${most}`],
    [server_limit, 'the server', 'raise max_connections'],
  ] as const;
  return limits.map(([limit, who, remedy]) => [
    limit != null && Number(limit) < need,
    {
      code: 'postgres-connections',
      reason: `${who} takes ${limit} connections at a time: attacca needs ${use.needs}`,
      remedy: `${remedy}${use.or}`,
    },
  ]);
}

function copyBlockers(facts: PgRecord, chunks: number): Blocker[] {
  if (those(few(facts, TO_COPY)).length > 0) return [];
  const need = chunks + BESIDE_CHUNKS;
  return those(few(facts, need, { needs: `${need} to copy ${chunks} chunks at a time`, or: '; or a smaller snapshot.parallelChunks' }));
}

function cutoverBlockers(facts: PgRecord): Blocker[] {
  const { wal_level, replication, amazon, role, free_slot, max_slots } = facts;
  return those([
    ...few(facts, TO_SWITCH),
    [
      wal_level !== 'logical',
      {
        code: 'postgres-wal-level',
        reason: `wal_level is ${wal_level}: changes made in Postgres cannot flow back to SQLite`,
        remedy:
          'set wal_level = logical (Amazon RDS: rds.logical_replication = 1, Cloud SQL: cloudsql.logical_decoding = on) and restart the server',
      },
    ],
    [
      replication !== 't',
      {
        code: 'postgres-no-replication',
        reason: `the role "${role}" may not use replication slots`,
        remedy: amazon === 't' ? `grant rds_replication to "${role}"` : `alter role "${role}" replication`,
      },
    ],
    [
      wal_level === 'logical' && free_slot !== 't',
      {
        code: 'postgres-no-slot',
        reason: `all ${max_slots} replication slots are taken`,
        remedy: 'raise max_replication_slots, or drop a slot that nobody uses',
      },
    ],
  ]);
}
