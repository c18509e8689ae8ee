/*
 * The fence: while Postgres is primary, no application can write a row of a replicated table, whatever it believes [G8].
 *
 * (1) BEFORE triggers, in the file itself: an instance that never heard of the flag meets them too.
 * (2) Everything here runs inside a write transaction that the caller holds and commits durably (hold.ts), so each side of
 *     a switch happens whole or not at all.
 * (3) It does not stop DDL (a table rebuild drops the triggers), blob handles, VACUUM, and statements that match no row.
 *     `fenceState` finds lost triggers; `refence` puts them back and says which tables were open.
 */
import type { Lsn, Mark, Seq } from '../../change/change.ts';
import { ReplicationError } from '../../change/errors.ts';
import { formatLsn } from '../../change/lsn.ts';
import { literal, quote } from '../../change/quote.ts';
import { template } from '../../change/template.ts';
import type { Plan, TablePlan } from '../../plan/plan.ts';
import { dropCapture, expectedTriggers } from '../capture/capture.ts';
import { type ControlRow, hasFence, type Identity, readFileControl } from '../capture/control.ts';
import { createTables, settle } from '../capture/install.ts';
import { headMark, markTables } from '../capture/marking.ts';
import type { Database } from '../open.ts';
import { schemaOf } from '../read/values.ts';
import { isOwnTable } from '../schema/own.ts';
import { bringBack, setAside } from './app-triggers.ts';
import type { Hold } from './hold.ts';
import { raiseSequences } from './sequence.ts';

/** `closed`: the fence is up. `intact`: every replicated table has its triggers, for this epoch. */
export type FenceState = { readonly closed: boolean; readonly epoch: bigint | undefined; readonly intact: boolean };

const EVENTS = ['insert', 'update', 'delete'] as const;

/** `lsn` and `source` stay: they say from where on Postgres has what this file has not. */
const OPEN_WITH_LOSS = /* sql */ `
  update _attacca_control set "primary" = 'sqlite', epoch = @epoch, seq = @seq where id = 1 and "primary" = 'postgres' and epoch < @epoch`;
const FORGOTTEN = /* sql */ `update _attacca_control set epoch = @epoch, lsn = '0/0' where id = 1 and "primary" = 'sqlite' and epoch < @epoch`;
const SETTLED = /* sql */ `update _attacca_control set lsn = null, source = null, watermark = null where id = 1 and "primary" = 'sqlite'`;

const CLOSED = /* sql */ `select (select closed from _attacca_fence) is not 0`;
const TRIGGERS = /* sql */ `select name, tbl_name as "table", sql from sqlite_schema where type = 'trigger' and name glob '_attacca_fence_*'`;
const TABLES = /* sql */ `select name from sqlite_schema where type = 'table' and ${isOwnTable} and name <> '_attacca_fence'`;
const TABLE = /* sql */ `select 1 from sqlite_schema where type = 'table' and name = ? collate nocase`;
const CLOSE = /* sql */ `
  update _attacca_control set "primary" = 'postgres', epoch = @epoch, seq = @seq, lsn = @lsn, source = @source, watermark = null where id = 1`;
const OPEN = /* sql */ `
  update _attacca_control set "primary" = 'sqlite', epoch = @epoch, seq = @seq, lsn = null, source = null, watermark = null
  where id = 1 and "primary" = 'postgres' and epoch < @epoch`;

/** What has to be recorded with a fence. `seq`: the drained head; `lsn`: where mirroring begins; `source`: JSON of the Postgres system, timeline and slot. */
type Closing = { readonly seq: Seq; readonly lsn: Lsn; readonly source: string };

/**
 * Closes SQLite: capture out, the application's writing triggers set aside, fence up; then, by the function returned, the switch
 * recorded. The caller commits. Throws ReplicationError 'halt' if the file is not at an earlier epoch with SQLite primary, Refused
 * as `setAside` does.
 */
