/*
 * A connection that only reads a file in WAL mode makes an empty -wal and a -shm beside it, and may not take them away again. One
 * that may write does so as it closes, if it is the last of all processes: SQLite itself looks whether it is. Nobody else can:
 * another connection may begin to use those files at any instant.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { behindLinks, checkFile, openSource } from '../open.ts';

/** Remembers what stands beside the file; when it is disposed of, after all connections, an empty WAL that has come since goes. Throws as `checkFile` does. */
export function traceless(named: string): Disposable {
  checkFile(named, true);
  const path = behindLinks(named);
  const before = walBytes(path);
  return {
    [Symbol.dispose]() {
      if (before === undefined && walBytes(path) === 0 && mayWrite(path)) takeAway(path);
    },
  };
}

const walBytes = (path: string): number | undefined => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size;

function mayWrite(path: string): boolean {
  try {
    for (const place of [path, dirname(path)]) accessSync(place, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Opening reads the WAL, and there is nothing in it to be written into the file. */
function takeAway(path: string): void {
  try {
    openSource(path, { waitMs: 0 }).close();
  } catch {
    // Somebody uses them just now; or what is wrong with the file is said by whoever wanted to read it.
  }
}
