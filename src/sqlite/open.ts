/*
 * Opens the application's file. better-sqlite3 is the only thing in this process that may open it: any other open and
 * close of the file drops SQLite's POSIX locks, ours included. `stat` and `access` open nothing.
 */
import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { messageOf, Refused, ReplicationError, SourceMoved, UsageError } from '../change/errors.ts';

export type Database = BetterSqlite3.Database;
export type Statement = BetterSqlite3.Statement;

/** How long a read waits for a writer that is committing (rollback-journal mode). */
const READ_WAIT_MS = 2_000;
/** For a read that nobody waits for but a person: beside a busy writer SQLite's own wait often looks in vain (rollback-journal mode). */
export const PATIENT_MS = 30_000;
const PAUSE_MS = 0.2;
const cell = new Int32Array(new SharedArrayBuffer(4));

/** Waits for the usual gap between writers, and the event loop with it: a timer would wait a whole millisecond, five times as long. */
export const pause = (): void => void Atomics.wait(cell, 0, 0, PAUSE_MS);

export type OpenOptions = {
  readonly readonly?: boolean;
  /** Not even a transaction that was cut short, by a crash of its process, is rolled back. */
  readonly untouched?: boolean;
  /** How long it may wait for a lock, and the event loop with it. */
  readonly waitMs?: number;
  /** The same of what is read later, once it is open; absent: as long. */
  readonly readWaitMs?: number;
  /** For one pass over the file: keeps half a MB of its pages in memory instead of the library's 16. */
  readonly scan?: boolean;
};

/**
 * Opens the SQLite file at `path`, until closed or disposed. Integers come back as bigint. Throws UsageError, with what to do, for anything that is
 * not a readable (unless `readonly`: writable) SQLite database, and Refused for one that is empty, locked or damaged.
 */
export function openSource(path: string, options: OpenOptions = {}): Database & Disposable {
  const readonly = options.readonly === true;
  checkFile(path, readonly);
  const waitMs = options.waitMs ?? READ_WAIT_MS;
  let db: Database | undefined;
  try {
    db = new BetterSqlite3(path, { readonly, fileMustExist: true, timeout: 0 });
    db.defaultSafeIntegers(true);
    firstRead(db, waitMs);
    db.pragma(`busy_timeout = ${options.readWaitMs ?? waitMs}`);
    if (options.scan === true) db.pragma('cache_size = -500'); // reads the schema, so it waits too
    return closing(db);
  } catch (error) {
    db?.close();
    if (codeOf(error) !== UNFINISHED || options.untouched === true) throw explain(path, error);
    openSource(path, { waitMs }).close(); // rolls it back, as whoever opens the file next does
    return openSource(path, options);
  }
}

/** A process was killed within a transaction, and a connection that only reads cannot roll it back (rollback-journal mode). */
const UNFINISHED = 'SQLITE_READONLY_ROLLBACK';

const closing = (db: Database): Database & Disposable => Object.assign(db, { [Symbol.dispose]: () => void db.close() });

/** SQLite's own wait looks some thirty times in two seconds: beside a writer that hardly pauses it finds no gap (rollback-journal mode). */
function firstRead(db: Database, waitMs: number): void {
  for (const deadline = performance.now() + waitMs; ; pause()) {
    try {
      db.prepare(/* sql */ `select count(*) from sqlite_schema`).get();
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error;
    }
  }
}

/** What `look` finds in the file at `source`; undefined while that is locked. Waits for nobody. */
export function unlessLocked<T>(source: string, look: (db: Database) => T): T | undefined {
  try {
    using db = openSource(source, { readonly: true, waitMs: 0 });
    return look(db);
  } catch (error) {
    if (isBusy(error) || isLocked(error)) return undefined;
    throw error;
  }
}

/** Throws UsageError where no file that may be one of SQLite's can be read, or also written, at `path`; Refused where that is empty. */
export function checkFile(path: string, readonly: boolean): void {
  const stat = statOf(path);
  if (stat === undefined) throw new UsageError(`there is no file at ${path}`, 'check the path given as the source');
  if (!stat.isFile())
    throw new UsageError(`${path} is ${stat.isDirectory() ? 'a folder' : 'no ordinary file'}`, 'give the SQLite file itself as the source');
  if (stat.size === 0) throw empty(path);
  if (!allowed(path, constants.R_OK)) throw new UsageError(`${path} cannot be read`, 'give this user read access to the file');
  if (readonly) return;
  if (!allowed(path, constants.W_OK)) throw new UsageError(`${path} cannot be written`, 'give this user write access to the file');
  if (!allowed(dirname(path), constants.W_OK))
    throw new UsageError(
      `the folder of ${path} cannot be written`,
      'SQLite keeps its journal beside the file: give this user write access',
    );
}

function statOf(path: string): ReturnType<typeof statSync> | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw new UsageError(`${path} cannot be reached: ${messageOf(error)}`, 'check the path, its links, and the rights of its folders');
  }
}

/** The file behind any links: SQLite keeps its -wal and -shm beside that one. */
export const behindLinks = (path: string): string => (existsSync(path) ? realpathSync(path) : path);

