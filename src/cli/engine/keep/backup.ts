/*
 * The dated backups of the SQLite file, made before it is fenced and before the way back ends.
 *
 * (1) A backup has its name only when it is whole, on disk and checksummed; `sha256sum -c` reads the file beside it.
 * (2) One that cannot be made refuses what it was for, by name, before anything is fenced.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { access, constants, mkdir, open, readdir, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Blocker, messageOf } from '../../../change/errors.ts';
import { audit } from '../../../postgres/installed/audit.ts';
import type { Progress } from '../../../server/operations.ts';
import { backupFolder, privateFolder, stateFolder } from '../../../server/socket.ts';
import { openSource } from '../../../sqlite/open.ts';
import type { Config } from '../../config.ts';
import type { Engine } from '../engine.ts';
import { unpacked } from '../failure.ts';
import type { BackupAnswer } from './backup-thread.ts';

export type Occasion = 'before-cutover' | 'before-finish';

const PROGRAM = new URL(import.meta.url.endsWith('.ts') ? './backup-thread.ts' : './backup-thread.js', import.meta.url);
/** Room for what is written while it is copied, and for the journal of taking attacca out of it. */
export const SPARE = 1.05;

/** Where they are kept. */
const folderOf = ({ source, backup }: Config): string => backup.folder ?? backupFolder(source);

/** Why a backup could not be made now. Makes the folder, and nothing else. */
export async function backupBlockers({ config }: Pick<Engine, 'config'>): Promise<Blocker[]> {
  if (!config.backup.enabled) return [];
  const folder = folderOf(config);
  try {
    await makeFolder(config, folder);
    await access(folder, constants.W_OK);
    const [free, needed] = [await freeIn(folder), Math.ceil(sizeOf(config.source) * SPARE)];
    return free >= needed ? [] : [blocker(folder, `it needs ${megabytes(needed)} and ${megabytes(free)} are free`)];
  } catch (error) {
    return [blocker(folder, messageOf(error))];
  }
}

/** Makes a backup and forgets those that are too many. Says why not, if not. */
export async function makeBackup({ config, side, log }: Engine, occasion: Occasion, progress: Progress): Promise<Blocker[]> {
  const unable = await backupBlockers({ config });
  if (!config.backup.enabled || unable.length > 0) return unable;
  const folder = folderOf(config);
  const began = performance.now();
  try {
    const path = join(folder, `${prefixOf(config)}${stamp(new Date())}-${occasion}.db`);
    progress(`backing up ${config.source} to ${path}`);
    const { sha256, bytes } = await inThread(config.source, `${path}.partial`, progress);
    await writeDurably(`${path}.sha256`, `${sha256}  ${basename(path)}\n`);
    await rename(`${path}.partial`, path);
    await syncFolder(folder);
    await forget(config, folder);
    const detail = { file: path, bytes, sha256, ms: Math.round(performance.now() - began) };
    log.info(detail, 'backup made');
    await audit(side, `backup ${occasion}`, detail);
    return [];
  } catch (error) {
    return [blocker(folder, messageOf(error))];
  }
}

async function inThread(source: string, path: string, progress: Progress): Promise<Extract<BackupAnswer, { kind: 'made' }>> {
  const worker = new Worker(PROGRAM, { workerData: { source, path }, execArgv: [] });
  let answer: BackupAnswer | undefined;
  worker.on('message', (said: BackupAnswer) => {
    if (said.kind === 'progress') {
      const share = said.copied / Math.max(1, said.bytes);
      progress(`backing up: ${Math.floor(share * 100)} %`, share);
    } else answer = said;
  });
  await once(worker, 'exit');
  if (answer?.kind === 'made') return answer;
  throw answer?.kind === 'failed' ? unpacked(answer.failure) : new Error('its thread has ended');
}

/** Only the newest of this source's stay, and what a process that died has left goes. */
async function forget({ source, backup }: Config, folder: string): Promise<void> {
  const prefix = prefixOf({ source, backup });
  const own = (await readdir(folder)).filter(name => name.startsWith(prefix) && DATED.test(name.slice(prefix.length)));
  const whole = own.filter(name => name.endsWith('.db')).sort();
  const kept = new Set(whole.slice(-backup.keep).flatMap(name => [name, `${name}.sha256`]));
  for (const name of own) if (!kept.has(name)) await rm(join(folder, name), { force: true });
}

const DATED = /^\d{4}-\d\d-\d\dT/;

/** Backups of another source of the same name may lie in a folder that was named. */
function prefixOf({ source, backup }: Pick<Config, 'source' | 'backup'>): string {
  if (backup.folder === undefined) return `${basename(source)}.`;
  return `${basename(source)}.${createHash('sha256').update(source).digest('hex').slice(0, 8)}.`;
}

/** To the millisecond: names sort as they were made, and two never meet. */
const stamp = (at: Date): string => at.toISOString().replaceAll(':', '');

/** Bytes that this user may still write on the disk that holds `path`. */
export async function freeIn(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** Bytes of the file with what is committed in its WAL. */
export function sizeOf(source: string): number {
  using db = openSource(source, { readonly: true });
  return Number(db.pragma('page_count', { simple: true })) * Number(db.pragma('page_size', { simple: true }));
}

async function makeFolder({ source, backup }: Config, folder: string): Promise<void> {
  if (backup.folder === undefined) privateFolder(stateFolder(source));
  await mkdir(folder, { recursive: true, mode: 0o700 });
}

async function writeDurably(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600, flush: true });
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;

const blocker = (folder: string, reason: string): Blocker => ({
  code: 'backup',
  reason: `the backup of the SQLite file in ${folder} cannot be made: ${reason}`,
  remedy: 'make room, or name another folder in backup.folder; with "backup": {"enabled": false} none is made',
});
