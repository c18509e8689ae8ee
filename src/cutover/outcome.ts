import type { Outcome } from './drive.ts';
import type { SqliteSide } from './ports.ts';

/**
 * What a switch at `epoch` that stopped half-way has come to. Only in `verifying` may SQLite's fence have committed, and another
 * process may be about to: one that lost its session with Postgres without having noticed yet. So its record is read under the lock
 * that the fence needs, which is kept until the phase has moved. Postgres's fence moves the phase itself. `release`: gives back what
 * this process still holds.
 */
export const outcomeOf =
  (
    sqlite: Pick<SqliteSide, 'record' | 'still'>,
    { epoch, budgetMs, release }: { readonly epoch: bigint; readonly budgetMs: number; release(): Promise<void> },
  ): Outcome =>
  async (phase, leave) => {
    await release();
    if (phase !== 'verifying') return leave('abort');
    return sqlite.still(budgetMs, () => {
      const closed = sqlite.record();
      return leave(closed.primary === 'postgres' && closed.epoch === epoch ? 'matched' : 'abort');
    });
  };
