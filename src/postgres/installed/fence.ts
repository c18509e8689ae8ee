/*
 * The fence of Postgres: who may write the replicated tables.
 *
 * (1) One function for all tables; closing and opening replace its body, which needs no lock on any table [G8].
 * (2) It stops INSERT, UPDATE, DELETE, MERGE, TRUNCATE and COPY of everyone without the token, superusers and replica-role sessions
 *     included. It does not stop DDL, nor the apply worker of a subscription, which fires no statement triggers.
 * (3) A statement that is already running is past its trigger: close under `lockTables`, which waits for those.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Refused } from '../../change/errors.ts';
import { literal } from '../../change/quote.ts';
import { template } from '../../change/template.ts';
import { type Plan, type TablePlan, tableName, targetsOf } from '../../plan/plan.ts';
import { PostgresError } from '../session/errors.ts';
import type { Session } from '../session/open.ts';

/** Closes the fence for everyone whose transaction does not carry `token`. Takes effect when the transaction around it commits. */
export async function fencePostgres(session: Session, epoch: bigint, token: string): Promise<void> {
  await session.query(closing(epoch, token));
}

/** The statement of that, to travel with the commit. */
export const closing = (epoch: bigint, token: string): string =>
  template('postgres/fence-closed.sql', { epoch: String(epoch), token: literal(token) });

/** Opens the fence: from the commit on Postgres accepts the application's writes. */
export const opening = (epoch: bigint): string => template('postgres/fence-open.sql', { epoch: String(epoch) });

const BODY = /* sql */ `
  select f.prosrc from pg_proc f join pg_namespace n on n.oid = f.pronamespace where n.nspname = 'attacca' and f.proname = 'fence'`;

/** What the catalog says, which is what writers meet; undefined when the function is missing or not one of ours. */
export async function readFence(session: Session): Promise<{ readonly closed: boolean; readonly epoch: bigint } | undefined> {
  const { rows } = await session.query<{ prosrc: string }>(BODY);
  const [, state, epoch] = /-- attacca:(closed|open) epoch=(\d+)/.exec(rows[0]?.prosrc ?? '') ?? [];
  return state === undefined || epoch === undefined ? undefined : { closed: state === 'closed', epoch: BigInt(epoch) };
}

/**
 * Whether the function is, to the letter, the closed fence of this token, of this epoch or one before: a cutover that was aborted
 * has raised the epoch and left the fence as it was.
 */
export async function isFenceOf(session: Session, epoch: bigint, token: string): Promise<boolean> {
  const { rows } = await session.query<{ prosrc: string }>(BODY);
  const body = rows[0]?.prosrc ?? '';
  const own = BigInt(/-- attacca:closed epoch=(\d+)/.exec(body)?.[1] ?? -1);
  return own >= 0n && own <= epoch && body === closing(own, token).split('$fence$')[1];
}

/** Puts the fence trigger on a table, and on each of its partitions: a statement that names one of those fires no trigger of the table. */
export async function addFence(session: Session, plan: Plan, table: TablePlan): Promise<void> {
  for (const name of await treeOf(session, plan, table)) await addTrigger(session, name);
}

const addTrigger = (session: Session, name: string): Promise<unknown> =>
  session.query(`${template('postgres/fence-trigger.sql', { table: name })}${always(name)}`);

const always = (name: string): string => template('postgres/fence-always.sql', { table: name, relation: literal(name) });

const PARTS = /* sql */ `select relid::text as name from pg_partition_tree(to_regclass($1)) where level > 0`;

/** A table and the partitions that it has now, whoever made them, in SQL. */
async function treeOf(session: Session, plan: Plan, table: TablePlan): Promise<string[]> {
  const name = tableName(plan, table);
  const { rows } = await session.query<{ name: string }>(PARTS, [name]);
  return [name, ...rows.map(part => part.name)];
}

/** The fence anew, where there may be one that somebody has changed. */
export async function renewFence(session: Session, plan: Plan, table: TablePlan): Promise<void> {
  await dropFence(session, plan, table);
  await addFence(session, plan, table);
}

async function dropFence(session: Session, plan: Plan, table: TablePlan): Promise<void> {
  for (const name of await treeOf(session, plan, table)) await session.query(`drop trigger if exists _attacca_fence on ${name}`);
}

