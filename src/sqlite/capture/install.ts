/*
 * What attacca keeps in the SQLite file: put in and taken out by one transaction (several where there are many tables); what is taken
 * out leaves the schema as it was [G11].
 */
import type { Mark, Seq } from '../../change/change.ts';
import { isTransient, Refused, ReplicationError, SourceMoved } from '../../change/errors.ts';
import { quote } from '../../change/quote.ts';
import { template } from '../../change/template.ts';
import { drift, edition } from '../../plan/fingerprint.ts';
import type { Plan, TablePlan } from '../../plan/plan.ts';
import type { SourceSchema } from '../../plan/schema.ts';
import { headMark } from '../journal/rows.ts';
import { type Database, openSource } from '../open.ts';
import { isOwn } from '../schema/own.ts';
import { readSchema } from '../schema/tables.ts';
import { inShortTransactions } from '../short-transactions.ts';
import { captureTriggers, sourceOf, triggersOf, unhookedTables } from './capture.ts';

/** Who captures this file: an installation id (random, hex) and the identity of the Postgres database it writes to. */
export type Identity = { readonly install: string; readonly target: string };

export type ControlRow = Identity & {
  readonly primary: 'sqlite' | 'postgres';
  /** Counts switches. */
  readonly epoch: bigint;
  /** Journal head at the last switch; before the first, at the installation. */
  readonly seq: Seq;
  /** WAL position up to which this file holds everything, while mirroring; null otherwise. */
  readonly lsn: string | null;
  /** JSON: the Postgres system, timeline and slot that `lsn` belongs to. */
  readonly source: string | null;
  /** Newest watermark token applied. */
  readonly watermark: string | null;
};

const EXISTS = /* sql */ `select 1 from sqlite_schema where type = 'table' and name = '_attacca_control'`;
const READ = /* sql */ `select install, target, "primary", epoch, seq, lsn, source, watermark from _attacca_control where id = 1`;
const CLAIM = /* sql */ `insert into _attacca_control (id, install, target, "primary", epoch, seq)
  select 1, ?, ?, 'sqlite', 0, max(seq) from _attacca_journal`;
const OBJECTS = /* sql */ `
  select type, name from sqlite_schema where ${isOwn} and name not glob '_attacca_fence*' order by type = 'table', name`;
const HAS_FENCE = /* sql */ `select 1 from sqlite_schema where type = 'table' and name = '_attacca_fence'`;
/** Steps of the schema that are our own, and need no doubt. */
const SETTLE = /* sql */ `update _attacca_canary set x = (select schema_version from pragma_schema_version) || substr(x, instr(x, ' '))`;
const HAS_CANARY = /* sql */ `select 1 from sqlite_schema where type = 'table' and name = '_attacca_canary'`;
const MARK_TABLE = /* sql */ `insert into _attacca_journal (tbl) values (?)`;

/** The control row; undefined where nothing is installed. */
export function readFileControl(db: Database): ControlRow | undefined {
  if (db.prepare(EXISTS).get() === undefined) return undefined;
  return db.prepare<[], ControlRow>(READ).get();
}

/** The same of the file at `source`, which nobody here has open. Throws as `openSource` does. */
export function fileControlAt(source: string): ControlRow | undefined {
  using db = openSource(source, { readonly: true });
  return readFileControl(db);
}

/** `signal`: ends it between two tables. `hooked`: is told of each, as the so many-th of `total`. */
export type Installing = {
  readonly signal?: AbortSignal;
  readonly hooked?: (done: { readonly table: string; readonly rows: number; readonly total: number }) => void;
};

/**
 * Installs journal and capture triggers, without holding the write lock for long, and returns the position from which everything
 * is captured. Again for the same identity: adds what is missing. Throws Refused when the file belongs to another one, SourceMoved when
 * its schema is not the plan's any more, and ReplicationError 'retry' when the write lock is not free within `budgetMs`.
 */
export async function install(db: Database, plan: Plan, identity: Identity, budgetMs: number, options: Installing = {}): Promise<Mark> {
  refuseClaimed(db, identity);
  const foreignKeys = db.pragma('foreign_keys', { simple: true });
  db.pragma('foreign_keys = off');
  try {
    return await installOn(db, plan, identity, budgetMs, options);
  } finally {
    db.pragma(`foreign_keys = ${foreignKeys}`);
  }
}

