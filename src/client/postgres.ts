/*
 * The application's Postgres side: a transaction on a connection of the application's pool.
 *
 * (1) An error of the driver, not of the server, leaves a connection in a state nobody knows: it is destroyed, which rolls back.
 * (2) A connection that breaks before COMMIT has kept nothing: a refusal like any other. That none can be made is the application's to hear.
 * (3) COMMIT has three ends: done, refused by the server (nothing kept), or unknown; the last is never run again [G10].
 */
import { numbered, remembered } from './placeholders.ts';
import { codeOf, OutcomeUnknown, Refusal, refusalOf } from './refusal.ts';
import type { Database, Param, Row, Tx, Work } from './tx.ts';

/** The part of node-postgres that the library uses. */
export interface PgPool {
  connect(): Promise<PgClient>;
  end(): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}
export interface PgClient {
  query(query: string | PgQuery): Promise<PgResult>;
  release(destroy?: boolean): void;
  /** 'I' outside of a transaction. Only newer versions tell. */
  getTransactionStatus?(): string | null;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}
export interface PgQuery {
  readonly text: string;
  readonly values: unknown[];
  /** One statement only, with or without values, as SQLite has it: the server refuses more. */
  readonly queryMode: 'extended';
}
export interface PgResult {
  readonly command: string;
  readonly rowCount: number | null;
  readonly rows: unknown[];
}

/** An application that often waits for SQLite's lock must not connect to Postgres each time. */
const WARM_EVERY_MS = 5_000;

/** The database behind the pool that `open` makes. It is called once, at the first use. */
export function postgresSide(open: () => PgPool): Database {
  let pool: PgPool | undefined;
  let warmAgainAt = 0;
  const connect = async (): Promise<PgClient> => {
    pool ??= watched(open());
    return pool.connect();
  };
  return {
    write: async work => attempt(await connect(), 'begin', work),
    read: async work => attempt(await connect(), 'begin isolation level repeatable read read only', work).catch(unread),
    warm: () => {
      if (performance.now() < warmAgainAt) return;
      warmAgainAt = performance.now() + WARM_EVERY_MS;
      connect().then(
        client => client.release(),
        () => {}, // Postgres may not be there yet: that matters only to a transaction
      );
    },
    close: async () => {
      await pool?.end();
    },
  };
}

/** The pool drops an idle connection that breaks, and says so by an event that would end the process if nobody listened. */
function watched(pool: PgPool): PgPool {
  pool.on('error', () => {});
  return pool;
}

/** Of a transaction that only reads, COMMIT has nothing to keep. */
function unread(error: unknown): never {
  throw error instanceof OutcomeUnknown ? new Refusal(error.cause) : error;
}

async function attempt<T>(client: PgClient, begin: string, work: Work<T>): Promise<T> {
  const { tx, end, failure, breaks } = transaction(client);
  let broken = false;
  client.on('error', breaks);
  try {
    const result = await run(client, begin, tx, work, failure);
    end();
    await commit(client, failure());
    return result;
  } catch (error) {
    if (error instanceof OutcomeUnknown || isDriverError(failure())) broken = true;
    else
      await client.query('rollback').catch(() => {
        broken = true;
      });
    throw error;
  } finally {
    end();
    client.off('error', breaks);
    client.release(broken);
  }
}

async function run<T>(client: PgClient, begin: string, tx: Tx, work: Work<T>, failure: () => unknown): Promise<T> {
  try {
    await client.query(begin);
    const result = await work(tx);
    const refusal = refusalOf(failure());
    if (refusal !== undefined) throw refusal;
    if (isOver(client)) throw new Error('the transaction was ended by one of its own statements');
    return result;
  } catch (error) {
    throw refusalOf(failure()) ?? refusalOf(error) ?? error;
  }
}

const prepare = remembered(numbered);

/** Statements of one transaction; `failure` is the first that failed, or that the connection broke. */
function transaction(client: PgClient) {
  let failed: unknown;
  let ended = false;
  const step = async (sql: string, params: readonly Param[]): Promise<PgResult> => {
    if (ended || isOver(client)) throw new Error('the transaction is over');
    const refused = refusalOf(failed);
    if (refused !== undefined) throw refused;
    try {
      return await client.query({ text: prepare(sql), values: params.map(bound), queryMode: 'extended' });
    } catch (error) {
      if (failed === undefined || refusalOf(error) !== undefined) failed = error;
      throw refusalOf(error) ?? error;
    }
  };
  const tx: Tx = {
    side: 'postgres',
    run: async (sql, ...params) => ({ changes: (await step(sql, params)).rowCount ?? 0 }),
    get: async (sql, ...params) => (await step(sql, params)).rows[0] as Row | undefined,
    all: async (sql, ...params) => (await step(sql, params)).rows as Row[],
  };
  const end = () => {
    ended = true;
  };
  const breaks = (error: Error) => {
    if (refusalOf(failed) === undefined) failed = new Refusal(error);
  };
  return { tx, end, failure: () => failed, breaks };
}

/** Postgres takes 0 and 1 for a boolean, and no boolean for a number. */
const bound = (value: Param): Param => (typeof value === 'boolean' ? Number(value) : value);

/** Whatever is asked for then would be done on its own, and stay. */
const isOver = (client: PgClient): boolean => client.getTransactionStatus?.() === 'I';

/** The driver's own errors (connection lost, time out) have no severity; what the server says has one. */
const isDriverError = (error: unknown): boolean => error instanceof Error && !('severity' in error);

/**
 * Postgres answers COMMIT of a failed transaction with ROLLBACK and no error: a function that swallowed an error would be
 * told that its writes were kept.
 */
async function commit(client: PgClient, failure: unknown): Promise<void> {
  let result: PgResult;
  try {
    result = await client.query('commit');
  } catch (error) {
    if (isUnknown(error)) throw new OutcomeUnknown('the connection was lost during commit', { cause: error });
    throw refusalOf(error) ?? error;
  }
  if (result.command === 'ROLLBACK') throw failure ?? new Error('the transaction was rolled back by Postgres');
}

/** Connection, shutdown, crash, disk: the server may have committed before it said so. Other errors mean that it has not. */
const isUnknown = (error: unknown): boolean => isDriverError(error) || /^(08|53|57|58|XX)|^40003$/.test(codeOf(error));
