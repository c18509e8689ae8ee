import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** Nothing, where a file does not exist; any other error of the file system is thrown again. */
export function missing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

/** What `look` gives, or undefined where the file does not exist. */
export function ifPresent<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    return missing(error);
  }
}

/** The file behind any symbolic links, also when it does not exist yet. */
export function behindLinks(path: string): string {
  const real = ifPresent(() => realpathSync(path));
  if (real !== undefined) return real;
  const link = ifPresent(() => lstatSync(path));
  return link?.isSymbolicLink() ? behindLinks(resolve(dirname(path), readlinkSync(path))) : resolve(path);
}

/** Where a file is written before it takes its name; who watches the folder sees it come. */
export const temporaryOf = (path: string): string => join(dirname(path), `.${basename(path)}.attacca`);

/**
 * Replaces a file's content so that a reader, or a machine that loses power, has either the old or the new one, whole. Mode
 * and owner stay. `path` must not be a symbolic link (`behindLinks`). Throws the file system's error.
 */
export function replaceFile(path: string, text: string): void {
  const temporary = temporaryOf(path);
  if (isStaged(path, text)) sync(temporary);
  else stage(path, text);
  try {
    renameSync(temporary, path);
  } catch (error) {
    unstage(path);
    throw error;
  }
  sync(dirname(path));
}

/** The slow half of `replaceFile` done before: `text` stands beside the file, durable. Throws the file system's error, and leaves nothing then. */
export function stage(path: string, text: string): void {
  const before = ifPresent(() => statSync(path));
  unstage(path); // left by a process that died; 'wx' below never follows a planted link
  try {
    opened(temporaryOf(path), 'wx', before === undefined ? 0o644 : 0o600, file => {
      if (before !== undefined) adopt(file, before);
      writeFileSync(file, text);
      fsyncSync(file);
    });
  } catch (error) {
    unstage(path);
    throw error;
  }
}

/** Takes back what was staged and has not replaced anything. */
export const unstage = (path: string): void => rmSync(temporaryOf(path), { force: true });

function isStaged(path: string, text: string): boolean {
  const temporary = temporaryOf(path);
  const staged = ifPresent(() => lstatSync(temporary));
  if (staged === undefined || !staged.isFile() || readFileSync(temporary, 'utf8') !== text) return false;
  const before = ifPresent(() => statSync(path));
  return before === undefined || (staged.uid === before.uid && staged.gid === before.gid && staged.mode === before.mode);
}

function adopt(file: number, before: Stats): void {
  const own = fstatSync(file);
  if (own.uid !== before.uid || own.gid !== before.gid) fchownSync(file, before.uid, before.gid);
  fchmodSync(file, before.mode & 0o7777);
}

/** Makes a file and its name durable: needed also for a state found in place, since its writer may have died before this. */
export function makeDurable(path: string): void {
  sync(path);
  sync(dirname(path));
}

const sync = (path: string): void => opened(path, 'r', 0, fsyncSync);

function opened(path: string, flags: string, mode: number, work: (file: number) => void): void {
  const file = openSync(path, flags, mode);
  try {
    work(file);
  } finally {
    closeSync(file);
  }
}
