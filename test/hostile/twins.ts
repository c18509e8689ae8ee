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
  recursive: fc.boolean(),
  foreignKeys: fc.boolean(),
  trusted: fc.boolean(),
  synchronous: fc.constantFrom('off', 'normal', 'full'),
});
export const settings = fc.record({
  journal: fc.constantFrom('wal', 'delete'),
  encoding: fc.nat({ max: 19 }).map(n => (n === 19 ? 'UTF-16le' : 'UTF-8')),
  connections: fc.tuple(connection, connection),
});
export type Settings = typeof settings extends fc.Arbitrary<infer T> ? T : never;

/**
 * What SQLite itself does differently as soon as a table has any trigger; the two files go different ways from there.
 * (1) A STRICT table with a BEFORE trigger checks types first: a row that is refused for its type *and* ignored for another
 *     reason is an error; and without one, a row refused for its type leaves earlier rows of its statement behind.
 * (2) Where REPLACE adds and removes orphans, one may be counted against another: what is refused depends on triggers.
 * (3) A foreign key's action during REPLACE can put a second entry into a unique index; where a DELETE trigger fires, SQLite
 *     looks again and refuses.
 */
export class Parted {
  readonly how: string;
  constructor(how: string) {
    this.how = how;
  }
}

export type Twins = Disposable & {
  /** The daemon's connection to the captured file. */
  readonly reader: Database;
  /** Runs a statement in both; a difference between what they give back, or undefined. */
  run(connection: number, sql: string): string | Parted | undefined;
  /** Runs a statement in both from connections of nobody's: VACUUM leaves its own last_insert_rowid() behind. */
  quietly(sql: string): void;
  /** A table that does not hold the same in both, or undefined. */
  difference(): string | undefined;
};

const CHANGES = /* sql */ `select changes()`;
const LAST_ID = /* sql */ `select last_insert_rowid()`;
const TYPE = 'SQLITE_CONSTRAINT_DATATYPE';
const FOREIGN_KEY = 'SQLITE_CONSTRAINT_FOREIGNKEY';
const TABLES = /* sql */ `
  select name, wr from pragma_table_list where schema = 'main' and type = 'table'
  and (name = 'sqlite_sequence' or name not like 'sqlite\\_%' escape '\\') and name not like '\\_attacca\\_%' escape '\\' order by name`;
const COLUMNS = /* sql */ `select name from pragma_table_xinfo(?) order by cid`;
const MEMORY = '/dev/shm';

export function twins({ journal, encoding, connections }: Settings): Twins {
  const folder = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'attacca-test-'));
  const [captured, plain] = ['captured.db', 'plain.db'].map(name => join(folder, name)) as [string, string];
  for (const path of [captured, plain]) {
    using db = disposable(new BetterSqlite3(path));
    db.it.exec(`pragma encoding = '${encoding}'; pragma journal_mode = ${journal}; create table at_first (x); drop table at_first`);
  }
  const pairs = connections.map(own => [open(captured, own), open(plain, own)] as const);
  const upkeep = [captured, plain].map(path => open(path, connections[0]));
  /** By connection: a refused INSERT leaves its last_insert_rowid() behind or not; SQLite promises nothing there. */
  const doubtful = [false, false];
  const reader = openSource(captured);
  reader.pragma('busy_timeout = 0');
  return {
    reader,
    run(connection, sql) {
      const [first, second] = pairs[connection]!;
      const [one, two] = [outcome(first, sql), outcome(second, sql)];
      const [last, expected] = [lastId(first), lastId(second)];
      if (two.code !== '' || last === expected) doubtful[connection] = last !== expected;
      const told = `with capture: ${one.said} ${last}\nwithout:      ${two.said} ${expected}`;
      const codes = [one.code, two.code];
      if (codes.includes(TYPE) && (one.said !== two.said || differenceIn(pairs[connection]!) !== undefined)) return new Parted(told);
      if (one.said === two.said) return last === expected || doubtful[connection] ? undefined : told;
      const excused = codes.includes(FOREIGN_KEY) ? hasOrphans(second) : one.code !== '' && two.code === '' && isDamaged(second);
      return excused ? new Parted(told) : told;
    },
    quietly(sql) {
      for (const db of upkeep) attempt(() => db.exec(sql));
    },
    difference: () => differenceIn(pairs[0]!),
    [Symbol.dispose]() {
      for (const db of [...pairs.flat(), ...upkeep, reader]) db.close();
      rmSync(folder, { recursive: true });
    },
  };
}

function differenceIn([first, second]: readonly [Database, Database]): string | undefined {
  const [one, two] = [everything(first), everything(second)];
  const name = Object.keys(two).find(name => one[name] !== two[name]);
  return name === undefined ? undefined : `table ${name} with capture: ${one[name]}\nwithout: ${two[name]}`;
}

const disposable = (it: Database): { readonly it: Database } & Disposable => ({ it, [Symbol.dispose]: () => void it.close() });

function open(path: string, own: Settings['connections'][number]): Database {
  const db: Database = new BetterSqlite3(path, { timeout: 0 });
  db.defaultSafeIntegers(true);
  db.pragma(`recursive_triggers = ${own.recursive}`);
  db.pragma(`foreign_keys = ${own.foreignKeys}`);
  db.pragma(`trusted_schema = ${own.trusted}`);
  db.pragma(`synchronous = ${own.synchronous}`);
  return db;
}

function attempt(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!isBusy(error)) throw error;
  }
}

type Outcome = { readonly code: string; readonly said: string };

/** Everything a statement tells its application. */
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
  return { code, said: text([given, db.prepare(CHANGES).pluck().get(), db.inTransaction]) };
}

const isDamaged = (db: Database): boolean => db.pragma('integrity_check', { simple: true }) !== 'ok';
const hasOrphans = (db: Database): boolean => db.prepare('pragma foreign_key_check').all().length > 0;

const lastId = (db: Database): unknown => db.prepare(LAST_ID).pluck().get();

const text = (value: unknown): string => JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner));

function everything(db: Database): Record<string, string> {
  const tables = db.prepare<[], { name: string; wr: bigint }>(TABLES).all();
  return Object.fromEntries(
    tables.map(({ name, wr }) => {
      const columns = db.prepare<[string], string>(COLUMNS).pluck().all(name);
      return [name, text(cellsOf(db, name, wr === 1n ? columns : ['rowid', ...columns]).sort())];
    }),
  );
}
