/*
 * Postgres → SQLite: the same machine with the ends swapped. The tables stay locked from `held` until Postgres's fence has
 * committed, so a crash anywhere before leaves Postgres as it was. The mirror keeps running until it is drained.
 */

import type { Plan } from '../plan/plan.ts';
import { verifyMarked } from '../verify/verify.ts';
import { Budget } from './budget.ts';
import type { Actions } from './drive.ts';
import { differs, notHolding } from './forward.ts';
import type { LockedPostgres, SwitchPorts } from './ports.ts';
import type { Stopwatch } from './stopwatch.ts';

export type BackPhase = 'fencing_back' | 'draining_back' | 'verifying_back' | 'switching_back';

export function back(
  ports: SwitchPorts,
  options: {
    readonly plan: Plan;
    readonly epoch: bigint;
    readonly maxPauseMs: number;
    readonly watch: Stopwatch;
    readonly token: string;
    readonly mirror: {
      /** Resolves once everything committed before the watermark is in SQLite. Asked for before the watermark is written. */
      reached(token: string, signal: AbortSignal): Promise<void>;
      /** Ends the mirror: it must not write while SQLite opens. */
      stop(): Promise<void>;
    };
  },
): Pick<Actions, BackPhase> & { release(): Promise<void> } {
  const { sqlite, postgres, flag } = ports;
  const { plan, epoch, watch, token } = options;
  let locked: LockedPostgres | undefined;
  let budget: Budget | undefined;
  const release = async (): Promise<void> => {
    budget?.[Symbol.dispose]();
    await locked?.release();
    locked = undefined;
  };
  const holding = (): { locked: LockedPostgres; budget: Budget } => {
    if (locked === undefined || budget === undefined) throw notHolding();
    return { locked, budget };
  };

  return {
    release,
    async fencing_back() {
      const tables = await postgres.lock(options.maxPauseMs);
      locked = tables;
      watch.start();
      budget = new Budget(options.maxPauseMs, () => void tables.release());
      return 'held';
    },
    async draining_back() {
      const { budget } = holding();
      const drained = options.mirror.reached(token, budget.signal);
      await Promise.all([postgres.writeWatermark(token), drained]);
      await options.mirror.stop();
      budget.remaining();
      return 'drained';
    },
    async verifying_back() {
      const { locked, budget } = holding();
      await compare(budget.signal);
      budget.remaining();
      budget[Symbol.dispose]();
      await locked.close(epoch);
      return 'matched';
    },
    /** Runs only in the phase that committed together with Postgres's fence: reading the phase was reading the closed record. */
    async switching_back() {
      const opened = sqlite.record();
      const head = opened.primary === 'sqlite' && opened.epoch === epoch ? opened.head : await open();
      await postgres.resumeAt(head);
      await flag.write({ primary: 'sqlite', epoch });
      watch.stop();
      await release();
      return 'switched';
    },
  };

  async function compare(signal: AbortSignal): Promise<void> {
    const target = await postgres.state();
    try {
      const since = await postgres.verifiedUpTo();
      const source = sqlite.state();
      try {
        const verified = await verifyMarked({ source, target, primary: 'postgres' }, plan, source.marked(since.seq), signal);
        if (!verified.ok) throw differs();
      } finally {
        source.close();
      }
    } finally {
      await target.close();
    }
  }

  async function open() {
    const held = await sqlite.hold(options.maxPauseMs);
    try {
      return await held.open({ epoch, usedIds: await postgres.usedIds() });
    } finally {
      held.release();
    }
  }
}
