/*
 * What this server and this role can do. Read-only, except for a transaction that is rolled back.
 */
import type { Blocker } from '../change/errors.ts';
import { PostgresError } from './errors.ts';
import type { Session } from './open.ts';

export type Preflight = {
  /** server_version_num, e.g. 150018 */
  readonly version: number;
  readonly superuser: boolean;
  /** May create schemas in the database and tables in the target schema. */
  readonly canCreate: boolean;
  /** May silence triggers and foreign key actions (session_replication_role): tried, not guessed. */
  readonly replicaRole: boolean;
  /** May use replication slots. */
  readonly replication: boolean;
  readonly walLevel: string;
  readonly maxSlots: number;
  readonly freeSlots: number;
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly database: string;
  readonly encoding: string;
  /** What keeps attacca from copying into this database. */
  readonly blockers: readonly Blocker[];
  /** What keeps a cutover from being possible: without it there is no way back [G9]. */
  readonly cutoverBlockers: readonly Blocker[];
};

const MIN_VERSION = 130000;

const FACTS = /* sql */ `
  select current_setting('server_version_num') as version, r.rolsuper as superuser, r.rolsuper or r.rolreplication as replication,
    has_database_privilege(current_database(), 'CREATE') as create_schema,
    has_database_privilege(current_database(), 'TEMPORARY') as create_temporary, current_setting('transaction_read_only') as read_only,
    to_regnamespace(quote_ident($1)) is not null as has_schema,
    coalesce(has_schema_privilege(to_regnamespace(quote_ident($1))::oid, 'CREATE'), false) as create_table,
    current_setting('wal_level') as wal_level, current_setting('max_replication_slots') as max_slots,
    (select count(*) from pg_replication_slots) as slots, pg_is_in_recovery() as standby,
    (select system_identifier from pg_control_system()) as system_identifier,
    case when pg_is_in_recovery() then (select timeline_id from pg_control_checkpoint())
      -- The control file learns of a promotion at the next checkpoint only; the name of the WAL file tells at once.
      else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int end as timeline,
    current_database() as database, getdatabaseencoding() as encoding, r.rolname as role
  from pg_roles r where r.rolname = current_user`;

/** Looks at server, database and role; `schema` is where the tables are to be. */
export async function preflight(session: Session, schema = 'public'): Promise<Preflight> {
  const row = (await session.query(FACTS, [schema])).rows[0] ?? {};
  const text = (name: string): string => row[name] ?? '';
  const facts = {
    version: Number(text('version')),
    superuser: row.superuser === 't',
    canCreate: row.create_schema === 't' && row.create_table === 't',
    replicaRole: await maySilence(session),
    replication: row.replication === 't',
    walLevel: text('wal_level'),
    maxSlots: Number(text('max_slots')),
    freeSlots: Number(text('max_slots')) - Number(text('slots')),
    systemIdentifier: text('system_identifier'),
    timeline: Number(text('timeline')),
    database: text('database'),
    encoding: text('encoding'),
  };
  const place = {
    schema,
    role: text('role'),
    hasSchema: row.has_schema === 't',
    mayCreateSchema: row.create_schema === 't',
    mayCreateTemporary: row.create_temporary === 't',
    standby: row.standby === 't',
    readOnly: row.read_only === 'on',
  };
  return {
    ...facts,
    blockers: blockers(facts, place),
    cutoverBlockers: cutoverBlockers(facts, place.role),
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

type Facts = Omit<Preflight, 'blockers' | 'cutoverBlockers'>;
type Place = {
  readonly schema: string;
  readonly role: string;
  readonly hasSchema: boolean;
  readonly mayCreateSchema: boolean;
  readonly mayCreateTemporary: boolean;
  readonly standby: boolean;
  readonly readOnly: boolean;
};

/** The blockers whose condition holds, in order. */
const those = (list: readonly (readonly [boolean, Blocker])[]): Blocker[] => list.filter(([holds]) => holds).map(([, blocker]) => blocker);

function blockers(facts: Facts, place: Place): Blocker[] {
  const grant = `grant create on database "${facts.database}" to "${place.role}"`;
  const grantSchema = `grant create on schema "${place.schema}" to "${place.role}"`;
  return those([
    [
      facts.version < MIN_VERSION,
      {
        code: 'postgres-too-old',
        reason: `the server is PostgreSQL ${Math.floor(facts.version / 10000)}, attacca needs 13 or newer`,
        remedy: 'use a newer server',
      },
    ],
    [
      place.standby,
      { code: 'postgres-standby', reason: 'the server is a standby and takes no writes', remedy: 'connect to the primary server' },
    ],
    [
      place.readOnly && !place.standby,
      {
        code: 'postgres-read-only',
        reason: `transactions in "${facts.database}" are read-only by default, as some hosts set it where the disk is nearly full`,
        remedy: 'make room there, and take default_transaction_read_only off the database, the role or the server',
      },
    ],
    [
      facts.encoding !== 'UTF8',
      {
        code: 'postgres-encoding',
        reason: `the database is encoded in ${facts.encoding}, which cannot hold every text`,
        remedy: 'create the database with encoding UTF8',
      },
    ],
    [
      !place.hasSchema,
      {
        code: 'postgres-no-schema',
        reason: `the database has no schema "${place.schema}"`,
        remedy: `create schema "${place.schema}" authorization "${place.role}"`,
      },
    ],
    [
      !place.mayCreateSchema,
      { code: 'postgres-no-create', reason: `the role "${place.role}" may not create schemas in "${facts.database}"`, remedy: grant },
    ],
    [
      place.hasSchema && place.mayCreateSchema && !facts.canCreate,
      { code: 'postgres-no-create', reason: `the role "${place.role}" may not create tables in "${place.schema}"`, remedy: grantSchema },
    ],
    [
      !place.mayCreateTemporary,
      {
        code: 'postgres-no-temporary',
        reason: `the role "${place.role}" may not create temporary tables, in which what is in Postgres is made again to compare it`,
        remedy: `grant temporary on database "${facts.database}" to "${place.role}"`,
      },
    ],
  ]);
}

function cutoverBlockers(facts: Facts, role: string): Blocker[] {
  return those([
    [
      facts.walLevel !== 'logical',
      {
        code: 'postgres-wal-level',
        reason: `wal_level is ${facts.walLevel}: changes made in Postgres cannot flow back to SQLite`,
        remedy: 'set wal_level = logical and restart the server',
      },
    ],
    [
      !facts.replication,
      {
        code: 'postgres-no-replication',
        reason: `the role "${role}" may not use replication slots`,
        remedy: `alter role "${role}" replication`,
      },
    ],
    [
      facts.walLevel === 'logical' && facts.freeSlots < 1,
      {
        code: 'postgres-no-slot',
        reason: `all ${facts.maxSlots} replication slots are taken`,
        remedy: 'raise max_replication_slots, or drop a slot that nobody uses',
      },
    ],
  ]);
}
