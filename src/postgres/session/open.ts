/*
 * Sessions with Postgres.
 *
 * (1) Every value is text on the way in and out: no type parser ever sees it [G4].
 * (2) Every session commits synchronously, whatever the role's default: an asynchronous commit can be lost after we acknowledged it.
 *     Where that does no harm is said there (small.ts).
 * (3) Nothing waits forever: a dead socket is found by keepalive or by the time limit of the query.
 * (4) What a session throws is a ReplicationError without row values; a password is in no message.
 */
import { pipeline } from 'node:stream/promises';
import { Client, type QueryResult } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { ReplicationError, UsageError } from '../../change/errors.ts';
import { literal } from '../../change/quote.ts';
import { redact } from '../../change/redact.ts';
import { connectionError } from './connection-error.ts';
import { PostgresError, replicationError } from './errors.ts';
import { connectLimitIn, limitIn } from './limit.ts';
import { roundTrips, type Step } from './round-trip.ts';
import { configuring } from './settings.ts';
import { checkTarget } from './target.ts';
import { asVerified, unreadFile } from './tls.ts';
import { overlapping, type Turns, turns } from './turns.ts';

/** One SQL statement. `name` prepares it once for the session; `limitMs` replaces the usual limit for long ones, `slow` makes ten of it. */
export type Statement = { readonly text: string; readonly name?: string; readonly limitMs?: number; readonly slow?: boolean };

export type PgRecord = Readonly<Record<string, string | null>>;

/** One connection; what it is asked for is done in the order of the calls. */
export interface Session extends AsyncDisposable {
  /** Process id of the server's end. */
  readonly pid: number;
  /** Aborts when the connection has ended: a session that is asked for nothing would not notice. */
  readonly lost: AbortSignal;
  query<R extends object = PgRecord>(statement: string | Statement, values?: readonly unknown[]): Promise<QueryResult<R>>;
  /** Runs the statements in one round trip; outside of a transaction they are one. The first failure takes back all of them. */
  roundTrip(steps: readonly Step[]): Promise<void>;
  /** Runs `copy … from stdin` with `pieces` as its input. */
  copyIn(copy: string, pieces: Iterable<string | Uint8Array>): Promise<void>;
  end(): Promise<void>;
}

export type ConnectOptions = {
  /** What pg_stat_activity shows. */
  readonly applicationName: string;
  readonly connectMs?: number;
  readonly queryMs?: number;
  /** What is asked for is sent without waiting for the answers to what was asked before, which still come first. Only `copyIn` waits. */
  readonly pipelined?: boolean;
};

/** What marks a transaction as attacca's own. */
export type Writer = {
  /** The installation's id: the fence lets it through. */
  readonly token: string;
  /** Whether the role may silence foreign key actions and triggers (preflight tries it). */
  readonly replicaRole: boolean;
};

const CONNECT_MS = 10_000;
const QUERY_MS = 60_000;
const ROLLBACK_MS = 5_000;
const END_MS = 2_000;
const SLOW = 10;
/** For statements that read or index a whole table. */
export const LONG_MS = 24 * 60 * 60_000;

const RAW = { getTypeParser: () => (value: string) => value };

/**
 * Opens a session. libpq's variables stand in for what `url` leaves out. Throws UsageError where only a person can help
 * (password, database, TLS), a ReplicationError to retry where the server is not there.
 */
export async function connect(url: string, options: ConnectOptions): Promise<Session> {
  const wanted = { queryMs: limitIn(url) ?? QUERY_MS, connectMs: connectLimitIn(url) ?? CONNECT_MS };
  const { queryMs, connectMs } = { ...wanted, ...options };
  const client = open(url, { ...options, queryMs, connectMs });
  // An idle session that loses its connection must not end the process: its next query reports the loss.
  client.on('error', () => undefined);
  const lost = new AbortController();
  client.once('end', () => lost.abort(new PostgresError('retry', 'a connection to Postgres has ended', {})));
  try {
    await client.connect();
    await client.query(configuring({ application_name: options.applicationName }));
  } catch (error) {
    await client.end().catch(() => undefined);
    throw connectionError(error, client);
  }
  return sessionOf(client, queryMs, lost.signal);
}