/**
 * SQLite looks each new trigger up in the whole schema, so many tables take several short transactions. A crash between two
 * leaves a file that is claimed and not captured throughout: nothing was copied then, and the next one goes on where it was.
 */
async function installOn(db: Database, plan: Plan, identity: Identity, budgetMs: number, { signal, hooked }: Installing): Promise<Mark> {
  const schema = readSchema(db); // before the lock is taken; what an application changes from here on, the first read finds
  const begun = readFileControl(db) !== undefined;
  const tables = begun ? unhookedTables(db, plan, schema) : plan.tables;
  if (tables.length === 0 && begun) return headMark(db);
  try {
    const before = uncompiled(db, plan, schema);
    const hook = (table: TablePlan, index: number) => (): void => {
      signal?.throwIfAborted();
      for (const [name, sql] of triggersOf(table, schema)) db.exec(`drop trigger if exists ${quote(name)}; ${sql}`);
      refuseBroken(db, { ...plan, tables: [table] }, schema, before);
      hooked?.({ table: table.name, rows: index + 1, total: tables.length });
    };
    const claim = (): void => {
      if (readFileControl(db) !== undefined) throw overtaken();
      createTables(db, plan, identity);
    };
    const first = begun ? () => widenJournal(db, plan) : claim;
    await inShortTransactions(db, budgetMs, [first, ...tables.map(hook), () => settle(db)]);
  } catch (error) {
    signal?.throwIfAborted();
    if (!isTransient(error) && readFileControl(db)?.install === identity.install) await uninstall(db, budgetMs);
    const changed = drift(plan, readSchema(db));
    throw changed.length > 0 ? new SourceMoved(`the schema of the SQLite file has changed: ${changed.join(', ')}`, error) : error;
  }
  return headMark(db);
}

const overtaken = (): ReplicationError =>
  new ReplicationError('retry', 'another process has just installed capture on this file', { hint: 'it is tried again' });

/** Control row, journal and canary, where there are none. Call it inside a write transaction. */
export function createTables(db: Database, plan: Plan, identity: Identity): void {
  db.exec(template('sqlite/install.sql', { columns: keyNames(plan).join(', ') }));
  placeCanary(db, plan);
  db.prepare(CLAIM).run(identity.install, identity.target);
}

/** The journal's columns for the widest key: k1, k2, … */
export const keyNames = (plan: Plan): string[] =>
  Array.from({ length: Math.max(1, ...plan.tables.map(table => table.key.columns.length)) }, (_, index) => `k${index + 1}`);

const COLUMNS = /* sql */ `select name from pragma_table_info('_attacca_journal')`;

export const hasJournal = (db: Database): boolean => db.prepare(COLUMNS).get() !== undefined;

/** Makes room in the journal for the widest key. Call it inside a write transaction. */
export function widenJournal(db: Database, plan: Plan): void {
  const there = new Set(db.prepare<[], string>(COLUMNS).pluck().all());
  for (const name of keyNames(plan)) if (!there.has(name)) db.exec(`alter table _attacca_journal add column ${name}`);
}

function refuseClaimed(db: Database, identity: Identity): void {
  const control = readFileControl(db);
  if (control === undefined || (control.install === identity.install && control.target === identity.target)) return;
  throw new Refused('this file is already captured for another installation', [
    {
      code: 'captured-elsewhere',
      reason: `its triggers write for ${control.target}, and two readers of one journal would lose each other's marks`,
      remedy: 'run `attacca uninstall` there first',
    },
  ]);
}

/**
 * Statements that do not compile, with the error. Ours are smoke-tested so: compiling one compiles all triggers on it.
 * Without foreign keys: a mismatched one is found by captureHazards, and concerns only applications that switch them on.
 */
