/* What is said where a file is captured for a target that was not named, is another one, or holds nothing of attacca any more. */
import { Refused, UsageError } from '../../change/errors.ts';
import { NoDatabase } from '../../postgres/session/connection-error.ts';
import { PostgresError } from '../../postgres/session/errors.ts';
import { type ConnectOptions, connect, type Session } from '../../postgres/session/open.ts';
import { type ControlRow, fileControlAt, finished, readFileControl, wasFinished } from '../../sqlite/capture/control.ts';
import { openSource } from '../../sqlite/open.ts';
import { streamOf } from './stream-names.ts';

const TAKE_OUT = '`attacca uninstall --source FILE` takes capture out of the file';

/** What to do where a file is captured for another target than the one that was named. */
export const ELSEWHERE = `name that one with --target, or none where it is the embedded one; where it is gone, or the file is a copy, ${TAKE_OUT}`;

/** A file that is captured for a server elsewhere gets no embedded one for want of a flag, and is not taken for a new one. */
export function refuseUnnamedTarget(source: string): void {
  const target = fileControlAt(source)?.target;
  if (target !== undefined) throw unnamedTarget(source, target);
}

export const unnamedTarget = (source: string, target: string): UsageError =>
  new UsageError(
    `${source} replicates to the Postgres database ${target}, which was not named`,
    `name it: --target postgresql://…, ATTACCA_TARGET, or "target" in attacca.config.json; a daemon that waits for it answers no command meanwhile, and its log and page say why; where it is gone, or the file is a copy, ${TAKE_OUT}`,
  );

/** For the file at `source`. `here`: the identity of the target in which nothing is installed, where one was looked at. */
export function notInstalled(source: string, here?: string): Refused {
  using db = openSource(source, { readonly: true });
  if (wasFinished(db)) return finished();
  const theirs = readFileControl(db);
  if (theirs !== undefined && theirs.target === here)
    return lostTarget(theirs, `attacca's record is gone from the Postgres database ${here}`);
  const [reason, remedy] =
    theirs === undefined
      ? [
          `nothing replicates ${source} to this target`,
          'run `attacca sync` first; one that has only just begun reads the whole file before it installs anything',
        ]
      : [`nothing is installed in this target, and ${source} is captured for the Postgres database ${theirs.target}`, ELSEWHERE];
  return refused(reason, remedy);
}

/** Connects to the target of the file at `source`; where that fails, it is said what can be done with the file. */
export async function connectFor(source: string, url: string, options: ConnectOptions): Promise<Session> {
  try {
    return await connect(url, options);
  } catch (error) {
    const away = error instanceof PostgresError && error.sqlstate === null;
    const theirs = away || error instanceof NoDatabase ? fileControlAt(source) : undefined;
    if (error instanceof NoDatabase && theirs !== undefined) throw lostTarget(theirs, error.message);
    if (away && theirs?.primary === 'postgres')
      throw new PostgresError(error.disposition, error.message, { hint: `${error.hint}; ${WITHOUT}` });
    throw error;
  }
}

const WITHOUT = 'if it does not come back in time, `attacca rollback --accept-loss` opens SQLite without it';

/** Whether the server at `url` has that database. Throws as `connect` does where it does not answer. */
export async function hasDatabase(url: string): Promise<boolean> {
  try {
    await using _session = await connect(url, { applicationName: 'attacca' });
    return true;
  } catch (error) {
    if (error instanceof NoDatabase) return false;
    throw error;
  }
}

function lostTarget({ install, primary }: ControlRow, reason: string): Refused {
  const { slot, publication } = streamOf({ install });
  const left = `select pg_drop_replication_slot('${slot}'); drop publication if exists ${publication}; drop schema if exists attacca cascade`;
  const remedy =
    primary === 'sqlite'
      ? `where attacca's part in it is gone for good: ${TAKE_OUT}, and a new \`attacca sync\` begins anew, in an empty database`
      : `to go back to SQLite as it stands: \`attacca rollback --accept-loss\`. To stay, what is left goes with: ${left}; SQLite stays fenced`;
  return refused(`${reason}, for which the file is captured with ${primary === 'sqlite' ? 'SQLite' : 'PostgreSQL'} primary`, remedy);
}

const refused = (reason: string, remedy: string): Refused =>
  new Refused('attacca is not installed here', [{ code: 'not-installed', reason, remedy }]);
