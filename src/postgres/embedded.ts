/*
 * A real PostgreSQL beside the source, for those who have none.
 *
 * (1) It runs in a session of its own: neither Ctrl-C in the terminal nor `kill -9` of attacca reaches it. It ends by `stop` only.
 * (2) postmaster.pid is the truth about what runs, and PostgreSQL's own lock: of two starters one wins, the other shares its server.
 *     It is never deleted by us, because it also guards against backends that outlive a killed server.
 * (3) A data directory appears by rename, complete; one that a killed initdb left behind is never mistaken for a database.
 * (4) It listens on the loopback address alone, and remembers its port (postmaster.opts), so that its URL stays the same.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { ReplicationError } from '../change/errors.ts';
import { codeOf, isRoot, moveInto, NOBODY, nativeBinaries, type RunAs } from './native.ts';

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

const USER = 'attacca';
const DATABASE = 'app';
const START_MS = 60_000;
const STOP_MS = 60_000;
const POLL_MS = 20;
/** In `dir`, when the data directory is elsewhere: says where. */
const POINTER = 'postgres.location';
const FALLBACK = '/var/lib/attacca';
/** Nothing of ours: PGPORT and the like would change the server. */
const ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C' };
/** A server that was killed leaves backends behind for a moment, and PostgreSQL does not start beside them. */
const ATTEMPTS = 3;
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  wal_level: 'logical',
  max_replication_slots: '32',
  max_wal_senders: '32',
  timezone: 'UTC',
  // The usual path begins with the schema that is named like the user: that would be attacca's own, before the application's.
  search_path: 'public',
  log_timezone: 'UTC',
  // 'log' ranks above 'error': failing statements, which hold row values, stay out of the file; starts, stops and crashes are in it.
  log_min_messages: 'log',
  log_checkpoints: 'off',
};

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
  if (!existsSync(join(dataDir, 'PG_VERSION'))) initialize(native, dataDir, as);
  const deadline = Date.now() + START_MS;
  for (let attempt = 1; ; attempt++) {
    const shared = await settled(dataDir, deadline);
    const running = shared ?? (await launch({ native, dataDir, log, as, deadline }));
    if (running !== undefined) return await open(running, dataDir, shared === undefined);
    if (attempt >= ATTEMPTS && alive(dataDir) === undefined) throw notStarted(log);
    await delay(attempt * 100);
  }
}

/** The server that runs for `dir` and accepts connections, if any. Starts nothing. */
export function runningEmbedded(dir: string): Embedded | undefined {
  const dataDir = known(dir);
  const server = dataDir === undefined ? undefined : alive(dataDir);
  return dataDir !== undefined && server?.status === 'ready' ? embedded(server, dataDir, false) : undefined;
}

type Server = { readonly pid: number; readonly port: number; readonly status: string };

const urlOf = (port: number, database: string): string => `postgresql://${USER}@127.0.0.1:${port}/${database}`;

function embedded({ pid, port }: Server, dataDir: string, started: boolean): Embedded {
  return { url: urlOf(port, DATABASE), pid, started, dataDir, stop: () => stop(pid, dataDir) };
}

/** Where the data directory of `dir` is, if it was ever made: beside the source, or where the pointer says. */
function known(dir: string): string | undefined {
  const pointer = join(dir, POINTER);
  const path = existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : join(dir, 'postgres');
  return existsSync(path) ? realpathSync(path) : undefined;
}

/** `known`, or the place for a new one. As root the server is someone else, who must be able to reach its data. */
function locate(dir: string): string {
  const found = known(dir);
  if (found !== undefined) return found;
  const real = realpathSync(dir);
  if (!isRoot() || reachable(real)) return join(real, 'postgres');
  const path = join(FALLBACK, createHash('sha256').update(real).digest('hex').slice(0, 16));
  mkdirSync(FALLBACK, { recursive: true, mode: 0o755 });
  writeFileSync(join(dir, POINTER), `${path}\n`);
  return path;
}

