/*
 * What attacca puts into Postgres, and how it goes away again [G11].
 *
 * (1) Installing is one transaction: either everything is there, fenced from the first moment on, or nothing.
 * (2) A table that is there already is somebody's: it is never written, emptied or replaced; unless the plan was laid over it, and
 *     then it is filled, and neither changed nor dropped.
 * (3) `uninstall` leaves nothing of attacca; `finish` leaves the tables to the application.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Blocker, Refused } from '../../change/errors.ts';
import { quote } from '../../change/quote.ts';
import { template } from '../../change/template.ts';
import { commentDdl, tableDdl } from '../../plan/ddl/ddl.ts';
import { compatSql } from '../../plan/expression/compat.ts';
import { relationsOf } from '../../plan/objects/partition.ts';
import { HIDDEN_ROWID, type Plan, tableName } from '../../plan/plan.ts';
import { PostgresError } from '../session/errors.ts';
import { type PgRecord, type Session, transaction } from '../session/open.ts';
import { dropPublication } from '../wal/slot.ts';
import { audit } from './audit.ts';
import { dropForeignKeys } from './constraints.ts';
import { type Control, createControl, type NewControl, readControl } from './control.ts';
import { addFence, fencePostgres } from './fence.ts';
import { rememberObjects } from './objects.ts';

export type Installation = Omit<NewControl, 'phase' | 'epoch' | 'plan'>;

/**
 * Creates schema attacca, the plan's tables and their closed fence. Of an installation that is there already it returns the control
 * row, whose `install` and `plan` are the ones in force. Throws Refused when the database belongs to another source or holds
 * tables of these names.
 */
export async function installPostgres(session: Session, plan: Plan, installation: Installation): Promise<Control> {
  const existing = await readControl(session);
  if (existing !== undefined) return own(existing, installation);
  const occupied = await occupants(session, plan);
  if (occupied.length > 0) throw new Refused('the target is not empty', occupied);
  await transaction(session, null, async () => {
    await session.query(template('postgres/install.sql', {}));
    await fencePostgres(session, 0n, installation.install);
    await createControl(session, { ...installation, phase: 'preparing', epoch: 0n, plan });
    for (const statement of compatSql(plan.compat ?? [])) await session.query(statement);
    for (const table of plan.tables) {
      if (!plan.existing) await session.query([tableDdl(plan, table), ...commentDdl(plan, table)].join('; '));
      await addFence(session, plan, table);
    }
    if (plan.existing) {
      await refuseFilled(session, plan); // behind the fence nobody can fill them any more
      await rememberObjects(session, plan);
    }
    await audit(session, 'installed', { tables: plan.tables.length });
    for (const { finding, reason } of plan.waived ?? []) await audit(session, `waived ${finding}`, { reason });
  });
  const installed = await readControl(session);
  if (installed === undefined) throw new Refused('the installation has vanished', []);
  return installed;
}

/** Ours, or what is left of an attempt of ours that died before the source learned its id. */
function own(existing: Control, { install, source }: Installation): Control {
  if (existing.install === install || (existing.source === source && existing.phase === 'preparing')) return existing;
  throw new Refused('the target belongs to another installation', [
    {
      code: 'target-owned',
      reason: `this database already follows ${existing.source} (phase ${existing.phase})`,
      remedy: 'use another database, or run attacca uninstall for that one first',
    },
  ]);
}

const OCCUPIED = /* sql */ `
  select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = any($2) order by 1`;
const SCHEMA = /* sql */ `select to_regnamespace('attacca') is not null as taken`;

/** What stands where the plan's tables would. */
export async function occupants(session: Session, plan: Plan) {
  const made = plan.existing ? [] : plan.tables;
  const { rows } = await session.query<{ relname: string }>(OCCUPIED, [plan.schema, made.flatMap(relationsOf)]);
  const tables = rows.map(({ relname }) => ({
    code: 'target-not-empty',
    reason: `${plan.schema}.${relname} already exists`,
    remedy: 'drop or rename it, or use an empty database',
  }));
  const taken = (await session.query(SCHEMA)).rows[0]?.taken === 't';
  const schema = { code: 'target-not-empty', reason: 'a schema named attacca exists and is not ours', remedy: 'drop or rename it' };
  return taken ? [...tables, schema] : tables;
}

/** The first copy only adds rows: it would not tell the application's from its own. */
async function refuseFilled(session: Session, plan: Plan): Promise<void> {
  const filled: Blocker[] = [];
  for (const { target } of plan.tables) {
    const { rowCount } = await session.query(`select from ${quote(plan.schema)}.${quote(target)} limit 1`);
    const reason = `${plan.schema}.${target} has rows already`;
    if (rowCount !== 0) filled.push({ code: 'target-not-empty', reason, remedy: 'truncate it, or use another schema or database' });
  }
  if (filled.length > 0) throw new Refused('the target is not empty', filled);
}

/** Removes everything of attacca, also the tables unless they are the application's or are to be kept; a no-op where nothing is installed. */
export async function uninstallPostgres(session: Session, options: { readonly keepTables: boolean }): Promise<void> {
  const control = await readControl(session);
  if (control === undefined) return;
  await refuseStrangers(session);
  await dropIdleSlot(session, control.slot);
  await transaction(session, null, async () => {
    await dropOurs(session, control);
    if (options.keepTables || control.plan.existing) return;
    await dropForeignKeys(session, control.plan); // and the views, which would keep the tables
    const tables = control.plan.tables.map(table => tableName(control.plan, table));
    if (tables.length > 0) await session.query(`drop table if exists ${tables.join(', ')}`);
    await dropCompat(session, control.plan);
  });
}

