/*
 * A real PostgreSQL for tests: one server for each worker of a test run (servers.ts) or for each process, a fresh database for each test.
 *
 * (1) The server ends with the run or the process, whatever ends it: a shell waits for the end of a pipe that only that one holds open.
 * (2) ATTACCA_TEST_PG names another server to use instead (a superuser's URL, wal_level = logical).
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { quote } from '../../src/change/quote.ts';
import { startEmbedded } from '../../src/postgres/embedded/embedded.ts';

export type TextRow = Readonly<Record<string, string | null>>;

export type TestPostgres = AsyncDisposable & {
  /** URL of the fresh database, as a superuser. */
  readonly url: string;
  /** Runs one statement and gives its rows, every value as Postgres's text. */
  query(sql: string, params?: readonly unknown[]): Promise<TextRow[]>;
};

const RAW = { getTypeParser: () => (value: string) => value };
/** When the pipe ends: kills the server ($1) at once, waits until it has left its data ($2), and removes that and its folder ($3). */
const REAPER = 'cat >/dev/null; kill -QUIT "$1"; while kill -0 "$1" && test -e "$2/postmaster.pid"; do sleep 0.05; done; rm -rf "$2" "$3"';
const SLOTS = /* sql */ `select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = $1 and not active`;
const STOP_SLOTS = /* sql */ `select pg_terminate_backend(active_pid) from pg_replication_slots where database = $1 and active`;

let server: Promise<string> | undefined;
let made = 0;

/** A fresh, empty database; dropped, with its slots, when the test ends. */
export async function testPostgres(): Promise<TestPostgres> {
  server ??= start();
  const admin = await connect(await server);
  const name = `test_${process.pid}_${++made}`;
  await admin.query(`create database ${quote(name)} template template0`);
  const url = Object.assign(new URL(await server), { pathname: `/${name}` }).href;
  const client = await connect(url);
  return {
    url,
    query: async (sql, params = []) => (await client.query(sql, [...params])).rows,
    async [Symbol.asyncDispose]() {
      await client.end();
      await dropDatabase(admin, name);
      await admin.end();
    },
  };
}

/** A server of its own, that a test may stop and start. */
export type OwnPostgres = TestPostgres & {
  /** `pg_ctl stop -m immediate`: no checkpoint, no goodbye; the next start recovers. Resolves when it is gone. */
  crash(): Promise<void>;
  /** Resolves when it takes connections again. */
  start(): Promise<void>;
};

/** A server in `dir`, a folder of its own by default, where commits are as durable as in earnest. */
export async function ownPostgres(dir = mkdtempSync(join(tmpdir(), 'attacca-own-pg-'))): Promise<OwnPostgres> {
  chmodSync(dir, 0o755);
  let server = await startEmbedded(dir);
  endWithProcess(server, dir);
  const { url } = server;
  return {
    url,
    async query(sql, params = []) {
      const client = await connect(url);
      return await client
        .query(sql, [...params])
        .then(({ rows }) => rows)
        .finally(() => client.end());
    },
    async crash() {
      process.kill(server.pid, 'SIGQUIT');
      while (existsSync(join(server.dataDir, 'postmaster.pid'))) await delay(10);
    },
    async start() {
      server = await startEmbedded(dir);
      endWithProcess(server, dir);
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A connected client that reads every value as text; the test ends it, or the drop of its database does. */
export async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, types: RAW });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Ends the server's process `pid`; resolves when it is gone. */
export async function endBackend(pg: TestPostgres, pid: unknown): Promise<void> {
  await pg.query('select pg_terminate_backend($1::int)', [pid]);
  while ((await pg.query('select from pg_stat_activity where pid = $1::int', [pid])).length > 0) await delay(5);
}

/** A slot keeps its database from being dropped, and a slot in use cannot be dropped: both end with the test. */
async function dropDatabase(admin: Client, name: string): Promise<void> {
  for (;;) {
    await admin.query(STOP_SLOTS, [name]);
    await admin.query(SLOTS, [name]);
    const failed = await admin.query(`drop database ${quote(name)} with (force)`).catch((error: unknown) => error);
    if (!(failed instanceof Error && 'code' in failed && failed.code === '55006')) {
      if (failed instanceof Error) throw failed;
      return;
    }
  }
}

async function start(): Promise<string> {
  const given = process.env.ATTACCA_TEST_PG;
  if (given !== undefined && given !== '') return given;
  const { ATTACCA_TEST_SERVERS: servers, VITEST_POOL_ID: worker } = process.env;
  const shared = servers === undefined || worker === undefined ? undefined : join(servers, worker);
  const dir = shared ?? mkdtempSync(join(tmpdir(), 'attacca-test-pg-'));
  mkdirSync(dir, { recursive: true });
  chmodSync(dir, 0o755);
  const server = await startEmbedded(dir);
  if (shared === undefined) endWithProcess(server, dir);
  const { url, started } = server;
  // Nothing in there outlives a test; what one sets for the whole server ends with its own (ownPostgres).
  if (started) {
    await withClient(url, client => client.query('alter system set fsync = off').then(() => client.query('select pg_reload_conf()')));
  }
  return url;
}

/** The server ends with this process, and `dir` goes with it. */
export function endWithProcess({ pid, dataDir }: { readonly pid: number; readonly dataDir: string }, dir: string): void {
  const options = ['-c', REAPER, 'reaper', String(pid), dataDir, dir];
  const reaper = spawn('/bin/sh', options, { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  reaper.unref();
  const pipe: unknown = reaper.stdin;
  if (pipe instanceof Socket) pipe.unref();
}

async function withClient(url: string, use: (client: Client) => Promise<unknown>): Promise<void> {
  const client = await connect(url);
  await use(client).finally(() => client.end());
}
