import type { FlagState } from '../flag/flag.ts';

/** The database refused a transaction and kept nothing of it: it may be run again as a whole, here or on the other side. */
export class Refusal extends Error {
  /** What the fence said about who is primary since when; undefined where it did not say, or the database was only busy. */
  readonly fence: FlagState | undefined;
  constructor(cause: unknown, fence?: FlagState) {
    super(cause instanceof Error ? cause.message : 'refused', { cause });
    this.fence = fence;
  }
}

/** No side accepted the transaction within `waitMs`. Nothing of it is in either database. `cause` is the last refusal, if there was one. */
export class NotAccepted extends Error {
  override readonly name = 'NotAccepted';
}

/**
 * The connection was lost while the transaction was being committed: it is in the database as a whole or not at all, and only
 * the application can find out which. It was not run again.
 */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown';
}

/**
 * The refusal an error stands for, or undefined for an error that is the application's own. The fence is known by its
 * message, which is the contract: triggers cannot raise a code of their own in SQLite.
 */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error;
  if (!(error instanceof Error)) return undefined;
  if (error.message.includes('ATTACCA_FENCED')) return new Refusal(error, fenceIn(error.message));
  return AGAIN.test(codeOf(error)) ? new Refusal(error) : undefined;
}

/**
 * Locked by somebody else (SQLite); a serialization failure, the victim of a deadlock, or a server that ends its connections (Postgres):
 * rolled back, and as good as new.
 */
const AGAIN = /^(SQLITE_BUSY.*|SQLITE_LOCKED.*|40001|40P01|57P0[12])$/;

/** The state that a fence's message names; undefined where it names none. */
export function fenceIn(message: string): FlagState | undefined {
  const [, epoch, primary] = /ATTACCA_FENCED\s+epoch=(\d+)\s+primary=(sqlite|postgres)/.exec(message) ?? [];
  if (epoch === undefined || (primary !== 'sqlite' && primary !== 'postgres')) return undefined;
  return { primary, epoch: BigInt(epoch) };
}

/** The driver's code: SQLITE_… or an SQLSTATE; '' where there is none. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