const SOMEBODYS = /* sql */ `
  select exists (
    select from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
  ) or exists (select from pg_database where not datistemplate and datname not in ('postgres', current_database())) as found`;

/** Whether the server holds what is not ours: with nothing installed, every table is somebody's. */
export async function holdsTables(session: Session): Promise<boolean> {
  return (await session.query<{ found: string }>(SOMEBODYS)).rows[0]?.found === 't';
}

const COMPAT = /* sql */ `
  select p.oid::regprocedure::text as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname = 'sqlite_compat' and p.proname = any($1)`;
const OTHERS = /* sql */ `select from pg_proc p where p.pronamespace = to_regnamespace('sqlite_compat')`;

/** Whether SQLite's functions are there already: they may be an application's since it was moved. */
export async function hasCompat(session: Session): Promise<boolean> {
  return (await session.query(/* sql */ `select to_regnamespace('sqlite_compat') is not null as there`)).rows[0]?.there === 't';
}

/** The functions that came for the plan's expressions, and their schema unless somebody else's are in it. */
async function dropCompat(session: Session, { compat = [] }: Plan): Promise<void> {
  if (compat.length === 0) return;
  const { rows } = await session.query<{ name: string }>(COMPAT, [compat]);
  if (rows.length > 0) await session.query(`drop function ${rows.map(({ name }) => name).join(', ')}`);
  const others = await session.query(OTHERS);
  if (others.rowCount === 0) await session.query('drop schema if exists sqlite_compat');
}

/**
 * Leaves the tables to the application, which is writing them meanwhile: without hidden key columns, fence, publication, slot and
 * schema attacca. Can be run again where it stopped.
 */
export async function finishPostgres(session: Session, plan: Plan): Promise<void> {
  const control = await readControl(session);
  if (control === undefined) return;
  await refuseStrangers(session);
  await dropIdleSlot(session, control.slot);
  // Before the hidden keys go: Postgres refuses UPDATE and DELETE on a published table without a replica identity.
  if (control.publication !== null) await dropPublication(session, control.publication);
  for (const table of (await session.query(OURS, [plan.tables.map(table => tableName(plan, table))])).rows)
    await patiently(() => transaction(session, null, () => release(session, plan, table)));
  await transaction(session, null, () => dropOurs(session, control));
}

/** The application may have renamed or dropped tables since: the fence tells which are meant. One may have lost it. */
const OURS = /* sql */ `
  select c.oid::regclass::text as name, c.relispartition as part from pg_class c
  where c.oid in (select to_regclass(name) from unnest($1::text[]) name)
    or c.oid in (select tgrelid from pg_trigger where tgfoid = to_regproc('attacca.fence'))`;

async function release(session: Session, plan: Plan, { name, part }: PgRecord): Promise<void> {
  await session.query(`set local lock_timeout = ${LOCK_MS}`);
  await session.query(`drop trigger if exists _attacca_fence on ${name}`);
  if (plan.existing || part === 't') return;
  await session.query(`alter table if exists ${name} replica identity default, drop column if exists ${quote(HIDDEN_ROWID)}`);
}

/** Whoever waits for a table's lock makes everyone behind wait too: the application is never held up longer than this. */
const LOCK_MS = 200;
const ATTEMPTS = 100;

/** Tries again while a lock is not to be had in time. */
async function patiently(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof PostgresError) || error.sqlstate !== '55P03' || attempt === ATTEMPTS) throw error;
    }
    await delay(LOCK_MS * 2);
  }
}

const RELATIONS = /* sql */ `
  select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'attacca' and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relname <> all($1) order by 1`;

/**
 * Somebody else's tables can be in our schema: for a role that is named attacca, it is where CREATE TABLE puts them by default.
 * Dropping the schema would take them along.
 */
async function refuseStrangers(session: Session): Promise<void> {
  const scripts = template('postgres/install.sql', {}) + template('postgres/lost.sql', {});
  const ours = [...scripts.matchAll(/^create table (?:if not exists )?attacca\.(\w+)/gm)].map(match => match[1]);
  const { rows } = await session.query<{ relname: string }>(RELATIONS, [ours]);
  if (rows.length === 0) return;
  throw new Refused(
    'the schema attacca holds what is not ours',
    rows.map(({ relname }) => ({
      code: 'schema-occupied',
      reason: `attacca.${relname} was made by someone else and would be dropped`,
      remedy: `alter table attacca.${quote(relname)} set schema public`,
    })),
  );
}

/** Its cascade takes the fence triggers along, which depend on the function. */
async function dropOurs(session: Session, control: Control): Promise<void> {
  if (control.publication !== null) await dropPublication(session, control.publication);
  await session.query('drop schema attacca cascade');
}

const SLOT = /* sql */ `select active, active_pid from pg_replication_slots where slot_name = $1`;

/** A mirror that has just been stopped is gone on the server within this. */
const LETS_GO_MS = 5_000;
const POLL_MS = 50;

/** Outside any transaction, and first: should the rest fail, no slot is left behind to fill the disk. */
async function dropIdleSlot(session: Session, slot: string | null): Promise<void> {
  if (slot === null) return;
  for (const deadline = performance.now() + LETS_GO_MS; ; await delay(POLL_MS)) {
    const found = (await session.query(SLOT, [slot])).rows[0];
    if (found === undefined) return;
    if (found.active !== 't') return void (await session.query(/* sql */ `select pg_drop_replication_slot($1)`, [slot]));
    if (performance.now() < deadline) continue;
    throw new Refused('the replication slot is in use', [
      {
        code: 'slot-active',
        reason: `slot ${slot} is read by server process ${found.active_pid}`,
        remedy: 'stop the attacca daemon first',
      },
    ]);
  }
}
