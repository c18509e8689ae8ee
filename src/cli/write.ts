import { realpathSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { messageOf, UsageError } from '../change/errors.ts';
import { behindLinks, replaceFile } from '../flag/replace.ts';

/**
 * Writes a file that a flag asked for, and has it on the disk: what stands there already stays whole until then. Throws UsageError where
 * that cannot be, and where it would overwrite the source.
 */
export function writeOutput(path: string, text: string, source: string): void {
  if (isSource(path, source))
    throw new UsageError(`${path} is the SQLite file itself`, 'give another path to write to; nothing was written');
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) writeFileSync(path, text);
    else replaceFile(behindLinks(path), text);
  } catch (error) {
    const reason = messageOf(error);
    throw new UsageError(`${path} cannot be written: ${reason}`, 'remove that cause, or give another path; what stood there is whole');
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
