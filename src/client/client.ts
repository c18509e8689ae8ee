/*
 * What the application imports: one database that is SQLite before the switch and Postgres after it.
 *
 * (1) A transaction function is run as a whole, on one side, until that side commits it. It is run again only when the
 *     database kept nothing of it; so it must not have effects outside of its transaction.
 * (2) Whoever was refused reads the flag again and believes the newest epoch heard, from the flag or from a fence.
 * (3) The library knows no daemon: the flag and what the two databases answer are all it needs.
 */
import { z } from 'zod';
import { FlagConfig } from '../flag/config.ts';
import { fileFlag } from '../flag/file.ts';
import type { FlagProvider, FlagSql, FlagState, Side } from '../flag/flag.ts';
import { RowFlag, rowFlag } from '../flag/row.ts';
import { watchFlag } from '../flag/watch.ts';
import { belief } from './belief.ts';
import { type PgPool, postgresSide } from './postgres.ts';
import { NotAccepted, Refusal } from './refusal.ts';
import { type Rests, rests } from './rests.ts';
import { type SqliteDatabase, sqliteSide } from './sqlite.ts';
import type { Database, Work } from './tx.ts';

export type { FlagState, Side } from '../flag/flag.ts';
export type { PgPool } from './postgres.ts';
export { NotAccepted, OutcomeUnknown } from './refusal.ts';
export type { SqliteDatabase } from './sqlite.ts';
export type { Param, Row, Tx, Work } from './tx.ts';

export type ClientOptions = {
  /**
   * The flag as attacca's configuration describes it (`path` is enough for a dotenv file with DB_TYPE; `kind: 'postgres'` for a row,
   * which is read through the pool), or one of your own. Give epoch 0n where your service has none. What cannot be read or understood
   * later on changes nothing: it is read again.
   */
  readonly flag: FlagOptions | RowFlagOptions | FlagReader;
  /** Opens the SQLite file with better-sqlite3. Called up to twice: one connection writes, one reads. */
  readonly sqlite: () => SqliteDatabase;
  /** Makes a pool of node-postgres. */
  readonly postgres: () => PgPool;
  /** How long a transaction may wait for a side that accepts it, in ms. */
  readonly waitMs?: number;
  /** How often the flag is read without a reason, in ms. */
  readonly pollMs?: number;
  /** Told once for each switch that this instance follows. What it throws is an uncaught exception. */
  readonly onSwitch?: (state: FlagState) => void;
};

export type FlagOptions = {
  readonly kind?: 'file';
  readonly path: string;
  readonly format?: 'dotenv' | 'json' | 'flagd';
  readonly key?: string;
  readonly sqlite?: string;
  readonly postgres?: string;
};

/** A row of a table in Postgres: see deploy/configuration.md, "The flag". */
export type RowFlagOptions = {
  readonly kind: 'postgres';
  readonly schema?: string;
  readonly table?: string;
  readonly key?: string;
  readonly sqlite?: string;
  readonly postgres?: string;
};

/** What the library needs of a flag: to read it, and where there is one, a hint that it has changed. */
export type FlagReader = Pick<FlagProvider, 'read' | 'watch'>;

export interface AppDatabase {
  /** The side that this instance takes for primary. */
  primary(): Side;
  /**
   * Runs `work` in one write transaction (`begin immediate` on SQLite, `begin` on Postgres) and resolves when it is committed.
   * `work` may run several times, so it must not have other effects; on SQLite transactions queue, so it must not start
   * another one and wait for it: both fail after `waitMs`. Where its connection breaks before the commit it is run again; one that cannot be
   * made is an error at once. Rejects with what `work` or the database threw after rolling back, with `NotAccepted` when no side accepted it in
   * time, and with `OutcomeUnknown` when the connection was lost during the commit.
   */
  transaction<T>(work: Work<T>): Promise<T>;
  /** The same for a read-only transaction: one state of the database. */
  read<T>(work: Work<T>): Promise<T>;
  /** Waits for running transactions and closes both databases; again is harmless. The old side stays open until then: idle, it costs nothing. */
  close(): Promise<void>;
}

