import { type FileHandle, lstat, open, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** `promise`, or undefined where the file does not exist. */
export const ifPresent = <T>(promise: Promise<T>): Promise<T | undefined> =>
  promise.catch(error => {
    if (isMissing(error)) return undefined;
    throw error;
  });

/** The file behind any symbolic links, also when it does not exist yet. */
export async function behindLinks(path: string): Promise<string> {
  const real = await ifPresent(realpath(path));
  if (real !== undefined) return real;
  const link = await ifPresent(lstat(path));
  if (link?.isSymbolicLink()) return behindLinks(resolve(dirname(path), await readlink(path)));
  return resolve(path);
}

/**
 * Replaces a file's content so that a reader, or a machine that loses power, has either the old or the new one, whole. Mode
 * and owner stay. `path` must not be a symbolic link (`behindLinks`). Rejects with the file system's error.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const before = await ifPresent(stat(path));
  const temporary = join(dirname(path), `.${basename(path)}.attacca`);
  await rm(temporary, { force: true }); // left by a process that died; 'wx' below never follows a planted link
  try {
    await using file = await open(temporary, 'wx', before === undefined ? 0o644 : 0o600);
    if (before !== undefined) await adopt(file, before);
    await file.writeFile(text);
    await file.sync();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(path);
}

async function adopt(file: FileHandle, before: { readonly uid: number; readonly gid: number; readonly mode: number }): Promise<void> {
  const own = await file.stat();
  if (own.uid !== before.uid || own.gid !== before.gid) await file.chown(before.uid, before.gid);
  await file.chmod(before.mode & 0o7777);
}

/** Makes a file and its name durable: needed also for a state found in place, since its writer may have died before this. */
export async function makeDurable(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
  await syncFolder(path);
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(dirname(path), 'r');
  await folder.sync();
}