export function closeSqlite({ db }: Pick<Hold, 'db'>, plan: Plan, epoch: bigint): (record: Closing) => void {
  const control = readFileControl(db);
  if (control?.primary !== 'sqlite' || control.epoch >= epoch) throw notAt('sqlite', epoch);
  dropCapture(db);
  db.exec(template('sqlite/fence.sql', {}));
  setAside(db, plan);
  for (const table of plan.tables) putUp(db, table, epoch);
  return ({ seq, lsn, source }) => void db.prepare(CLOSE).run({ epoch, seq, lsn: formatLsn(lsn), source });
}

/**
 * Closes a copy from before the cutover that somebody has put in the place of the fenced file, with or without anything of attacca in
 * it; any other file stays as it is. The caller commits. Throws as closeSqlite does.
 */
export function closeCopy(
  db: Database,
  plan: Plan,
  identity: Identity,
  { epoch, ...where }: Omit<Closing, 'seq'> & { epoch: bigint },
): void {
  const there = { ...plan, tables: plan.tables.filter(table => stands(db, table)) };
  if (readFileControl(db) === undefined && !hasFence(db)) createTables(db, there, identity);
  const control = readFileControl(db);
  if (control?.install !== identity.install || control.primary === 'postgres') return;
  closeSqlite({ db }, there, epoch)({ seq: headMark(db).seq, ...where });
}

/**
 * Opens SQLite: fence out, the application's triggers back, capture in; then, by `number`, AUTOINCREMENT after the ids that Postgres
 * has used. The caller commits. `head`: everything journaled up to it came from Postgres, everything after it is the
 * application's [G5]. Throws ReplicationError 'halt' if the file is not at an earlier epoch with Postgres primary.
 */
export function openSqlite(
  { db }: Hold,
  plan: Plan,
  epoch: bigint,
): { readonly head: Mark; number(usedIds: ReadonlyMap<number, bigint>): void } {
  const head = headMark(db);
  const schema = schemaOf(db); // as it is without our triggers, and known already where the connection has read a table
  if (db.prepare(OPEN).run({ epoch, seq: head.seq }).changes !== 1) throw notAt('postgres', epoch);
  open(db);
  dropCapture(db); // there is none, unless somebody put one back
  for (const trigger of expectedTriggers(plan, schema).values()) db.exec(trigger);
  settle(db);
  return { head, number: usedIds => raiseSequences(db, plan, usedIds) };
}

/**
 * Opens SQLite although Postgres cannot be asked: fence out, the application's triggers back. Without capture, for which the plan is
 * wanting: whoever follows the file next puts it back and copies everything. The caller commits. Throws as openSqlite does.
 */
export function openWithLoss({ db }: Hold, epoch: bigint): void {
  if (db.prepare(OPEN_WITH_LOSS).run({ epoch, seq: headMark(db).seq }).changes !== 1) throw notAt('postgres', epoch);
  open(db);
}

/** The fence goes, and the application's triggers come back. */
function open(db: Database): void {
  takeDown(db);
  bringBack(db);
  db.exec('drop table _attacca_fence; drop table _attacca_app_trigger');
}

/** Where the stream into this file ended, if it was opened with loss and Postgres does not know of it yet. */
export const pendingLoss = (control: ControlRow | undefined): ControlRow | undefined =>
  control?.primary === 'sqlite' && control.lsn !== null ? control : undefined;

/** Postgres knew, and does not know any more; what came from it last is not known here either. Inside a write transaction. */
export const beginLoss = (db: Database, epoch: bigint): void => void db.prepare(FORGOTTEN).run({ epoch });

/** Postgres knows. Inside a write transaction. */
export const settleLoss = (db: Database): void => void db.prepare(SETTLED).run();

/** What the file says about its fence. Reads only. */
export function fenceState(db: Database, plan: Plan): FenceState {
  const closed = hasFence(db) && db.prepare<[], bigint>(CLOSED).pluck().get() !== 0n;
  const control = readFileControl(db);
  const epoch = control?.primary === 'postgres' ? control.epoch : undefined;
  return { closed, epoch, intact: closed && epoch !== undefined && openTables(db, plan, epoch).length === 0 };
}