/** Opens the application's database. The databases themselves are opened when first used. Rejects when the flag cannot be understood. */
export async function createDatabase(options: ClientOptions): Promise<AppDatabase> {
  const { waitMs = 30_000, pollMs = 500, onSwitch = () => {} } = options;
  const sides: Record<Side, Database> = { sqlite: sqliteSide(options.sqlite, waitMs), postgres: postgresSide(options.postgres) };
  const flag = flagIn(options.flag, sides.postgres);
  const first = await flag.read().catch(async error => {
    await sides.postgres.close();
    throw error;
  });
  const known = belief(first ?? { primary: 'sqlite', epoch: 0n }, onSwitch);
  const closing = new AbortController();
  const running = new Set<Promise<unknown>>();
  const between = rests();
  const heed = (): void => {
    if (!closing.signal.aborted) sides[other(known.primary())].warm?.();
    between.wake();
  };
  watchFlag(heeded(flag, heed), { signal: closing.signal, pollMs }, known.flag);

  const track = <T>(start: () => Promise<T>): Promise<T> => {
    if (closing.signal.aborted) return Promise.reject(new Error('the database is closed'));
    const result = start();
    running.add(result);
    const done = () => running.delete(result);
    result.then(done, done);
    return result;
  };
  const look = seldom(async () => known.flag(await flag.read().catch(() => undefined)));
  const route = { look, known, sides, waitMs, between };
  let closed: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    closing.abort();
    await Promise.allSettled(running);
    await Promise.all([sides.sqlite.close(), sides.postgres.close()]);
  };
  return {
    primary: known.primary,
    transaction: work => track(() => untilAccepted(route, side => side.write(work))),
    read: work => track(() => untilAccepted(route, side => side.read(work))),
    close: () => (closed ??= end()),
  };
}

const other = (side: Side): Side => (side === 'sqlite' ? 'postgres' : 'sqlite');

/** Who is woken may have to change sides, now or soon: attacca announces a switch. */
function heeded(flag: FlagReader, near: () => void): FlagReader {
  return {
    read: () => flag.read(),
    watch(wake, signal) {
      flag.watch?.(() => {
        near();
        wake();
      }, signal);
    },
  };
}

function flagIn(given: ClientOptions['flag'], postgres: Database): FlagReader {
  if ('read' in given) return ownFlag(given);
  if (given.kind !== 'postgres') return fileFlag(described(FlagConfig, given));
  const run: FlagSql['run'] = (text, values) => postgres.read(tx => tx.all(text, ...values)) as ReturnType<FlagSql['run']>;
  return rowFlag(described(RowFlag, given), { run, trial: () => Promise.reject(new Error('the application only reads the flag')) });
}

function described<S extends z.ZodType>(schema: S, given: unknown): z.infer<S> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new TypeError(`the flag cannot be understood\n${z.prettifyError(parsed.error)}`);
}

/** What it gives is not ours: taken unseen, a word or an epoch of another kind would fail far from here, in whoever compares it. */
const ownFlag = (given: FlagReader): FlagReader => ({
  read: async () => understood(await given.read()),
  watch: (wake, signal) => given.watch?.(wake, signal),
});

function understood(state: FlagState | undefined): FlagState | undefined {
  if (state == null) return undefined;
  if ((state.primary === 'sqlite' || state.primary === 'postgres') && typeof state.epoch === 'bigint') return state;
  throw new TypeError("the flag cannot be understood: read() must give { primary: 'sqlite' or 'postgres', epoch: a bigint }, or undefined");
}

type Route = {
  /** Reads the flag again. One that cannot be read now changes nothing: what the fence said stands. */
  readonly look: () => Promise<void>;
  readonly known: ReturnType<typeof belief>;
  readonly sides: Record<Side, Database>;
  readonly waitMs: number;
  readonly between: Rests;
};

async function untilAccepted<T>(route: Route, attempt: (side: Database) => Promise<T>): Promise<T> {
  const { known, waitMs } = route;
  const start = performance.now();
  for (let refusals = 1; ; refusals++) {
    const side = known.primary();
    try {
      return await attempt(route.sides[side]);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const waited = performance.now() - start;
      if (waited >= waitMs) throw new NotAccepted(`no side accepted the transaction within ${waitMs} ms`, { cause: error.cause });
      if (refusals === REFUSALS_OF_A_SWITCH) route.sides[other(side)].warm?.();
      known.fence(error.fence);
      if (known.primary() !== side) continue; // the fence has said it all: whoever has switched since is asked when that side refuses
      await route.look();
      if (known.primary() === side) await route.between.rest(waited);
    }
  }
}

const LOOK_EVERY_MS = 20;

/** Whoever waits asks a database every few milliseconds, and that answers for itself: the flag need not be read each time. */
function seldom(look: () => Promise<void>): () => Promise<void> {
  let again = 0;
  return async () => {
    if (performance.now() < again) return;
    again = performance.now() + LOOK_EVERY_MS;
    await look();
  };
}

/** After this many the wait may be the beginning of a switch: connecting to the other side now shortens it. */
const REFUSALS_OF_A_SWITCH = 3;
