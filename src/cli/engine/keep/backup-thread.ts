/* The thread that makes a backup, and the checksum of it. The application's file is opened by SQLite alone. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { backUp } from '../../../sqlite/file/backup.ts';
import { explain } from '../../../sqlite/open.ts';
import { type Failure, packed } from '../failure.ts';

/** `path`: where the backup is made; it is whole when the thread has answered. */
export type BackupTask = { readonly source: string; readonly path: string };

export type BackupAnswer =
  | { readonly kind: 'progress'; readonly copied: number; readonly bytes: number }
  | { readonly kind: 'made'; readonly sha256: string; readonly bytes: number }
  | { readonly kind: 'failed'; readonly failure: Failure };

const tell = (answer: BackupAnswer): void => parentPort?.postMessage(answer);
const { source, path } = workerData as BackupTask;

const EVERY_MS = 1_000;

async function make(): Promise<BackupAnswer> {
  await rm(path, { force: true }); // left by a process that died
  await (await open(path, 'wx', 0o600)).close();
  let spoken = performance.now();
  await backUp(source, path, ({ pages, of }) => {
    if (performance.now() - spoken < EVERY_MS) return;
    spoken = performance.now();
    tell({ kind: 'progress', copied: pages, bytes: of });
  });
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece);
  await using file = await open(path, 'r+');
  await file.sync();
  return { kind: 'made', sha256: hash.digest('hex'), bytes: (await stat(path)).size };
}

try {
  tell(await make());
} catch (error) {
  for (const suffix of ['', '-journal', '-wal', '-shm']) await rm(`${path}${suffix}`, { force: true });
  tell({ kind: 'failed', failure: packed(explain(source, error)) });
}
