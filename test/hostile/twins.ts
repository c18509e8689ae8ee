/*
 * Two files that live through the same history: one captured, one not. Whatever a statement gives back must be the same in both,
 * and so must be what they hold in the end [G6].
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import fc from 'fast-check';
import { type Database, isBusy, openSource } from '../../src/sqlite/open.ts';
import { cellsOf } from './cells.ts';

const connection = fc.record({
  /** Off, as by default, more often: then REPLACE fires no DELETE trigger. */
  recursive: fc.nat({ max: 3 }).map(n => n === 3),
  foreignKeys: fc.nat({ max: 2 }).map(n => n > 0),
  trusted: fc.boolean(),
  synchronous: fc.constantFrom('off', 'normal', 'full'),
});
export const settings = fc.record({
  journal: fc.constantFrom('wal', 'delete'),
  encoding: fc.nat({ max: 19 }).map(n => (n === 19 ? 'UTF-16le' : 'UTF-8')),
  connections: fc.tuple(connection, connection),
});
export type Settings = typeof settings extends fc.Arbitrary<infer T> ? T : never;

export type Twins = Disposable & {
  /** The daemon's connection to the captured file. */
  readonly reader: Database;
  /** Runs a statement in both; a difference between what they give back, or undefined. */
  run(connection: number, sql: string): string | undefined;
  /** Runs a statement in both from connections of nobody's: VACUUM leaves its own last_insert_rowid() behind. */
  quietly(sql: string): void;
  /** To be called once the captured file has its triggers. */
  installed(): void;
  /** A table that does not hold the same in both, or undefined. */
  difference(): string | undefined;
  /** Whether SQLite itself has left an index behind that lacks rows: it does where REPLACE evicts the row that the updated one refers to. */
  isBroken(): boolean;
  /** What SQLite itself did differently because there are triggers, if it came to that: the twin has stopped there. */
  readonly parted: string | undefined;
};

const TOLD = /* sql */ `select changes(), last_insert_rowid()`;
const OURS = /* sql */ `select name, sql from sqlite_schema where type = 'trigger' and name like '\\_attacca\\_%' escape '\\'`;
const TABLES = /* sql */ `
  select name, wr from pragma_table_list where schema = 'main' and type = 'table'
  and (name = 'sqlite_sequence' or name not like 'sqlite\\_%' escape '\\') and name not like '\\_attacca\\_%' escape '\\' order by name`;
const COLUMNS = /* sql */ `select name from pragma_table_xinfo(?) order by cid`;
const MEMORY = '/dev/shm';

/** What was done to the files so far. */
type Event =
  | { readonly kind: 'statement'; readonly connection: number; readonly sql: string; readonly captured: Outcome; readonly plain: Outcome }
  | { readonly kind: 'upkeep'; readonly sql: string }
  | { readonly kind: 'installed'; readonly triggers: readonly Trigger[] };
type Trigger = { readonly name: string; readonly sql: string };

export function twins(own: Settings): Twins {
  const folder = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'attacca-test-'));
  const captured = openFile(join(folder, 'captured.db'), own);
  const plain = openFile(join(folder, 'plain.db'), own);
  const reader = openSource(captured.path);
  reader.pragma('busy_timeout = 0');
  const events: Event[] = [];
  /** By connection: a refused INSERT leaves its last_insert_rowid() behind or not; SQLite promises nothing there. */
  const doubtful = [false, false];
  let parted: string | undefined;

  /** Undefined where triggers that do nothing make the same difference: then it is none of ours. */
  function explained(told: string): string | undefined {
    parted = inherent(events, { folder, own, contents: contentsOf(captured) });
    return parted === undefined ? told : undefined;
  }

  return {
    reader,
    run(connection, sql) {
      const one = outcome(captured.connections[connection]!, sql);
      if (parted !== undefined) return undefined;
      const two = outcome(plain.connections[connection]!, sql);
      events.push({ kind: 'statement', connection, sql, captured: one, plain: two });
      if (two.code !== '' || one.last === two.last) doubtful[connection] = one.last !== two.last;
      const same = one.said === two.said && (one.last === two.last || doubtful[connection]);
      return same ? undefined : explained(`with capture: ${one.said} ${one.last}\nwithout:      ${two.said} ${two.last}`);
    },
    quietly(sql) {
      events.push({ kind: 'upkeep', sql });
      captured.quietly(sql);
      if (parted === undefined) plain.quietly(sql);
    },
    installed: () => void events.push({ kind: 'installed', triggers: reader.prepare<[], Trigger>(OURS).all() }),
    difference() {
      const told = parted === undefined ? differenceIn(captured, plain) : undefined;
      return told === undefined ? undefined : explained(told);
    },
    isBroken: () => /index/.test(String(attempt(() => plain.connections[0].pragma('integrity_check(1)', { simple: true })))),
    get parted() {
      return parted;
    },
    [Symbol.dispose]() {
      captured.close();
      plain.close();
      reader.close();
      rmSync(folder, { recursive: true });
    },
  };
}

type File = {
  readonly path: string;
  readonly connections: readonly [Database, Database];
  quietly(sql: string): void;
  close(): void;
};

