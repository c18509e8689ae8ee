/*
 * The data directory of the embedded PostgreSQL: where it is, how it is made, and what PostgreSQL itself notes down in it.
 *
 * (1) It appears and goes by rename, complete; what a killed initdb or removal left behind is never mistaken for a database.
 * (2) postmaster.pid is the truth about what runs, and PostgreSQL's own lock. It is never deleted by us, because it also guards
 *     against backends that outlive a killed server.
 */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { messageOf, ReplicationError, UsageError } from '../../change/errors.ts';
import { codeOf } from '../session/errors.ts';
import { isRoot, moveInto, NOBODY, type RunAs } from './native.ts';

/** The superuser of every embedded server. */
export const USER = 'attacca';
/** In `dir`, when the data directory is elsewhere: says where. */
const POINTER = 'postgres.location';
const FALLBACK = '/var/lib/attacca';
/** Nothing of ours: PGPORT and the like would change the server. */
export const ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C' };
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

/** Where the data directory of `dir` is, if it was ever made: beside the source, or where the pointer says. */
export function known(dir: string): string | undefined {
  const path = placeOf(dir);
  return existsSync(path) ? realpathSync(path) : undefined;
}

function placeOf(dir: string): string {
  const pointer = join(dir, POINTER);
  return existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : join(dir, 'postgres');
}

/** Deletes the data directory of `dir`, and what a removal that was killed has left of one. */
export function discard(dir: string): void {
  const path = known(dir) ?? placeOf(dir);
  const discarded = `${path}.removed`;
  rmSync(discarded, { recursive: true, force: true });
  if (existsSync(path)) renameSync(path, discarded);
  rmSync(discarded, { recursive: true, force: true });
}

/** `known`, or the place for a new one. As root the server is someone else, who must be able to reach its data. */
export function locate(dir: string): string {
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
export function runAs(dataDir: string): RunAs {
  if (!isRoot()) return {};
  const owner = existsSync(dataDir) ? statSync(dataDir) : { uid: NOBODY, gid: NOBODY };
  return { uid: owner.uid, gid: owner.gid };
}

/** Makes the data directory under a temporary name, and renames it when it is complete: Ctrl-C in the terminal does not reach who makes it. */
export async function initialize(native: string, dataDir: string, as: RunAs): Promise<void> {
  const fresh = `${dataDir}.${randomBytes(4).toString('hex')}`;
  mkdirSync(fresh, { mode: 0o700 });
  if (as.uid !== undefined && as.gid !== undefined) chownSync(fresh, as.uid, as.gid);
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const options = ['-D', fresh, '-U', USER, '-A', 'trust', '--no-sync', '--no-instructions', ...locale, ...settings];
  const child = spawn(join(native, 'bin', 'initdb'), options, {
    ...as,
    cwd: '/',
    env: ENVIRONMENT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = Promise.all([text(child.stdout), text(child.stderr)]).catch(() => []);
  const [code] = await once(child, 'close').catch(error => [messageOf(error)]);
  if (code !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    throw failure('the embedded PostgreSQL could not make its data directory', [...(await said), code ?? 'it was killed'].join('\n'));
  }
  moveInto(fresh, dataDir);
}

/** The port of the last start: PostgreSQL keeps its command line beside the data. 0: any. */
export function rememberedPort(dataDir: string): number {
  const options = join(dataDir, 'postmaster.opts');
  return existsSync(options) ? Number(/port=(\d+)/.exec(readFileSync(options, 'utf8'))?.[1] ?? 0) : 0;
}

/** A server as postmaster.pid shows it; it accepts connections when `status` is 'ready'. */
export type Server = { readonly pid: number; readonly port: number; readonly status: string };

/** What postmaster.pid says, if the process it names is really the server of this data directory. */
export function alive(dataDir: string): Server | undefined {
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

/** The text of a file; '' where there is none. */
export function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    if (codeOf(error) === 'EACCES') throw new UsageError(`${path} belongs to another user`, 'run attacca as the user who started it first');
    throw error;
  }
}

/** Only the end of what PostgreSQL said: its last lines name the cause. */
export function failure(message: string, output: string): ReplicationError {
  const said = output.trim().split('\n').slice(-5).join('\n');
  return new ReplicationError('halt', `${message}:\n${said}`, {
    hint: 'remove the cause it names (disk, port, permissions), then run again',
  });
}
