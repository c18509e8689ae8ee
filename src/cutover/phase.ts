/*
 *  preparing ─installed─► copying ─copied─► catching_up ─caught_up─► shadowing ◄──────────────── switched ─┐
 *                                                                     │   ▲                                 │
 *                                                             cutover │   │ abort                   switching_back
 *                                                                     ▼   │                                 ▲
 *                                     fencing ─held─► draining ─drained─► verifying            matched │
 *                                                                     │ matched                verifying_back
 *                                                                     ▼                                     ▲ drained
 *                                                                 switching                         draining_back
 *                                                                     │ switched                            ▲ held
 *                                                                     ▼        rollback                     │
 *                                        finished ◄─finish─ mirroring ──────────────────────────► fencing_back
 *                                                                     ▲                   (abort from any *_back)
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

export const TRANSITIONS: Readonly<Record<Phase, Readonly<Partial<Record<Event, Phase>>>>> = {
  preparing: { installed: 'copying' },
  copying: { copied: 'catching_up' },
  catching_up: { caught_up: 'shadowing' },
  shadowing: { cutover: 'fencing' },
  fencing: { held: 'draining', abort: 'shadowing' },
  draining: { drained: 'verifying', abort: 'shadowing' },
  verifying: { matched: 'switching', abort: 'shadowing' },
  switching: { switched: 'mirroring' },
  mirroring: { rollback: 'fencing_back', finish: 'finished' },
  fencing_back: { held: 'draining_back', abort: 'mirroring' },
  draining_back: { drained: 'verifying_back', abort: 'mirroring' },
  verifying_back: { matched: 'switching_back', abort: 'mirroring' },
  switching_back: { switched: 'shadowing' },
  finished: {},
};

/** Where `event` leads from `phase`. Throws on a step the table does not have: that is a bug, never a state to repair. */
export function next(phase: Phase, event: Event): Phase {
  const to = TRANSITIONS[phase][event];
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

/** Which side accepts the application's writes; null while a switch has closed one and not yet opened the other. */
export function primaryIn(phase: Phase): 'sqlite' | 'postgres' | null {
  if (phase === 'switching' || phase === 'switching_back') return null;
  return phase === 'mirroring' || phase === 'finished' || phase.endsWith('_back') ? 'postgres' : 'sqlite';
}