/**
 * Puts the fence up again where it is gone (an ORM rebuilt the table) and returns the ids of those tables. What was written
 * there meanwhile is known to nobody: they are marked whole, to be compared before any rollback. Inside a write transaction.
 */
export function refence(db: Database, plan: Plan, epoch: bigint): readonly number[] {
  const open = openTables(db, plan, epoch);
  const gone = open.filter(table => !stands(db, table));
  if (gone.length > 0) throw dropped(gone);
  const ids = open.map(({ id }) => id);
  for (const table of open) putUp(db, table, epoch);
  markTables(db, ids);
  return ids;
}

/**
 * For `finish` with Postgres primary: the application's triggers come back, and of ours only the fence stays, so that no old
 * instance writes into the void [G11]. Inside a write transaction.
 */
export function keepFenceOnly(db: Database, plan: Plan): void {
  const control = readFileControl(db);
  if (control?.primary !== 'postgres') throw notAt('postgres', control?.epoch ?? 0n);
  takeDown(db);
  bringBack(db);
  for (const name of db.prepare<[], string>(TABLES).pluck().all()) db.exec(`drop table ${quote(name)}`);
  for (const table of plan.tables.filter(table => stands(db, table))) putUp(db, table, control.epoch); // last, so that it fires first
}

/** For a copy of the file that nobody mirrors into: the application's triggers come back, and of ours nothing stays. Inside a transaction. */
export function unfence(db: Database): void {
  takeDown(db);
  bringBack(db);
  for (const name of [...db.prepare<[], string>(TABLES).pluck().all(), '_attacca_fence']) db.exec(`drop table ${quote(name)}`);
}

const nameOf = (event: string, table: TablePlan): string => `_attacca_fence_${event}_${table.id}`;

const message = (epoch: bigint): string =>
  `ATTACCA_FENCED epoch=${epoch} primary=postgres: this database is closed; read the flag and run the whole transaction again there`;

function putUp(db: Database, table: TablePlan, epoch: bigint): void {
  for (const event of EVENTS) {
    const name = quote(nameOf(event, table));
    db.exec(`drop trigger if exists ${name}`);
    db.exec(template(`sqlite/fence-${event}.sql`, { name, table: quote(table.name), message: literal(message(epoch)) }));
  }
}

const stands = (db: Database, { name }: TablePlan): boolean => db.prepare(TABLE).get(name) !== undefined;

function takeDown(db: Database): void {
  for (const { name } of triggers(db)) db.exec(`drop trigger ${quote(name)}`);
}

/** Tables of the plan that lack a trigger of this epoch's fence. */
function openTables(db: Database, plan: Plan, epoch: bigint): TablePlan[] {
  const found = new Map(triggers(db).map(trigger => [trigger.name, trigger]));
  const stands = (event: string, table: TablePlan): boolean => {
    const trigger = found.get(nameOf(event, table));
    return trigger !== undefined && trigger.table === table.name && trigger.sql.includes(message(epoch));
  };
  return plan.tables.filter(table => !EVENTS.every(event => stands(event, table)));
}

const triggers = (db: Database): { name: string; table: string; sql: string }[] =>
  db.prepare<[], { name: string; table: string; sql: string }>(TRIGGERS).all();

const dropped = (tables: readonly TablePlan[]): ReplicationError =>
  new ReplicationError(
    'halt',
    `the SQLite file no longer has ${tables.map(({ name }) => quote(name)).join(', ')}: dropped or renamed, past the fence`,
    {
      hint: 'make it again as it was, then run `attacca resync` and start `attacca sync`; or give up the way back with `attacca finish`',
    },
  );

const notAt = (primary: 'sqlite' | 'postgres', epoch: bigint): ReplicationError =>
  new ReplicationError('halt', `the SQLite file is not at an epoch before ${epoch} with ${primary} primary`, {
    hint: 'another controller has switched since; run `attacca status` to see who is primary',
  });
