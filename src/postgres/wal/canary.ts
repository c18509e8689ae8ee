import { randomUUID } from 'node:crypto';
import { type Lsn, type RowChange, WATERMARK } from '../../change/change.ts';
import { ReplicationError } from '../../change/errors.ts';
import type { Session } from '../session/open.ts';
import { writeWatermark } from './slot.ts';
import { type WalOptions, wal } from './wal.ts';

const LIMIT_MS = 30_000;

/**
 * Proves the way back: writes a watermark through `session` and resolves when it has come out of the slot. Acknowledges nothing, so
 * the slot stays where it is. Throws ReplicationError('retry') when it has not come after `limitMs`.
 */
export async function awaitWatermark(options: WalOptions & { readonly session: Session }, limitMs: number = LIMIT_MS): Promise<void> {
  const token = `canary-${randomUUID()}`;
  await writeWatermark(options.session, token);
  const limit = AbortSignal.timeout(limitMs);
  try {
    for await (const { changes } of wal(options).read(0n as Lsn, limit))
      for await (const change of changes) if (brings(change, token)) return;
  } catch (error) {
    if (!limit.aborted) throw error;
  }
  throw new ReplicationError('retry', `a row written in Postgres did not come back within ${limitMs} ms`, {
    hint: 'the slot may have much to read before it: try again later, and check the load of Postgres',
  });
}

const brings = (change: RowChange, token: string): boolean =>
  (change.op === 'insert' || change.op === 'update') && change.table === WATERMARK && change.row[0] === token;