/** A host that ends before the last @ is the beginning of a password that was not encoded: it would be looked for, and named. */
const CUT_SHORT = /^[^/]*\/\/[^/?#]*(?:\/[^?]*@|#)/;

function open(url: string, options: ConnectOptions & { readonly queryMs: number; readonly connectMs: number }): Client {
  if (CUT_SHORT.test(url)) throw noUrl(url);
  checkTarget(url);
  const connectionString = asVerified(url);
  try {
    return new Client({
      connectionString,
      application_name: options.applicationName,
      connectionTimeoutMillis: options.connectMs,
      query_timeout: options.queryMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      pipeline: options.pipelined === true,
      types: RAW,
    });
  } catch (error) {
    // The driver's other errors quote the URL, password and all.
    throw unreadFile(error) ?? noUrl(url);
  }
}

const noUrl = (url: string): UsageError =>
  new UsageError(
    `not a Postgres URL: ${redact(url)}`,
    'write it as postgresql://user:password@host:5432/database, with each @ : / ? # % of the password as %40 %3A %2F %3F %23 %25',
  );

function sessionOf(client: Client, limitMs: number, lost: AbortSignal): Session {
  const end = () => ended(client);
  const send = roundTrips(client, limitMs);
  const queue = client.pipeline ? overlapping() : turns();
  const inTurn = <T>(work: () => Promise<T>, turn: keyof Turns = 'run'): Promise<T> =>
    queue[turn](work).catch(error => {
      throw replicationError(error);
    });
  return {
    pid: Number(Reflect.get(client, 'processID')),
    lost,
    query<R extends object>(statement: string | Statement, values?: readonly unknown[]) {
      const { limitMs: given, slow, ...config }: Statement = typeof statement === 'string' ? { text: statement } : statement;
      const own = slow === true ? SLOW * limitMs : given;
      const limit = own === undefined ? {} : { query_timeout: own };
      const parameters = values === undefined ? {} : { values: [...values] };
      return inTurn(() => client.query<R & Record<string, unknown>>({ ...config, ...limit, ...parameters }));
    },
    roundTrip: steps => inTurn(() => send(steps)),
    copyIn: (copy, pieces) =>
      inTurn(async () => {
        using _ = unpipelined(client);
        // However long it takes as a whole: while the other end takes what it is given, it goes on.
        const stalled = setTimeout(() => client.connection.stream.destroy(), limitMs);
        try {
          await pipeline(
            each(pieces, () => stalled.refresh()),
            client.query(Object.assign(copyFrom(copy), { query_timeout: LONG_MS })),
          );
        } finally {
          clearTimeout(stalled);
        }
      }, 'alone'),
    end,
    [Symbol.asyncDispose]: end,
  };
}

/** The driver pipelines no COPY: with nothing else under way the connection can be an ordinary one meanwhile. */
function unpipelined(client: Client): Disposable {
  const { pipeline } = client;
  Object.assign(client, { pipeline: false });
  return { [Symbol.dispose]: () => void Object.assign(client, { pipeline }) };
}

function* each<T>(items: Iterable<T>, taken: () => void): Generator<T> {
  for (const item of items) {
    taken();
    yield item;
  }
}

/** A goodbye needs no answer: where the other end keeps silent, the socket is closed all the same. */
async function ended(client: Client): Promise<void> {
  const timer = setTimeout(() => client.connection.stream.destroy(), END_MS);
  await client.end().catch(() => undefined);
  clearTimeout(timer);
}

/** Statements that travel with `begin` and with `commit`, which saves their round trips. They take no parameters. */
export type Around = {
  /** Its rows are handed to the work. */
  readonly first?: string;
  /** Asked for when the work is done; undefined: nothing. */
  readonly last?: () => string | undefined;
};

/** Runs `work` in one transaction that the fence lets through; without `writer` in one that it does not. */
export async function transaction<T>(
  session: Session,
  writer: Writer | null,
  work: (first: readonly PgRecord[]) => Promise<T>,
  around: Around = {},
): Promise<T> {
  try {
    const result = await work(lastOf(await session.query([begin(writer), around.first].filter(Boolean).join('; '))).rows);
    const { command } = lastOf(await session.query([around.last?.(), 'commit'].filter(Boolean).join('; ')));
    if (command !== 'COMMIT') throw new ReplicationError('halt', 'a failed transaction was committed', { hint: 'report this as a bug' });
    return result;
  } catch (error) {
    // A session that cannot even roll back is of no use to anyone: the server rolls back when it is gone.
    await session.query({ text: 'rollback', limitMs: ROLLBACK_MS }).catch(() => session.end());
    throw replicationError(error);
  }
}

/** The driver returns a list for a text of several statements, which its types do not know. */
function lastOf(results: QueryResult<PgRecord>): QueryResult<PgRecord> {
  return Array.isArray(results) ? results.at(-1) : results;
}

function begin(writer: Writer | null): string {
  const own = writer === null ? '' : `; set local attacca.token = ${literal(writer.token)}`;
  const silent = writer?.replicaRole ? '; set local session_replication_role = replica' : '';
  return `begin${own}${silent}`;
}
