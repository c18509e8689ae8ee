/* What an error is to the daemon as a whole: whether it heals when everything begins anew. */
import { isTransient, Refused, ReplicationError, UsageError } from '../change/errors.ts';
import { explain } from '../sqlite/open.ts';

/** A daemon that never got going says why and ends: whoever started it is still there to read it. */
export const atStart = (error: unknown): unknown =>
  error instanceof ReplicationError && isTransient(error) ? turned('halt', error, error.hint) : error;

/**
 * After a lost connection the server may take a moment to notice and to give our own lock back, or to be promoted; and the application
 * may lock its file.
 */
const TEMPORARY = new Set(['controller-running', 'source-locked', 'target-busy', 'postgres-standby', 'postgres-read-only']);
/** A file that somebody copies into place makes no sense until it is there. */
const UNSOUND = new Set(['corrupt', 'no-tables']);
const UNSOUND_MS = 30_000;

/**
 * The same to one that has worked with the file at `source`. What cannot be used any more is waited for; what stays so for long is a halt, no
 * bad usage: no supervisor would start the daemon again after that.
 */
export function atWork(source: string, now: () => number = () => performance.now()): (error: unknown) => unknown {
  let first = 0;
  let last = Number.NEGATIVE_INFINITY;
  const isNew = (): boolean => {
    if (now() - last > UNSOUND_MS) first = now();
    last = now();
    return last - first < UNSOUND_MS;
  };
  return thrown => {
    const error = explain(source, thrown);
    if (error instanceof UsageError) return turned(isNew() ? 'retry' : 'halt', error, error.hint);
    if (!(error instanceof Refused)) return error;
    const heals = error.blockers.some(({ code }) => TEMPORARY.has(code) || (UNSOUND.has(code) && isNew()));
    return heals ? turned('retry', error, error.reasons) : error;
  };
}

const turned = (into: 'retry' | 'halt', { message, cause }: Error, hint: string): ReplicationError =>
  new ReplicationError(into, message, { hint, cause });
