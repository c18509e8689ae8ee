/*
 * Postgres → SQLite: the same machine with the ends swapped. The tables stay locked from `held` until Postgres's fence has
 * committed, so a crash anywhere before leaves Postgres as it was. The mirror keeps running until it is drained; then SQLite is
 * locked, and its fence taken away, unseen, while Postgres works: that commits only when Postgres is closed.
 */
import type { Mark } from '../change/change.ts';
import type { Plan } from '../plan/plan.ts';
import { agree, together } from './agree.ts';
import { Budget } from './budget.ts';
import type { Actions } from './drive.ts';
import { notHolding } from './forward.ts';
import type { HeldSqlite, LockedPostgres, LoweredFence, SwitchPorts } from './ports.ts';
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
  let budget: Budget | undefined;
  let holding: Holding | undefined;
  let held: HeldSqlite | undefined;
  let ready: Ready | undefined;
  const release = async (): Promise<void> => {
    budget?.[Symbol.dispose]();
    held?.release();
    ready = undefined;
    await holding?.locked.release();
    holding = undefined;
  };
  const still = (): Holding & { readonly budget: Budget } => {
    if (holding === undefined || budget === undefined) throw notHolding();
    return { ...holding, budget };
  };

  return {
    release,
    async fencing_back() {
      const checkpoint = await postgres.checkpoint();
      const verified = await postgres.verifiedUpTo();
      const locked = await postgres.lock(options.maxPauseMs);
      watch.start();
      budget = new Budget(options.maxPauseMs, () => void locked.release());
      holding = { locked, checkpoint, verified };
      return 'held';
    },
    async draining_back() {
      const { budget } = still();
      const drained = options.mirror.reached(token, budget.signal);
      await budget.within(Promise.all([postgres.writeWatermark(token), drained]));
      await options.mirror.stop();
      return 'drained';
    },
    async verifying_back() {
      const { locked, checkpoint, verified, budget } = still();
      held = await sqlite.hold(budget.remaining(), checkpoint);
      const source = held.state();
      try {
        const compared = async (): Promise<void> =>
          await agree(postgres, plan, { source, marked: source.marked(verified.seq), primary: 'postgres', signal: budget.signal });
        // What Postgres is asked goes out first: this thread is busy with SQLite then.
        const [usedIds, fence] = await budget.within(together(postgres.usedIds(), held.lower(epoch), compared()));
        ready = { usedIds, fence };
      } finally {
        source.close();
      }
      budget[Symbol.dispose]();
      await locked.close(epoch);
      return 'matched';
    },
    /** Runs only in the phase that committed together with Postgres's fence: reading the phase was reading the closed record. */
    async switching_back() {
      const head = ready === undefined ? await opened() : await ready.fence.open(ready.usedIds);
      await flag.write({ primary: 'sqlite', epoch });
      watch.stop();
      await postgres.resumeAt(head);
      await release();
      return 'switched';
    },
  };

  /** In a process that has nothing ready: the one before may have opened it. */
  async function opened(): Promise<Mark> {
    const record = sqlite.record();
    if (record.primary === 'sqlite' && record.epoch === epoch) return record.head;
    held = await sqlite.hold(options.maxPauseMs, await postgres.checkpoint());
    const fence = await held.lower(epoch);
    return await fence.open(await postgres.usedIds());
  }
}

/** The lock of Postgres's tables, and where both sides stood before: the mirror moves neither. */
type Holding = { readonly locked: LockedPostgres; readonly checkpoint: Mark; readonly verified: Mark };
type Ready = { readonly usedIds: ReadonlyMap<number, bigint>; readonly fence: LoweredFence };
