/*
 * Every failure says three things: what the machine does next (disposition), what happened (message, cause) and what a
 * person should do (hint). Errors meant for the person at the keyboard carry the exit code of the command line's contract.
 */

/** What the machine does next. The unknown halts: skipping a change silently is the one thing we must never do [G7]. */
export type Disposition = 'retry' | 'quarantine' | 'halt';

export class ReplicationError extends Error {
  override readonly name: string = 'ReplicationError';
  readonly disposition: Disposition;
  /** For the operator who was woken up: what to check, which command to run. It follows an arrow: in lower case, without a full stop at its end. */
  readonly hint: string;

  constructor(disposition: Disposition, message: string, options: { readonly hint: string; readonly cause?: unknown }) {
    super(message, { cause: options.cause });
    this.disposition = disposition;
    this.hint = options.hint;
  }
}

/** The SQLite file is not as the plan has it any more. The controller follows it, before anything else is read of it. */
export class SourceMoved extends ReplicationError {
  constructor(what: string, cause?: unknown) {
    super('retry', what, { hint: 'attacca looks at the file again and follows the change', cause });
  }
}

/** What was waited for did not come, because its pipe has ended. The pipe tells why: see `caughtUp`. */
export class PipeEnded extends ReplicationError {
  constructor(what: string) {
    super('retry', what, { hint: 'the daemon starts it again by itself, and its log says why: run the command again' });
  }
}

export const isTransient = (error: unknown): boolean => error instanceof ReplicationError && error.disposition === 'retry';

/** Bad usage or configuration: exit code 2. Nothing was touched. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** A named reason why a command may not go on, and what removes it [G9]. */
export type Blocker = { readonly code: string; readonly reason: string; readonly remedy: string };

/** Refused, with reasons: exit code 3. Nothing was touched. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly blockers: readonly Blocker[];
  constructor(message: string, blockers: readonly Blocker[]) {
    super(message);
    this.blockers = blockers;
  }

  /** The reasons of all blockers, as one text. */
  get reasons(): string {
    return this.blockers.map(({ reason }) => reason).join('; ');
  }
}

/** What was thrown, in words. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
