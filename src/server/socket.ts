import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';

/** sockaddr_un holds 108 bytes on Linux and 104 on macOS, with the closing NUL. */
const LONGEST = 100;

/** The folder beside the source that holds everything of attacca's that is not in a database. Private to the user. */
export const stateFolder = (source: string): string => join(dirname(source), '.attacca');

/**
 * Where the daemon for `source` listens: `.attacca/control.sock`, or, where that path is too long for a socket, a private
 * folder of the same user under the temp folder. The same on both sides of the conversation.
 */
export function socketPath(source: string): string {
  const path = join(stateFolder(source), 'control.sock');
  if (Buffer.byteLength(path) <= LONGEST) return path;
  const hash = createHash('sha256').update(source).digest('hex').slice(0, 16);
  return join(tmpdir(), `attacca-${userInfo().uid}`, `${hash}.sock`);
}

/** Creates the socket's folder if need be; only the user may look into it. */
export function privateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
}
