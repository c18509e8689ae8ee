/*
 * What attacca keeps in the SQLite file: put in and taken out by one transaction (several where there are many tables); what is taken
 * out leaves the schema as it was [G11].
 */
import type { Mark } from '../../change/change.ts';
import { isTransient, Refused, ReplicationError, SourceMoved } from '../../change/errors.ts';
import { quote } from '../../change/quote.ts';
import { template } from '../../change/template.ts';
import { drift, edition } from '../../plan/fingerprint.ts';
import type { Plan, TablePlan } from '../../plan/plan.ts';
import type { SourceSchema } from '../../plan/schema.ts';
import type { Database } from '../open.ts';
import { isOwn } from '../schema/own.ts';
import { readSchema, sourceOf } from '../schema/tables.ts';
import { inShortTransactions } from '../short-transactions.ts';
import { captureTriggers, triggersOf, unhookedTables } from './capture.ts';
import { finished, type Identity, readFileControl, wasFinished } from './control.ts';
import { headMark, keyNames, widenJournal } from './marking.ts';

const CLAIM = /* sql */ `insert into _attacca_control (id, install, target, "primary", epoch, seq)
  select 1, ?, ?, 'sqlite', 0, max(seq) from _attacca_journal`;
const OBJECTS = /* sql */ `
  select type, name from sqlite_schema where ${isOwn} and name not glob '_attacca_fence*' order by type = 'table', name`;
/** Steps of the schema that are our own, and need no doubt. */
const SETTLE = /* sql */ `update _attacca_canary set x = (select schema_version from pragma_schema_version) || substr(x, instr(x, ' '))`;
const HAS_CANARY = /* sql */ `select 1 from sqlite_schema where type = 'table' and name = '_attacca_canary'`;

/** `signal`: ends it between two tables. `hooked`: is told of each, with its place among `total`. */
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

/** Makes the canary that tells VACUUM and rebuilt tables from now on. Call it inside a write transaction. */
export const placeCanary = (db: Database, plan: Plan): void => void db.exec(template('sqlite/canary.sql', { edition: edition(plan) }));

/** Takes the schema as it is now for dealt with, and leaves the canary where it stands. Call it inside a write transaction. */
export function settle(db: Database): void {
  if (db.prepare(HAS_CANARY).get() !== undefined) db.prepare(SETTLE).run();
}
