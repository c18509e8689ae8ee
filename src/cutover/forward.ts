/*
 * SQLite → Postgres, step by step. Everything from `held` to the fence happens under one SQLite write transaction, so a crash
 * anywhere in it leaves SQLite as it was. After the fence there is only forward.
 */
import { Refused, ReplicationError } from '../change/errors.ts';
import type { Plan } from '../plan/plan.ts';
import { verifyMarked } from '../verify/verify.ts';
import { Budget } from './budget.ts';
import type { Actions } from './drive.ts';
import type { HeldSqlite, SwitchPorts } from './ports.ts';
import type { Stopwatch } from './stopwatch.ts';

export type ForwardPhase = 'fencing' | 'draining' | 'verifying' | 'switching';

/** The four actions of a cutover at `epoch`, and `release` for whatever was still held when it ended. */
export function forward(
  ports: SwitchPorts,
  options: { readonly plan: Plan; readonly epoch: bigint; readonly maxPauseMs: number; readonly watch: Stopwatch },
): Pick<Actions, ForwardPhase> & { release(): void } {
  const { sqlite, postgres, flag } = ports;
  const { plan, epoch, watch } = options;
  let held: HeldSqlite | undefined;
  let budget: Budget | undefined;
  const release = (): void => {
    budget?.[Symbol.dispose]();
    held?.release();
    held = undefined;
  };
  /** What the earlier phases of this process left; after a restart there is nothing, and the switch must be settled instead. */
  const holding = (): { held: HeldSqlite; budget: Budget } => {
    if (held === undefined || budget === undefined) throw notHolding();
    return { held, budget };
  };

  return {
    release,
    async fencing() {
      const lock = await sqlite.hold(options.maxPauseMs);
      held = lock;
      watch.start();
      budget = new Budget(options.maxPauseMs, () => lock.release());
      return 'held';
    },
    async draining() {
      const { held, budget } = holding();
      const checkpoint = await postgres.checkpoint();
      const state = held.state();
      budget.remaining();
      if (state.position.seq > checkpoint.seq) await postgres.apply({ position: state.position, changes: state.marked(checkpoint.seq) });
      budget.remaining();
      return 'drained';
    },
    async verifying() {
      const { held, budget } = holding();
      const source = held.state();
      const target = await postgres.state();
      try {
        const since = await postgres.verifiedUpTo();
        const verified = await verifyMarked({ source, target, primary: 'sqlite' }, plan, source.marked(since.seq), budget.signal);
        if (!verified.ok) throw differs();
      } finally {
        await target.close();
      }
      const lsn = await postgres.prepare(held.usedIds());
      budget.remaining();
      budget[Symbol.dispose]();
      await held.close({ epoch, head: source.position, lsn });
      return 'matched';
    },
    async switching() {
      const closed = sqlite.record();
      if (closed.primary !== 'postgres' || closed.epoch !== epoch) throw notClosed('SQLite', epoch);
      await postgres.open({ epoch, head: closed.head });
      await flag.write({ primary: 'postgres', epoch });
      watch.stop();
      release();
      await postgres.setVerified(closed.head);
      return 'switched';
    },
  };
}

export const differs = (): Refused =>
  new Refused('aborted: the sides differ', [
    {
      code: 'differences',
      reason: 'rows that changed since the last verification are not the same on both sides',
      remedy: 'run `attacca verify` to see them and `attacca verify --repair` to copy them again',
    },
  ]);

export const notHolding = (): ReplicationError =>
  new ReplicationError('halt', 'the switch was interrupted: its lock is gone', { hint: 'run the command again; nothing was switched' });

export const notClosed = (side: string, epoch: bigint): ReplicationError =>
  new ReplicationError('halt', `${side} has no durable record that it is closed at epoch ${epoch}`, {
    hint: 'do not open the other side by hand; run `attacca status` and read the runbook, section "switching"',
  });