/** Whether a user without rights of its own can get through every folder down to `path`. */
function reachable(path: string): boolean {
  return (statSync(path).mode & 0o001) !== 0 && (path === dirname(path) || reachable(dirname(path)));
}

/** Root hands the server to whoever owns the data, or to nobody. */
function runAs(dataDir: string): RunAs {
  if (!isRoot()) return {};
  const owner = existsSync(dataDir) ? statSync(dataDir) : { uid: NOBODY, gid: NOBODY };
  return { uid: owner.uid, gid: owner.gid };
}

/** Makes the data directory under a temporary name, and renames it when it is complete. */
function initialize(native: string, dataDir: string, as: RunAs): void {
  const fresh = `${dataDir}.${randomBytes(4).toString('hex')}`;
  mkdirSync(fresh, { mode: 0o700 });
  if (as.uid !== undefined && as.gid !== undefined) chownSync(fresh, as.uid, as.gid);
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const options = ['-D', fresh, '-U', USER, '-A', 'trust', '--no-sync', '--no-instructions', ...locale, ...settings];
  const made = spawnSync(join(native, 'bin', 'initdb'), options, { ...as, cwd: '/', env: ENVIRONMENT, encoding: 'utf8' });
  if (made.status !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    throw failure('the embedded PostgreSQL could not make its data directory', made.error?.message ?? `${made.stdout}${made.stderr}`);
  }
  moveInto(fresh, dataDir);
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
    if (Date.now() > deadline) throw notStarted(log);
    await delay(POLL_MS);
  }
  return undefined;
}

/** The port of the last start: PostgreSQL keeps its command line beside the data. 0: any. */
function rememberedPort(dataDir: string): number {
  const options = join(dataDir, 'postmaster.opts');
  return existsSync(options) ? Number(/port=(\d+)/.exec(readFileSync(options, 'utf8'))?.[1] ?? 0) : 0;
}

/** `wanted` if nobody listens there, else any port that is free now. */
async function freePort(wanted: number): Promise<number> {
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
    if (Date.now() > deadline) throw failure('the embedded PostgreSQL does not get ready', `its status is ${server.status}`);
    await delay(POLL_MS);
  }
}

/** What postmaster.pid says, if the process it names is really the server of this data directory. */
function alive(dataDir: string): Server | undefined {
  const lines = readOrNothing(join(dataDir, 'postmaster.pid')).split('\n');
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (!Number.isInteger(pid) || pid <= 0 || !isPostmaster(pid, dataDir)) return undefined;
  return { pid, port, status: lines[7]?.trim() || 'starting' };
}

/** After a crash the id may belong to another process by now. A server works inside its data directory, which Linux shows. */
function isPostmaster(pid: number, dataDir: string): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || readlinkSync(`/proc/${pid}/cwd`) === dataDir;
  } catch (error) {
    return ['EPERM', 'EACCES'].includes(codeOf(error)) && process.platform !== 'linux';
  }
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
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

async function stop(pid: number, dataDir: string): Promise<void> {
  if (alive(dataDir)?.pid !== pid) return;
  process.kill(pid, 'SIGINT');
  for (const deadline = Date.now() + STOP_MS; alive(dataDir)?.pid === pid; await delay(POLL_MS))
    if (Date.now() > deadline) throw failure('the embedded PostgreSQL does not stop', `process ${pid} is still there`);
}

const notStarted = (log: string): ReplicationError => failure('the embedded PostgreSQL does not start', readOrNothing(log));

/** Only the end of what PostgreSQL said: its last lines name the cause. */
function failure(message: string, output: string): ReplicationError {
  const said = output.trim().split('\n').slice(-5).join('\n');
  return new ReplicationError('halt', `${message}:\n${said}`, {
    hint: 'remove the cause it names (disk, port, permissions), then run again',
  });
}