function openFile(path: string, { journal, encoding, connections }: Settings): File {
  using db = disposable(new BetterSqlite3(path));
  db.it.exec(`pragma encoding = '${encoding}'; pragma journal_mode = ${journal}; create table at_first (x); drop table at_first`);
  const opened = [open(path, connections[0]), open(path, connections[1])] as const;
  let upkeep: Database | undefined;
  return {
    path,
    connections: opened,
    quietly(sql) {
      upkeep ??= new BetterSqlite3(path, { timeout: 0 });
      const db = upkeep;
      attempt(() => db.exec(sql));
    },
    close() {
      for (const each of [...opened, upkeep]) each?.close();
    },
  };
}

type Scene = { readonly folder: string; readonly own: Settings; readonly contents: Readonly<Record<string, string>> };

/**
 * Plays everything again on a file with triggers that fire when ours do and do nothing. If that file goes the way of the captured
 * one, SQLite itself does what is different, for any trigger: named by the kinds of trigger of which one alone is enough.
 */
function inherent(events: readonly Event[], scene: Scene): string | undefined {
  if (!goesAlong(events, scene, '')) return undefined;
  const kinds = ['insert', 'update', 'delete', 'evict_insert', 'evict_update'];
  const enough = kinds.filter(kind => goesAlong(events, scene, kind));
  const last = events.findLast(event => event.kind === 'statement');
  const differs = last !== undefined && last.captured.said !== last.plain.said;
  const codes = differs ? [last.captured.code, last.plain.code].map(code => code.replace('SQLITE_', '') || 'done') : ['other rows'];
  return `${enough.join(' or ') || 'several'} triggers: ${codes.join(' instead of ')}`;
}

/** Whether triggers of this kind ('': all), which do nothing, make a file go the way of the captured one. */
function goesAlong(events: readonly Event[], { folder, own, contents }: Scene, kind: string): boolean {
  const path = join(folder, `idle-${kind}.db`);
  const file = openFile(path, own);
  try {
    for (const event of events) {
      if (event.kind === 'upkeep') file.quietly(event.sql);
      else if (event.kind === 'installed') idle(file, event.triggers, `_attacca_${kind}`);
      else if (outcome(file.connections[event.connection]!, event.sql).said !== event.captured.said) return false;
    }
    const own = contentsOf(file);
    return Object.keys(contents).every(name => own[name] === contents[name]);
  } finally {
    file.close();
  }
}

/** They would write, so that SQLite prepares for rolling a statement back as it does for ours. */
function idle(file: File, triggers: readonly Trigger[], prefix: string): void {
  file.quietly('create table _attacca_idle (x integer primary key)');
  for (const { name, sql } of triggers)
    if (name.startsWith(prefix))
      file.quietly(sql.replace(/\nbegin\n[\s\S]*$/, '\nbegin\n  insert into _attacca_idle select null where 0;\nend'));
}

function differenceIn(captured: File, plain: File): string | undefined {
  const [one, two] = [contentsOf(captured), contentsOf(plain)];
  const name = Object.keys(two).find(name => one[name] !== two[name]);
  return name === undefined ? undefined : `table ${name} with capture: ${one[name]}\nwithout: ${two[name]}`;
}

const disposable = (it: Database): { readonly it: Database } & Disposable => ({ it, [Symbol.dispose]: () => void it.close() });

function open(path: string, own: Settings['connections'][number]): Database {
  const db: Database = new BetterSqlite3(path, { timeout: 0 });
  db.defaultSafeIntegers(true);
  db.exec(`pragma recursive_triggers = ${own.recursive}; pragma foreign_keys = ${own.foreignKeys};
    pragma trusted_schema = ${own.trusted}; pragma synchronous = ${own.synchronous}`);
  return db;
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!isBusy(error)) throw error;
    return undefined;
  }
}

type Outcome = {
  readonly code: string;
  /** Everything a statement tells its application, but for last_insert_rowid(). */
  readonly said: string;
  readonly last: bigint;
};

const counters = new WeakMap<Database, ReturnType<Database['prepare']>>();

function outcome(db: Database, sql: string): Outcome {
  let code = '';
  let given: unknown;
  try {
    const statement = db.prepare(sql);
    given = statement.reader ? statement.raw().all() : void statement.run();
  } catch (error) {
    // Constraints, locks, names that are not there: the application's own errors, as long as both files have them.
    if (!(error instanceof BetterSqlite3.SqliteError)) throw error;
    code = error.code;
    // A row that breaks two constraints may be told either: which comes first depends on there being triggers at all.
    given = code.startsWith('SQLITE_CONSTRAINT') ? 'SQLITE_CONSTRAINT' : `${code} ${error.message}`;
  }
  const counter = counters.get(db) ?? db.prepare(TOLD).raw();
  counters.set(db, counter);
  const [changes, last] = counter.get() as [bigint, bigint];
  return { code, said: text([given, changes, db.inTransaction]), last };
}

const text = (value: unknown): string => JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner));

/** By the second connection where that one keeps the first from reading: its COMMIT met a reader and waits to be tried again. */
function contentsOf({ connections: [first, second] }: File): Record<string, string> {
  try {
    return everything(first);
  } catch (error) {
    if (!isBusy(error)) throw error;
    return everything(second);
  }
}

function everything(db: Database): Record<string, string> {
  const tables = db.prepare<[], { name: string; wr: bigint }>(TABLES).all();
  return Object.fromEntries(
    tables.map(({ name, wr }) => {
      const columns = db.prepare<[string], string>(COLUMNS).pluck().all(name);
      return [name, text(cellsOf(db, name, wr === 1n ? columns : ['rowid', ...columns]).sort())];
    }),
  );
}
