import { createHash } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Refused, UsageError } from '../change/errors.ts';

/** Not `userInfo()`: in a container the number may have no name. */
const uid = (): number => process.getuid?.() ?? -1;

/** sockaddr_un holds 108 bytes on Linux and 104 on macOS, with the closing NUL. */
const LONGEST = 100;

/** The folder beside the source that holds everything of attacca's that is not in a database. Private to the user. */
export const stateFolder = (source: string): string => join(dirname(source), '.attacca');

/** What stays there when attacca goes: the backups of the source. */
export const backupFolder = (source: string): string => join(stateFolder(source), 'backups');

/** Where the source is rehearsed; there for as long as that takes. */
export const rehearsalFolder = (source: string): string => join(stateFolder(source), 'rehearsal', basename(source));

/** The file whose rehearsal has its copy at `path`; undefined where that is not such a place. */
export function rehearsedAt(path: string): string | undefined {
  const source = join(dirname(path), '../../..', basename(path));
  return join(rehearsalFolder(source), basename(path)) === path ? source : undefined;
}

/** What an installation, or what is left of one, has there. */
export function stateOf(source: string): string[] {
  const folder = stateFolder(source);
  const others = [backupFolder(source), dirname(rehearsalFolder(source))];
  const paths = existsSync(folder) ? ours(folder, () => readdirSync(folder)).map(name => join(folder, name)) : [];
  return paths.filter(path => !others.includes(path));
}

/** Whether anything of an installation is there. */
export const hasState = (source: string): boolean => stateOf(source).length > 0;

/**
 * Where the daemon for `source`, and for every other file of its folder, listens: `.attacca/control.sock`, or, where that path is too long for a socket, a private
 * folder of the same user under the temp folder. The same on both sides of the conversation.
 */
export function socketPath(source: string): string {
  const path = join(stateFolder(source), 'control.sock');
  if (Buffer.byteLength(path) <= LONGEST) return path;
  const hash = createHash('sha256').update(source).digest('hex').slice(0, 16);
  return join(tmpdir(), `attacca-${uid()}`, `${hash}.sock`);
}

/**
 * Throws Refused where somebody else owns the folder under the temp folder in which the socket is, or may write there: they could listen in
 * the daemon's stead. Anybody can make one of that name; beside the source only who may write there anyway.
 */
export function refuseForeignFolder(source: string): void {
  const folder = dirname(socketPath(source));
  if (folder === stateFolder(source)) return;
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found === undefined || (found.isDirectory() && found.uid === uid() && (found.mode & 0o022) === 0)) return;
  const reason = `${folder} is to hold the daemon's socket, because the path of the source is too long for one, and it is not this user's alone`;
  const remedy =
    'remove it, or have it removed; or set TMPDIR, for the daemon and for every command, to a folder that only this user may write';
  throw new Refused('the folder of the socket is not private', [{ code: 'foreign-folder', reason, remedy }]);
}

/**
 * The file that `source` names, by whatever path or link: daemons of several files meet at one socket, and are told apart by this.
 * It may be away for a moment.
 */
export function fileOf(source: string): string {
  try {
    return realpathSync(source);
  } catch {
    return source === dirname(source) ? source : join(fileOf(dirname(source)), basename(source));
  }
}

/**
 * Creates the folder if need be; only the user may look into it. Root's may be passed through, not listed: the embedded server
 * runs as another user, and its data is in there. Throws UsageError where another user has it.
 */
export function privateFolder(path: string): void {
  const mode = uid() === 0 ? 0o711 : 0o700;
  ours(path, () => {
    mkdirSync(path, { recursive: true, mode });
    chmodSync(path, mode);
  });
}

/** What `work` gives in the folder at `path`. Throws UsageError where another user has that. */
function ours<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && ['EACCES', 'EPERM'].includes(String(error.code)))) throw error;
    throw new UsageError(
      `${path} belongs to another user`,
      'run attacca as the user who started it first, or give that folder to this one',
    );
  }
}
