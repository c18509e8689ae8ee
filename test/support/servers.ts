/*
 * The servers of a test run: one for each of its workers, started by the first test file there that needs one.
 *
 * (1) They end with the run, whatever ends it: a shell waits for the end of a pipe that only the run holds open.
 * (2) Their data lies in memory where there is room: each test makes a database and drops it, three hundred files, and ext4 is slow to
 *     make files where others have just been removed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** When the pipe ends: kills the servers below the folder $1, waits until they have left their data, and removes the folder. */
const REAPER = /* sh */ `
  cat >/dev/null
  for server in "$1"/*/postgres/postmaster.pid; do
    pid=$(head -n 1 "$server") && kill -QUIT "$pid" && while kill -0 "$pid" && test -e "$server"; do sleep 0.05; done
  done
  rm -rf "$1"`;

const MEMORY = '/dev/shm';
const ROOM_BYTES = 2_000_000_000;

function hasRoom(): boolean {
  if (!existsSync(MEMORY)) return false;
  const { bavail, bsize } = statfsSync(MEMORY);
  return bavail * bsize > ROOM_BYTES;
}

let end: () => Promise<unknown>;

/** Before the first test file. */
export function setup(): void {
  const folder = mkdtempSync(join(hasRoom() ? MEMORY : tmpdir(), 'attacca-test-pg-'));
  chmodSync(folder, 0o755);
  process.env.ATTACCA_TEST_SERVERS = folder;
  const reaper = spawn('/bin/sh', ['-c', REAPER, 'reaper', folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  const gone = once(reaper, 'exit');
  end = () => {
    reaper.stdin.end();
    return gone;
  };
}

/** After the last. */
export const teardown = (): Promise<unknown> => end();