/** The tables $2 of schema $1, each with its partitions. */
const TREES = /* sql */ `
  select c.relname as root, coalesce(p.relid, c.oid) as oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
  left join lateral pg_partition_tree(c.oid) p on true where n.nspname = $1 and c.relname = any($2)`;

/** tgtype 62: before, for each statement, on insert, delete, update and truncate. */
const FENCED = /* sql */ `
  select r.root as relname from (${TREES}) r group by r.root
  having bool_and(exists (
    select from pg_trigger t where t.tgrelid = r.oid and t.tgfoid = to_regproc('attacca.fence') and t.tgtype = 62 and t.tgenabled = 'A'))`;

const GAPS = /* sql */ `
  select r.oid::regclass::text as name, t.tgfoid = to_regproc('attacca.fence') and t.tgtype = 62 as whole from (${TREES}) r
  left join pg_trigger t on t.tgrelid = r.oid and t.tgname = '_attacca_fence'
  where (t.tgfoid = to_regproc('attacca.fence') and t.tgtype = 62 and t.tgenabled = 'A') is not true`;
const DROP_MS = 200;

/** Where the fence is not up. `whole`: the trigger is ours, and switched off; null: there is none. */
export async function fenceGaps(
  session: Session,
  plan: Plan,
): Promise<readonly { readonly name: string; readonly whole: string | null }[]> {
  return (await session.query<{ name: string; whole: string | null }>({ text: GAPS, name: 'attacca_gaps' }, targetsOf(plan))).rows;
}

/**
 * Puts up the fence where it is not: tables that were made anew, partitions that have come, triggers that were dropped or switched off
 * while Postgres was primary. Call it while `lockTables` keeps their writers out. Only a strange trigger of the fence's name has to wait
 * for readers, and not for long.
 */
export async function fenceOpen(session: Session, plan: Plan): Promise<void> {
  for (const { name, whole } of await fenceGaps(session, plan)) {
    if (whole === 'f') await session.query(`set local lock_timeout = ${DROP_MS}; drop trigger _attacca_fence on ${name}`);
    if (whole === 't') await session.query(always(name));
    else await addTrigger(session, name);
  }
}

/** Targets of the plan whose fence trigger is missing, changed or disabled; empty when all are fenced. */
export async function unfenced(session: Session, plan: Plan): Promise<string[]> {
  const { rows } = await session.query<{ relname: string }>(FENCED, targetsOf(plan));
  const fenced = new Set(rows.map(row => row.relname));
  return plan.tables.map(table => table.target).filter(target => !fenced.has(target));
}

const TOUCHED = /* sql */ `
  select r.root as relname from (${TREES}) r join pg_trigger t on t.tgrelid = r.oid
  where t.tgname = '_attacca_fence' and not exists (
    select from attacca.witness w where w.object = 'fence:' || t.oid and w.state = t.xmin::text)`;

/** Targets of the plan whose fence trigger is not as attacca made it: somebody could write past it, or still can. */
export async function touched(session: Session, plan: Plan): Promise<ReadonlySet<string>> {
  const { rows } = await session.query<{ relname: string }>(TOUCHED, targetsOf(plan));
  const others = new Set(rows.map(row => row.relname));
  const open = new Set(await unfenced(session, plan));
  return new Set(plan.tables.map(table => table.target).filter(target => others.has(target) || open.has(target)));
}

const PATIENT_MS = 500;
const FIRST_TRY_MS = 20;
const DEADLOCK_MS = /* sql */ `select setting from pg_settings where name = 'deadlock_timeout'`;

const HOLDERS = /* sql */ `
  select distinct a.pid, coalesce(nullif(a.application_name, ''), 'unknown') as name
  from pg_locks l join pg_stat_activity a on a.pid = l.pid
  where l.locktype = 'relation' and l.granted and l.pid <> pg_backend_pid() and l.mode <> 'AccessShareLock' and l.mode <> 'RowShareLock'
    and l.database = (select oid from pg_database where datname = current_database())
    and l.relation in (select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = any($2))`;

