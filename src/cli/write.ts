import { realpathSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { messageOf, UsageError } from '../change/errors.ts';
import { shellWord } from '../change/shell.ts';
import { behindLinks, replaceFile, stage, unstage } from '../flag/replace.ts';

/** Writes what a flag asked for; nothing where it did not. */
type Write = (text: () => string) => void;

/**
 * The file that a flag asked for: tried at once, before the work whose result it is to hold, and on the disk once it is written; what
 * stands there already stays whole until then. Throws UsageError where that cannot be, and where it would overwrite the source.
 */
export function outputTo(path: string | undefined, source: string): Write {
  if (path === undefined) return () => undefined;
  if (isSource(path, source))
    throw new UsageError(`${path} is the SQLite file itself`, 'give another path to write to; nothing was written');
  const replaced = attempt(path, () => {
    const real = behindLinks(path); // of an empty path the working directory
    const there = statSync(real, { throwIfNoEntry: false });
    if (there?.isDirectory()) throw new Error('it is a folder');
    if (there?.isFile() === false) return undefined; // a pipe or a terminal: nothing but writing tells
    stage(real, '');
    unstage(real);
    return real;
  });
  return text => attempt(path, () => (replaced === undefined ? writeFileSync(path, text()) : replaceFile(replaced, text())));
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const reason = messageOf(error);
    throw new UsageError(
      `${shellWord(path)} cannot be written: ${reason}`,
      'remove that cause, or give another path; what was there is unchanged',
    );
  }
}

/** Also through a link, and for the journals that SQLite keeps beside the file. */
function isSource(path: string, source: string): boolean {
  const real = followed(path);
  return ['', '-wal', '-shm', '-journal'].some(suffix => real === `${followed(source)}${suffix}`);
}

function followed(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return join(followedFolder(path), basename(path));
  }
}

function followedFolder(path: string): string {
  try {
    return realpathSync(dirname(path));
  } catch {
    return dirname(path);
  }
}
