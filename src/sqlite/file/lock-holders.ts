/*
 * Who holds the write lock of a file, as far as this system tells: Linux lists POSIX locks by inode. Opens nothing but /proc/locks: a
 * file that is opened and closed here would drop our own locks.
 */
import { readFileSync, statSync } from 'node:fs';
import { behindLinks } from '../open.ts';

/** What SQLite locks for a writer: a byte of the -shm file in WAL mode, bytes of the database in rollback-journal mode. */
const WAL_WRITE = 120n;
const PENDING = 1n << 30n;
const RESERVED = PENDING + 1n;

/** Process ids, ours left out; empty where none is known. */
export function lockHolders(path: string): number[] {
  const wal = inodeOf(`${behindLinks(path)}-shm`);
  const file = inodeOf(path);
  const found = new Set<number>();
  for (const line of locks().split('\n')) {
    // 1: POSIX  ADVISORY  WRITE 4711 fe:01:1234567 120 120
    const [, , , mode, pid, where = '', from = '0', to = '0'] = line.trim().split(/\s+/);
    if (mode !== 'WRITE' || Number(pid) === process.pid) continue;
    const inode = where.split(':')[2];
    const covers = (byte: bigint): boolean => BigInt(from) <= byte && (to === 'EOF' || byte <= BigInt(to));
    if ((inode === wal && covers(WAL_WRITE)) || (inode === file && (covers(RESERVED) || covers(PENDING)))) found.add(Number(pid));
  }
  return [...found].filter(pid => pid > 0);
}

function inodeOf(path: string): string | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino.toString();
}

function locks(): string {
  try {
    return readFileSync('/proc/locks', 'utf8');
  } catch {
    return ''; // another system than Linux
  }
}
