/* Errors on their way from a worker thread: a copy keeps neither class nor disposition, so they travel as data. */
import { type Blocker, type Disposition, messageOf, Refused, ReplicationError, SourceMoved, UsageError } from '../../change/errors.ts';

export type Failure =
  | { readonly kind: 'moved'; readonly message: string }
  | { readonly kind: 'replication'; readonly message: string; readonly disposition: Disposition; readonly hint: string }
  | { readonly kind: 'refused'; readonly message: string; readonly blockers: readonly Blocker[] }
  | { readonly kind: 'usage'; readonly message: string; readonly hint: string }
  | { readonly kind: 'unexpected'; readonly message: string; readonly stack: string };

/** The error as data. */
export function packed(error: unknown): Failure {
  const message = messageOf(error);
  if (error instanceof Refused) return { kind: 'refused', message, blockers: error.blockers };
  if (error instanceof UsageError) return { kind: 'usage', message, hint: error.hint };
  if (error instanceof SourceMoved) return { kind: 'moved', message };
  if (error instanceof ReplicationError) return { kind: 'replication', message, disposition: error.disposition, hint: error.hint };
  return { kind: 'unexpected', message, stack: error instanceof Error ? (error.stack ?? '') : '' };
}

/** The error again, as it was thrown there. */
export function unpacked(failure: Failure): Error {
  switch (failure.kind) {
    case 'moved':
      return new SourceMoved(failure.message);
    case 'replication':
      return new ReplicationError(failure.disposition, failure.message, { hint: failure.hint });
    case 'refused':
      return new Refused(failure.message, failure.blockers);
    case 'usage':
      return new UsageError(failure.message, failure.hint);
    case 'unexpected':
      return Object.assign(new Error(failure.message), { stack: failure.stack });
  }
}
