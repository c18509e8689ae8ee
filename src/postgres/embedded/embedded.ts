/*
 * A real PostgreSQL beside the source, for those who have none.
 *
 * (1) It runs in a session of its own: neither Ctrl-C in the terminal nor `kill -9` of attacca reaches it. It ends by `stop` only.
 * (2) Of two starters one wins, by PostgreSQL's own lock; the other shares its server.
 * (3) It listens on the loopback address alone, and remembers its port (postmaster.opts), so that its URL stays the same.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { ReplicationError } from '../../change/errors.ts';
import { codeOf } from '../session/errors.ts';
import {
  alive,
  discard,
  ENVIRONMENT,
  failure,
  initialize,
  known,
  locate,
  readOrNothing,
  rememberedPort,
  runAs,
  type Server,
  USER,
} from './data-dir.ts';
import { nativeBinaries, type RunAs } from './native.ts';

export type Embedded = {
  /** For pg and libpq alike; no password, it listens on the loopback address only. */
  readonly url: string;
  /** Process id of the postmaster. */
  readonly pid: number;
  /** False: it was already running, and someone else may be using it. */
  readonly started: boolean;
  readonly dataDir: string;
  /** Fast shutdown: open transactions are rolled back, everything committed is on disk. Resolves when the server is gone. */
  stop(): Promise<void>;
};

const DATABASE = 'app';
const START_MS = 60_000;
const STOP_MS = 60_000;
const POLL_MS = 20;
/** A server that was killed leaves backends behind for a moment, and PostgreSQL does not start beside them. */
const ATTEMPTS = 3;

/**
 * Starts the embedded server that belongs to `dir`, or shares the one that runs. Makes `dir`, the data directory and the database.
 * Throws UsageError where this machine cannot run it, ReplicationError('halt') with the end of its log when it does not start.
 */
export async function startEmbedded(dir: string): Promise<Embedded> {
  mkdirSync(dir, { recursive: true });
  const dataDir = locate(dir);
  const as = runAs(dataDir);
  const native = nativeBinaries(as);
  const log = join(dir, 'postgres.log');
  if (!existsSync(join(dataDir, 'PG_VERSION'))) await initialize(native, dataDir, as);
  const deadline = performance.now() + START_MS;
  for (let attempt = 1; ; attempt++) {
    const shared = await settled(dataDir, deadline);
    const running = shared ?? (await launch({ native, dataDir, log, as, deadline }));
    if (running !== undefined) return await open(running, dataDir, shared === undefined);
    if (attempt >= ATTEMPTS && alive(dataDir) === undefined) throw notStarted(log);
    await delay(attempt * 100);
  }
}

/** Ends the server that belongs to `dir`, also while it starts or stops, and deletes its data: nothing of it need come to disk before. */
export async function removeEmbedded(dir: string): Promise<void> {
  const dataDir = known(dir);
  const server = dataDir === undefined ? undefined : alive(dataDir);
  if (dataDir !== undefined && server !== undefined) await stop(server.pid, dataDir, 'SIGQUIT');
  discard(dir);
}

/** The server that runs for `dir` and accepts connections, if any. Starts nothing. */
export function runningEmbedded(dir: string): Embedded | undefined {
  const dataDir = known(dir);
  const server = dataDir === undefined ? undefined : alive(dataDir);
  return dataDir !== undefined && server?.status === 'ready' ? embedded(server, dataDir, false) : undefined;
}

/** Until it is disposed of, the server ends with this process, whatever ends that. */
export function endingWithProcess({ pid }: Pick<Embedded, 'pid'>): Disposable {
  const options = ['-c', 'cat > /dev/null; kill -INT "$0"', String(pid)];
  const waiting = spawn('/bin/sh', options, { cwd: '/', env: ENVIRONMENT, detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  return {
    [Symbol.dispose]() {
      waiting.kill();
      waiting.stdin.destroy();
    },
  };
}

const urlOf = (port: number, database: string): string => `postgresql://${USER}@127.0.0.1:${port}/${database}`;

function embedded({ pid, port }: Server, dataDir: string, started: boolean): Embedded {
  return { url: urlOf(port, DATABASE), pid, started, dataDir, stop: () => stop(pid, dataDir) };
}

type Launch = {
  readonly native: string;
  readonly dataDir: string;
  readonly log: string;
  readonly as: RunAs;
  readonly deadline: number;
};

/** Starts a server and waits until it accepts connections. undefined: it ended, for example because another one was faster. */
async function launch({ native, dataDir, log, as, deadline }: Launch): Promise<Server | undefined> {
  const port = await freePort(rememberedPort(dataDir));
  const output = openSync(log, 'a');
  const options = ['-D', dataDir, '-c', `port=${port}`];
  const stdio = ['ignore', output, output] as const;
  const child = spawn(join(native, 'bin', 'postgres'), options, { ...as, cwd: '/', env: ENVIRONMENT, detached: true, stdio: [...stdio] });
  closeSync(output);
  let ended = false;
  child.once('exit', () => (ended = true));
  child.once('error', () => (ended = true));
  child.unref();
  while (!ended) {
    const server = alive(dataDir);
    if (server?.pid === child.pid && server?.status === 'ready') return server;
    if (performance.now() > deadline) throw notStarted(log);
    await delay(POLL_MS);
  }
  return undefined;
}

/** `wanted` if nobody listens there, else any port that is free now. */
export async function freePort(wanted = 0): Promise<number> {
  const probe = createServer();
  try {
    await once(probe.listen(wanted, '127.0.0.1'), 'listening');
  } catch (error) {
    if (wanted === 0) throw error;
    return await freePort(0);
  }
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' && address !== null ? address.port : wanted;
}

/** A server that is starting, recovering or stopping is waited for; undefined when there is none (any more). */
async function settled(dataDir: string, deadline: number): Promise<Server | undefined> {
  for (;;) {
    const server = alive(dataDir);
    if (server === undefined || server.status === 'ready') return server;
    if (performance.now() > deadline) throw failure('the embedded PostgreSQL does not get ready', `its status is ${server.status}`);
    await delay(POLL_MS);
  }
}

/** Makes the database if it is missing; another starter may be doing the same. */
async function open(server: Server, dataDir: string, started: boolean): Promise<Embedded> {
  const client = new Client({ connectionString: urlOf(server.port, 'postgres') });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`create database ${DATABASE}`).catch(ignoreDuplicate);
  } finally {
    await client.end();
  }
  return embedded(server, dataDir, started);
}

function ignoreDuplicate(error: unknown): void {
  if (!['42P04', '23505'].includes(codeOf(error))) throw error;
}

async function stop(pid: number, dataDir: string, signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT'): Promise<void> {
  if (alive(dataDir)?.pid !== pid) return;
  process.kill(pid, signal);
  for (const deadline = performance.now() + STOP_MS; alive(dataDir)?.pid === pid; await delay(POLL_MS))
    if (performance.now() > deadline) throw failure('the embedded PostgreSQL does not stop', `process ${pid} is still there`);
}

const notStarted = (log: string): ReplicationError => failure('the embedded PostgreSQL does not start', readOrNothing(log));
