/*
 * The application's SQLite side.
 *
 * (1) One connection writes and one reads, each one transaction at a time: two transactions on a connection would be one.
 * (2) Nothing blocks the event loop: busy_timeout is 0, and who is refused waits outside.
 * (3) Every transaction looks for attacca's fence first. The fence's triggers refuse rows, so a read, or an update that finds
 *     no row, would otherwise pass on a database that is no longer primary.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { remembered } from './placeholders.ts';
import { codeOf, fenceIn, NotAccepted, OutcomeUnknown, Refusal, refusalOf } from './refusal.ts';
import type { Database, Param, Row, Tx, Work } from './tx.ts';

/** The part of better-sqlite3 that the library uses. */
export interface SqliteDatabase {
  prepare(sql: string): SqliteStatement;
  exec(sql: string): unknown;
  close(): unknown;
  readonly inTransaction: boolean;
}
export interface SqliteStatement {
  run(...params: unknown[]): { readonly changes: number };
  get(...params: unknown[]): unknown;
  all(...params: unknown[]): unknown[];
}

type Link = {
  readonly db: SqliteDatabase;
  readonly prepare: (sql: string) => SqliteStatement;
  readonly fence: () => Refusal | undefined;
};

/** The database that `open` connects to. It is called at the first write and at the first read, once each. */
export function sqliteSide(open: () => SqliteDatabase, waitMs: number): Database {
  const writer = lane(() => connect(open, ''), waitMs);
  const reader = lane(() => connect(open, 'pragma query_only = on;'), waitMs);
  return {
    write: work => writer.use(link => attempt(link, 'begin immediate', work)),
    read: work => reader.use(link => attempt(link, 'begin', work)),
    close: async () => {
      writer.close();
      reader.close();
    },
  };
}

function connect(open: () => SqliteDatabase, pragmas: string): Link {
  const db = open();
  db.exec(`pragma busy_timeout = 0; ${pragmas}`);
  const prepare = remembered(sql => db.prepare(sql));
  return { db, prepare, fence: fenceWatch(prepare) };
}

/** A connection that is opened when first used, by one user at a time, in the order they came; whoever has waited `waitMs` in vain is refused. */
function lane(open: () => Link, waitMs: number) {
  let link: Link | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let here = 0;
  const use = async <T>(job: (link: Link) => Promise<T>): Promise<T> => {
    const turn = last;
    const over = Promise.withResolvers<void>();
    last = turn.then(() => over.promise);
    try {
      if (here++ > 0) await comes(turn, waitMs);
      link ??= open();
      return await job(link);
    } finally {
      here--;
      over.resolve();
    }
  };
  const close = () => void link?.db.close();
  return { use, close };
}

/** Whoever waits inside of a transaction for another one waits for itself. */
async function comes(turn: Promise<unknown>, waitMs: number): Promise<void> {
  const enough = new AbortController();
  const late = delay(waitMs, undefined, { signal: enough.signal }).then(() => {
    throw new NotAccepted(`another transaction of this process did not end within ${waitMs} ms: does it wait for this one?`);
  });
  await Promise.race([turn, late]).finally(() => enough.abort());
}

async function attempt<T>(link: Link, begin: string, work: Work<T>): Promise<T> {
  const { db, prepare } = link;
  const { tx, end, failure } = transaction(link);
  let result: T;
  try {
    prepare(begin).run();
    const fenced = link.fence();
    if (fenced !== undefined) throw fenced;
    result = await work(tx);
    if (failure() !== undefined || !db.inTransaction)
      throw failure() ?? new Error('the transaction was ended by one of its own statements');
  } catch (error) {
    if (db.inTransaction) prepare('rollback').run();
    throw failure() ?? refusalOf(error) ?? error;
  } finally {
    end();
  }
  await commit(link);
  return result;
}

/** Statements of one transaction. A failure that ended it is kept: whatever comes after it would run on its own. */
function transaction({ db, prepare }: Link) {
  let failed: unknown;
  let ended = false;
  const step = async <R>(sql: string, run: (statement: SqliteStatement) => R): Promise<R> => {
    if (failed !== undefined) throw failed;
    if (ended || !db.inTransaction) throw new Error('the transaction is over');
    try {
      return run(prepare(sql));
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal !== undefined || !db.inTransaction) failed = refusal ?? error;
      throw refusal ?? error;
    }
  };
  const tx: Tx = {
    side: 'sqlite',
    run: (sql, ...params) => step(sql, statement => ({ changes: statement.run(...params.map(bound)).changes })),
    get: (sql, ...params) => step(sql, statement => statement.get(...params.map(bound)) as Row | undefined),
    all: (sql, ...params) => step(sql, statement => statement.all(...params.map(bound)) as Row[]),
  };
  const end = () => {
    ended = true;
  };
  return { tx, end, failure: () => failed };
}

/** A bigint, because better-sqlite3 binds every number as a REAL. */
const bound = (value: Param): unknown => (typeof value === 'boolean' ? BigInt(value) : value);

const COMMIT_TRIES = 100;

/**
 * In rollback-journal mode a reader can hold up COMMIT: the transaction stays as it is and no new reader comes in, so asking
 * again is safe and soon succeeds. After that the transaction is given up, which is a refusal like any other.
 */
async function commit({ db, prepare }: Link): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      prepare('commit').run();
      return;
    } catch (error) {
      if (codeOf(error).startsWith('SQLITE_IOERR')) throw new OutcomeUnknown('the commit failed on the disk', { cause: error });
      const refusal = refusalOf(error);
      if (refusal === undefined || tries === COMMIT_TRIES) {
        if (db.inTransaction) prepare('rollback').run();
        throw refusal ?? error;
      }
    }
    await delay(1);
  }
}

const SCHEMA_VERSION = /* sql */ `pragma schema_version`;
const FENCE = /* sql */ `select type, sql from sqlite_master where name = '_attacca_fence' or (type = 'trigger' and sql like '%ATTACCA_FENCED%')`;

/**
 * Looks for the fence as this transaction sees it, again only when the schema has changed. Where its table is there it is closed: only
 * the transaction of attacca's that opens it sees it open. Its triggers' text says what they would have said: the fence stays when
 * attacca and everything else of it has left the file.
 */
function fenceWatch(prepare: (sql: string) => SqliteStatement): () => Refusal | undefined {
  let version: unknown;
  let parts: readonly Row[] = [];
  return () => {
    const now = (prepare(SCHEMA_VERSION).get() as Row).schema_version;
    if (now !== version) {
      parts = prepare(FENCE).all() as Row[];
      version = now;
    }
    if (!parts.some(part => part.type === 'table')) return undefined;
    const said = parts.find(part => part.type === 'trigger')?.sql;
    return new Refusal(new Error('the SQLite database has the ATTACCA_FENCED triggers'), fenceIn(String(said)));
  };
}
