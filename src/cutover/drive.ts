import { type Event, isSwitching, MACHINE, next, type Phase, type SwitchPhase } from './phase.ts';

/** Where the phase lives: in Postgres, beside the data it speaks of. */
export interface PhaseStore {
  load(): Promise<Phase>;
  /**
   * Compare-and-set, durable. Succeeds also if the phase already is `to` (the fence of `verifying_back` commits together with
   * its phase); throws if another controller has moved on.
   */
  advance(from: Phase, to: Phase): Promise<void>;
  /**
   * The same, on the way of a switch: where `to` is stored for whoever reads it, it is not waited for, and its failure is not heard of.
   * Nothing is closed or opened then: that fails unless it finds the phase in its place.
   */
  step(from: Phase, to: Phase): Promise<void>;
}

/** One idempotent action for each phase of a switch; it says which event it ended with. */
export type Actions = Readonly<Record<SwitchPhase, () => Promise<Event>>>;

/** Leaves a switch that stopped half-way by what it has come to: `matched` if a fence is durable, else `abort`. */
export type Outcome = (phase: SwitchPhase, leave: (event: Left) => Promise<Left>) => Promise<Left>;
type Left = 'matched' | 'abort';

/**
 * Walks a switch to its end. A failure before the fence is durable aborts it (the application goes on where it was) and is
 * rethrown; a failure after it leaves the phase as it is, for `recover` to finish.
 */
export async function drive(store: PhaseStore, actions: Actions, outcome: Outcome): Promise<Phase> {
  for (;;) {
    const phase = await store.load();
    if (!isSwitching(phase)) return phase;
    try {
      await store.step(phase, next(phase, await actions[phase]()));
    } catch (error) {
      if (!abortable(phase)) throw error;
      if ((await settle(store, phase, outcome)) === 'abort') throw error;
    }
  }
}

/** Finishes or aborts what a dead controller began: first thing at every start. */
export async function recover(store: PhaseStore, actions: Actions, outcome: Outcome): Promise<Phase> {
  const phase = await store.load();
  if (!isSwitching(phase)) return phase;
  if (abortable(phase)) await settle(store, phase, outcome);
  return drive(store, actions, outcome);
}

const abortable = (phase: SwitchPhase): boolean => MACHINE[phase].on.abort !== undefined;

/**
 * Leaves an abortable phase the way its durable record says; `moved` if the failed action had already left it for one that is not. The
 * one that stands may be an earlier one: a step that was not waited for has failed.
 */
async function settle(store: PhaseStore, failed: SwitchPhase, outcome: Outcome): Promise<Left | 'moved'> {
  const phase = await store.load();
  if (phase !== failed && !(isSwitching(phase) && abortable(phase))) return 'moved';
  try {
    return await outcome(phase, async event => {
      await store.advance(phase, next(phase, event));
      return event;
    });
  } catch (error) {
    // The commit of a fence, sent by a process that was killed since, may arrive at last.
    if ((await store.load()) === phase) throw error;
    return 'moved';
  }
}
