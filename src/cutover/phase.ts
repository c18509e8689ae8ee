/*
 * The whole life of a migration as one table: what the running code walks (drive.ts, controlling.ts), and what the diagram in
 * deploy/runbook.md is made from (test/cutover/diagram.ts).
 *
 * A cutover can be aborted until SQLite's fence has committed, a rollback until Postgres's has. `switching` and
 * `switching_back` have no abort: one side is closed for good at this epoch, so they can only be run again. The way back
 * from `mirroring` is the same machine with the ends swapped. `finished` has no way out.
 */
export const PHASES = [
  'preparing',
  'copying',
  'catching_up',
  'shadowing',
  'fencing',
  'draining',
  'verifying',
  'switching',
  'mirroring',
  'fencing_back',
  'draining_back',
  'verifying_back',
  'switching_back',
  'finished',
] as const;
export type Phase = (typeof PHASES)[number];

/** Until every row was copied once. */
export const isFirstCopy = (phase: string): boolean => phase === 'preparing' || phase === 'copying';

export type Event =
  | 'installed'
  | 'copied'
  | 'caught_up'
  | 'cutover'
  | 'rollback'
  | 'held'
  | 'drained'
  | 'matched'
  | 'switched'
  | 'abort'
  | 'finish';

type Row = {
  /** Which side accepts the application's writes; null while a switch has closed one and not yet opened the other. */
  readonly primary: 'sqlite' | 'postgres' | null;
  /** The first event is the way on. */
  readonly on: Readonly<Partial<Record<Event, Phase>>>;
};

export const MACHINE: Readonly<Record<Phase, Row>> = {
  preparing: { primary: 'sqlite', on: { installed: 'copying' } },
  copying: { primary: 'sqlite', on: { copied: 'catching_up' } },
  catching_up: { primary: 'sqlite', on: { caught_up: 'shadowing' } },
  shadowing: { primary: 'sqlite', on: { cutover: 'fencing' } },
  fencing: { primary: 'sqlite', on: { held: 'draining', abort: 'shadowing' } },
  draining: { primary: 'sqlite', on: { drained: 'verifying', abort: 'shadowing' } },
  verifying: { primary: 'sqlite', on: { matched: 'switching', abort: 'shadowing' } },
  switching: { primary: null, on: { switched: 'mirroring' } },
  mirroring: { primary: 'postgres', on: { rollback: 'fencing_back', finish: 'finished' } },
  fencing_back: { primary: 'postgres', on: { held: 'draining_back', abort: 'mirroring' } },
  draining_back: { primary: 'postgres', on: { drained: 'verifying_back', abort: 'mirroring' } },
  verifying_back: { primary: 'postgres', on: { matched: 'switching_back', abort: 'mirroring' } },
  switching_back: { primary: null, on: { switched: 'shadowing' } },
  finished: { primary: 'postgres', on: {} },
};

/** Where `event` leads from `phase`. Throws on a step the table does not have: that is a bug, never a state to repair. */
export function next(phase: Phase, event: Event): Phase {
  const to = MACHINE[phase].on[event];
  if (to === undefined) throw new Error(`illegal transition: ${event} while ${phase}`);
  return to;
}

export type SwitchPhase = 'fencing' | 'draining' | 'verifying' | 'switching' | `${'fencing' | 'draining' | 'verifying' | 'switching'}_back`;

const SWITCHING: ReadonlySet<Phase> = new Set<SwitchPhase>([
  'fencing',
  'draining',
  'verifying',
  'switching',
  'fencing_back',
  'draining_back',
  'verifying_back',
  'switching_back',
]);

/** In the middle of a cutover or a rollback: a restart finishes or aborts it before anything else. */
export const isSwitching = (phase: Phase): phase is SwitchPhase => SWITCHING.has(phase);

/** Which side accepts the application's writes in `phase`. */
export const primaryIn = (phase: Phase): Row['primary'] => MACHINE[phase].primary;