export function uncompiled(db: Database, plan: Plan, schema: SourceSchema): Map<string, unknown> {
  const failed = new Map<string, unknown>();
  for (const table of plan.tables) {
    const name = quote(table.name);
    const column = quote(sourceOf(table, schema).columns.find(({ generated }) => !generated)?.name ?? '');
    for (const statement of [`insert into ${name} default values`, `update ${name} set ${column} = ${column}`, `delete from ${name}`]) {
      try {
        db.prepare(statement);
      } catch (error) {
        failed.set(statement, error);
      }
    }
  }
  return failed;
}

/** Throws ReplicationError 'halt' when a statement does not compile that compiled before: `before` is what did not. */
export function refuseBroken(db: Database, plan: Plan, schema: SourceSchema, before: ReadonlyMap<string, unknown>): void {
  const broken = [...uncompiled(db, plan, schema)].find(([statement]) => !before.has(statement));
  if (broken !== undefined) throw unusable(...broken);
}

const unusable = (statement: string, cause: unknown): ReplicationError =>
  new ReplicationError('halt', `with capture installed, this would fail: ${statement}`, {
    hint: 'it was not installed. Please report the definition of this table and its indexes',
    cause,
  });

/** Whether the file has a fence of ours at all. */
export const hasFence = (db: Database): boolean => db.prepare(HAS_FENCE).get() !== undefined;

/** Whether an installation in this file was finished: nothing else of ours is there than the fence. */
export const wasFinished = (db: Database): boolean => hasFence(db) && readFileControl(db) === undefined;

/**
 * Removes everything named `_attacca_*` but the fence of an installation that was finished, without holding the write lock for long: the
 * schema is then what it was before. A crash leaves a file that is claimed and not captured throughout, as one while it is installed does.
 * `removed` is told how many of the triggers are gone. Throws Refused while Postgres is primary, also since `finish`, ReplicationError
 * 'retry' when the write lock is not free within `budgetMs`.
 */
export async function uninstall(db: Database, budgetMs: number, removed?: (triggers: number, of: number) => void): Promise<void> {
  const triggers = captureTriggers(db);
  const unhook = (name: string, index: number) => (): void => {
    db.exec(`drop trigger if exists ${quote(name)}`);
    removed?.(index + 1, triggers.length);
  };
  await inShortTransactions(db, budgetMs, [() => refuseFenced(db), ...triggers.map(unhook), () => dropOurs(db)]);
}

/** The same at once, for a copy that nobody else has open. Call it inside a write transaction. */
export function dropOurs(db: Database): void {
  refuseFenced(db);
  for (const { type, name } of db.prepare<[], { type: string; name: string }>(OBJECTS).all()) db.exec(`drop ${type} ${quote(name)}`);
}

function refuseFenced(db: Database): void {
  if (wasFinished(db)) throw finished();
  if (readFileControl(db)?.primary === 'postgres') throw fenced();
}

const fenced = (): Refused =>
  new Refused('Postgres is primary', [
    {
      code: 'fenced',
      reason: 'the fence keeps old instances of the application from writing here, and may hold triggers of the application',
      remedy: 'roll back first, or run `attacca finish`',
    },
  ]);

/** There is nothing left to remove, and what is there must stay [G11]. */
export const finished = (): Refused =>
  new Refused('this migration is finished', [
    {
      code: 'finished',
      reason: 'PostgreSQL is primary, and the fence in SQLite keeps old instances from writing into the void',
      remedy: 'leave both as they are; there is no way back after finish, and the SQLite file is the copy of what was before',
    },
  ]);

/** Makes the canary that tells VACUUM and rebuilt tables from now on. Call it inside a write transaction. */
export const placeCanary = (db: Database, plan: Plan): void => void db.exec(template('sqlite/canary.sql', { edition: edition(plan) }));

/** Takes the schema as it is now for dealt with, and leaves the canary where it stands. Call it inside a write transaction. */
export function settle(db: Database): void {
  if (db.prepare(HAS_CANARY).get() !== undefined) db.prepare(SETTLE).run();
}

/** Marks tables whole: the next read replaces them in the target. Call it inside a write transaction. */
export function markTables(db: Database, tables: readonly number[]): void {
  const insert = db.prepare(MARK_TABLE);
  for (const table of tables) insert.run(BigInt(-table));
}