/**
 * Finds a moment in which no transaction is writing the tables, and keeps writers out until the transaction around it ends. All
 * tables in one statement; an attempt that waits is given up before the deadlock detector could pick the application as its victim,
 * and tried again until `budgetMs` is over; then Refused, naming who is in the way.
 */
export const lockTables = (session: Session, plan: Plan, budgetMs: number): Promise<void> =>
  lock(session, plan, budgetMs, { mode: 'share row exclusive', mostMs: 800, instead: 'allow a longer pause' });

/** Like `lockTables`, for someone who will only read: several may do so at a time, and no attempt keeps writers waiting for long. */
export const lockForReading = (session: Session, plan: Plan, budgetMs: number): Promise<void> =>
  lock(session, plan, budgetMs, { mode: 'share', mostMs: 100, instead: 'try again when less is written' });

/** Whether it was refused since the tables were never free of writers: another time they may be. */
export const neverFree = (error: unknown): boolean => error instanceof Refused && error.blockers.some(({ code }) => code === 'target-busy');

/** `mostMs`: of one attempt; `instead`: what helps where the writers may not be ended. */
type How = { readonly mode: 'share' | 'share row exclusive'; readonly mostMs: number; readonly instead: string };

async function lock(session: Session, plan: Plan, budgetMs: number, { mode, mostMs, instead }: How): Promise<void> {
  if (plan.tables.length === 0) return;
  const { rows } = await session.query<{ setting: string }>(DEADLOCK_MS);
  const most = Math.max(50, Math.min(Number(rows[0]?.setting ?? 1000) * 0.8, mostMs));
  const deadline = performance.now() + budgetMs;
  const names = plan.tables.map(table => tableName(plan, table)).join(', ');
  const statement = `lock table ${names} in ${mode} mode`;
  // Nobody waits for an attempt that does not wait itself, and between short transactions there is a free moment soon.
  for (const end = performance.now() + Math.min(PATIENT_MS, budgetMs / 2); performance.now() < end; await delay(1))
    if (await tryLock(session, `${statement} nowait`, most)) return;
  // A transaction that has one of the tables and wants another waits for us as we wait for it: short attempts resolve that soon.
  for (let wait = 5, limit = FIRST_TRY_MS; ; wait = Math.min(wait * 2, 200), limit = Math.min(limit * 2, most)) {
    const limitMs = Math.max(10, Math.min(limit, deadline - performance.now()));
    if (await tryLock(session, statement, limitMs)) return;
    if (performance.now() + wait >= deadline) throw await inTheWay(session, plan, budgetMs, instead);
    await delay(wait);
  }
}

/** query_canceled: it took too long. lock_not_available: with NOWAIT. */
const NOT_TO_BE_HAD: ReadonlySet<string | null> = new Set(['57014', '55P03']);

/** False if the lock was not to be had within `limitMs`; the transaction goes on without it. */
async function tryLock(session: Session, statement: string, limitMs: number): Promise<boolean> {
  // Both at once, where the session is pipelined: the more often it is tried, the sooner a free moment is met.
  const [saved, locked] = await Promise.allSettled([
    session.query(`savepoint attacca_lock; set local statement_timeout = ${Math.round(limitMs)}`),
    session.query(`${statement}; set local statement_timeout = 0; release savepoint attacca_lock`),
  ]);
  if (saved.status === 'rejected') throw saved.reason;
  if (locked.status === 'fulfilled') return true;
  const error: unknown = locked.reason;
  if (!(error instanceof PostgresError) || !NOT_TO_BE_HAD.has(error.sqlstate)) throw error;
  await session.query('rollback to savepoint attacca_lock; release savepoint attacca_lock');
  return false;
}

async function inTheWay(session: Session, plan: Plan, budgetMs: number, instead: string): Promise<Refused> {
  const { rows } = await session.query<{ pid: string; name: string }>(HOLDERS, targetsOf(plan));
  const who = rows.map(row => `${row.name} (pid ${row.pid})`).join(', ') || 'a transaction that has ended since';
  return new Refused('the tables are being written', [
    {
      code: 'target-busy',
      reason: `in ${budgetMs} ms the tables were never free of writers: ${who}`,
      remedy: `end that transaction, or ${instead}`,
    },
  ]);
}
