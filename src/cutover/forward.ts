/*
 * SQLite → Postgres, step by step. Everything from `held` to the fence happens under one SQLite write transaction, so a crash
 * anywhere in it leaves SQLite as it was. After the fence there is only forward.
 *
 * The application waits from the lock until Postgres opens. What does not depend on each other is asked for together, and the fence
 * is put up, unseen, while Postgres works.
 */
import type { Mark, Rows } from '../change/change.ts';
import { ReplicationError } from '../change/errors.ts';
import type { SourceState } from '../change/ports.ts';
import type { Plan } from '../plan/plan.ts';
import { agree, together } from './agree.ts';
import { Budget } from './budget.ts';
import type { Actions } from './drive.ts';
import type { HeldSqlite, RaisedFence, SwitchPorts } from './ports.ts';
import type { Stopwatch } from './stopwatch.ts';

export type ForwardPhase = 'fencing' | 'draining' | 'verifying' | 'switching';

/** The four actions of a cutover at `epoch`, and `release` for whatever was still held when it ended. */
export function forward(
  ports: SwitchPorts,
  options: { readonly plan: Plan; readonly epoch: bigint; readonly maxPauseMs: number; readonly watch: Stopwatch },
): Pick<Actions, ForwardPhase> & { release(): void } {
  const { sqlite, postgres, flag } = ports;
  const { plan, epoch, watch } = options;
  let budget: Budget | undefined;
  let holding: Holding | undefined;
  let ready: Ready | undefined;
  const release = (): void => {
    budget?.[Symbol.dispose]();
    holding?.held.release();
    holding = undefined;
    ready = undefined;
  };
  /** What the earlier phases of this process left; after a restart there is nothing, and the switch must be settled instead. */
  const still = (): Holding & { readonly budget: Budget } => {
    if (holding === undefined || budget === undefined) throw notHolding();
    return { ...holding, budget };
  };

  return {
    release,
    async fencing() {
      const checkpoint = await postgres.checkpoint();
      const verified = await postgres.verifiedUpTo();
      const held = await sqlite.hold(options.maxPauseMs, checkpoint);
      watch.start();
      budget = new Budget(options.maxPauseMs, () => held.release());
      holding = { held, checkpoint, verified };
      return 'held';
    },
    async draining() {
      const { held, checkpoint, verified, budget } = still();
      const source = held.state();
      const { position } = source;
      const changes = source.marked(checkpoint.seq);
      const marked = verified.seq === checkpoint.seq ? changes : source.marked(verified.seq);
      const usedIds = held.usedIds();
      const applied = position.seq > checkpoint.seq ? postgres.apply({ position, changes }) : Promise.resolve();
      const [, fence] = await budget.within(together(applied, held.raise(epoch)));
      ready = { source, marked, usedIds, fence };
      return 'drained';
    },
    async verifying() {
      const { budget } = still();
      budget.remaining();
      if (ready === undefined) throw notHolding();
      const { source, marked, usedIds, fence } = ready;
      const compared = agree(postgres, plan, { source, marked, primary: 'sqlite', signal: budget.signal });
      const [lsn] = await budget.within(together(postgres.prepare(epoch, usedIds), compared));
      budget[Symbol.dispose]();
      await fence.close({ head: source.position, lsn });
      return 'matched';
    },
    async switching() {
      const closed = sqlite.record();
      if (closed.primary !== 'postgres' || closed.epoch !== epoch) throw notClosed(epoch);
      await postgres.open({ epoch, head: closed.head });
      await flag.write({ primary: 'postgres', epoch });
      watch.stop();
      release();
      await postgres.setVerified(closed.head);
      return 'switched';
    },
  };
}

/** SQLite's lock, and where Postgres stood right before it was taken: nobody but this process moves that. */
type Holding = { readonly held: HeldSqlite; readonly checkpoint: Mark; readonly verified: Mark };
/** Everything that is needed to close SQLite. `marked`: the rows to compare. */
type Ready = {
  readonly source: SourceState;
  readonly marked: Rows;
  readonly usedIds: ReadonlyMap<number, bigint | null>;
  readonly fence: RaisedFence;
};

export const notHolding = (): ReplicationError =>
  new ReplicationError('halt', 'the switch was interrupted: its lock is gone', { hint: 'run the command again; nothing was switched' });

const notClosed = (epoch: bigint): ReplicationError =>
  new ReplicationError('halt', `SQLite has no durable record that it is closed at epoch ${epoch}`, {
    hint: 'do not open the other side by hand; run `attacca status` and read the runbook, section "switching"',
  });