/**
 * Which file stands at `path` now; undefined: none, or an empty one, which somebody is about to copy into: a transaction of ours would write a page
 * there. A connection goes on with the file it opened, also when another took its name.
 */
export function fileAt(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined || stat.size === 0 ? undefined : `${stat.dev}:${stat.ino}`;
}

function allowed(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

const EXPLANATIONS: readonly (readonly [code: RegExp, what: string, hint: string])[] = [
  [
    /^SQLITE_NOTADB/,
    'is not a SQLite database, or is encrypted',
    'check the path; an encrypted file must be decrypted into a plain one first',
  ],
  [
    new RegExp(`^${UNFINISHED}$`),
    'holds a transaction that was cut short',
    'start the application, or open the file with sqlite3 and read something: that rolls it back. Never remove the -journal beside it',
  ],
  [
    /^SQLITE_READONLY/,
    'cannot be read without writing beside it',
    'it has a journal to recover or a WAL: give write access to file and folder',
  ],
  [/^SQLITE_(CANTOPEN|PERM|AUTH)/, 'cannot be opened', 'check the access rights of the file, of its folder and of its -wal and -shm files'],
];

/** The sentence for a person about an error of SQLite in the file at `path`; what is not known here stays as it is. */
export function explain(path: string, error: unknown): unknown {
  const code = codeOf(error);
  if (/^SQLITE_CORRUPT/.test(code)) return damaged(path, code);
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return locked(path);
  if (/^SQLITE_(FULL|IOERR)/.test(code)) return failing(path, code, error);
  const [, what, hint] = EXPLANATIONS.find(([pattern]) => pattern.test(code)) ?? [];
  return what === undefined || hint === undefined ? error : new UsageError(`${path} ${what}`, hint);
}

/** SQLite needs room beside a file in WAL mode even to read it, and says no more than "disk I/O error" where there is none. */
const failing = (path: string, code: string, cause: unknown): ReplicationError =>
  new ReplicationError('retry', `the disk of ${path} is full, or fails (${code})`, {
    hint: 'make room there and in the temp folder, or look after that disk, and try again; nothing is lost',
    cause,
  });

/** A database without a table to SQLite; whoever starts first may be about to make them. */
const empty = (path: string): Refused =>
  new Refused(`${path} is empty`, [
    {
      code: 'no-tables',
      reason: 'it is zero bytes long: there is nothing to replicate',
      remedy: 'check the path given as the source; or start the application first, which makes its tables',
    },
  ]);

/** `found`: what SQLite says about it; no row value is in that. */
export const damaged = (path: string, found: string): Refused =>
  new Refused(`${path} is damaged or cut off`, [
    {
      code: 'corrupt',
      reason: `its pages do not make sense (${found})`,
      remedy: 'restore it from a backup, or rescue what can be read: sqlite3 damaged.db .recover | sqlite3 rescued.db',
    },
  ]);

/** Whether somebody kept the file locked: while it was opened, or for as long as `persist` tried. */
export const isLocked = (error: unknown): boolean =>
  error instanceof Refused
    ? error.blockers.some(({ code }) => code === 'source-locked')
    : error instanceof ReplicationError && (isBusy(error.cause) || isLocked(error.cause));

const locked = (path: string): Refused =>
  new Refused(`${path} is locked by another process`, [
    {
      code: 'source-locked',
      reason: 'a process holds it in EXCLUSIVE locking mode, or in a long write',
      remedy: 'end that process or its transaction, then run this again',
    },
  ]);

/** SQLite's own code of an error ('SQLITE_BUSY_SNAPSHOT'); '' for errors that are not SQLite's. */
export const codeOf = (error: unknown): string => (error instanceof BetterSqlite3.SqliteError ? error.code : '');

/** Whether another connection stands in the way just now. */
export const isBusy = (error: unknown): boolean => /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error));

/** Whether a disk is full: SQLite's own error, or what `orFull` makes of it. */
export const isFull = (error: unknown): boolean => codeOf(error instanceof ReplicationError ? error.cause : error) === 'SQLITE_FULL';

/** A full disk heals when somebody makes room, and nothing was written: it is tried again. Other errors stay as they are. */
export const orFull = (db: Database, error: unknown): unknown =>
  codeOf(error) === 'SQLITE_FULL'
    ? new ReplicationError('retry', `no space is left on the disk of ${db.name}, or in the temp folder`, {
        hint: 'free space on it and try again; nothing is lost',
        cause: error,
      })
    : error;

/** SQLite writes nothing more into a file whose name another has taken. Other errors stay as they are. */
export const orMoved = (error: unknown): unknown => (codeOf(error) === 'SQLITE_READONLY_DBMOVED' ? moved(error) : error);

/** Throws SourceMoved where the file at `path` is not `file` any more, which `fileAt` gave. */
export function refuseMoved(path: string, file: string | undefined): void {
  if (fileAt(path) !== file) throw moved();
}

const moved = (cause?: unknown): SourceMoved => new SourceMoved('another file was put in place of the SQLite file', cause);
