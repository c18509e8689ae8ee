/*
 * Whether a switch may begin [G9]. Pure: the caller gathers the facts, this says which of them stand in the way, by name and
 * with the remedy. Codes are stable: scripts and the runbook name them.
 */
import type { Blocker } from '../change/errors.ts';
import type { Phase } from './phase.ts';

/** Whatever is the matter with the flag is named beside it. */
export const FLAG_REMEDY =
  'correct what is named: this user must be able to read and write the flag, and it must name the side that is primary';

export type Direction = 'cutover' | 'rollback';

export type Facts = {
  readonly direction: Direction;
  readonly phase: Phase;
  /** Somebody has paused the first copy. */
  readonly paused: boolean;
  readonly lagMs: number;
  readonly lagChanges: bigint;
  readonly maxLagMs: number;
  readonly quarantine: number;
  /** Tables that are not replicated any more, because too many of their rows did not fit. */
  readonly suspended: readonly string[];
  /** The last full verification; null if there was none. */
  readonly verified: { readonly ok: boolean; readonly ageMs: number } | null;
  readonly verifyMaxAgeMs: number;
  /** What server and role lack for a stream back (preflight). */
  readonly cannotStream: readonly Blocker[];
  /** Why the flag cannot be written or is not read back; undefined if all is well or no flag is configured. */
  readonly flagProblem: string | undefined;
  /** Why the way back is not proven: the canary row did not make the round trip. */
  readonly reverseProblem: string | undefined;
  /** The fence of the side that is closed now is not whole. */
  readonly fenceProblem: string | undefined;
  /** Tables of the application that are in no plan, with the reason. */
  readonly newTables: readonly string[];
  /** Tables that have changed, gone or come, and that the plan does not follow yet. */
  readonly drifted: readonly string[];
  /** Triggers of the application that could not be judged. */
  readonly unreadableTriggers: readonly string[];
  /** Why nothing follows the primary now: the reason of the halt. */
  readonly stopped: string | undefined;
  /** What was found in the two databases and on their machines, each with its name already. */
  readonly obstacles: readonly Blocker[];
};

/** The phase in which each of the two begins. */
export const STARTS: Readonly<Record<Direction, Phase>> = { cutover: 'shadowing', rollback: 'mirroring' };

/** Everything that stands in the way; empty means go. */
export function blockers(facts: Facts): Blocker[] {
  const found: Blocker[] = [];
  const block = (when: boolean, code: string, reason: string, remedy: string): void => {
    if (when) found.push({ code, reason, remedy });
  };
  const begin = STARTS[facts.direction];
  block(facts.phase !== begin, 'phase', `the phase is ${facts.phase}, not ${begin}`, phaseRemedy(facts));
  if (facts.phase !== begin) return found;

  block(
    facts.stopped !== undefined,
    'stopped',
    `nothing is replicated at the moment: ${facts.stopped}`,
    'remove that cause and start `attacca sync`; `attacca status` shows it',
  );
  block(
    facts.lagMs > facts.maxLagMs,
    'lag',
    `${facts.lagChanges} changes are not applied yet, the oldest for ${Math.round(facts.lagMs)} ms`,
    'wait until `attacca status` shows a lag below cutover.maxLagMs',
  );
  block(
    facts.quarantine > 0,
    'quarantine',
    `${facts.quarantine} rows are in quarantine`,
    'see `attacca quarantine list`, then retry or drop them',
  );
  const suspended = facts.suspended.join(', ');
  block(
    suspended !== '',
    'suspended',
    `these tables are not replicated any more: ${suspended}`,
    'correct their rows in quarantine, then run `attacca resync` with their names',
  );
  verification(facts, block);
  if (facts.direction === 'cutover') found.push(...facts.cannotStream);
  block(facts.flagProblem !== undefined, 'flag', facts.flagProblem ?? '', FLAG_REMEDY);
  block(
    facts.reverseProblem !== undefined,
    'reverse-path',
    `the way back: ${facts.reverseProblem}`,
    'remove the cause that is named, then try again',
  );
  block(
    facts.fenceProblem !== undefined,
    'fence',
    `the fence: ${facts.fenceProblem}`,
    'run `attacca verify`; the daemon puts the fence up again',
  );
  const tables = facts.newTables.join(', ');
  block(
    tables !== '',
    'new-tables',
    `these tables are not replicated: ${tables}`,
    'give them what is missing, and the daemon follows; or drop them; or begin anew with them in the exclude list of the plan',
  );
  const drifted = facts.drifted.join(', ');
  block(drifted !== '', 'schema', `these tables are no longer as the plan has them: ${drifted}`, 'wait until the daemon has followed them');
  const triggers = facts.unreadableTriggers.join(', ');
  block(
    triggers !== '',
    'triggers',
    `these triggers need functions, modules or collations that only the application has: ${triggers}`,
    'drop them before the cutover; they could fire while attacca mirrors',
  );
  return [...found, ...facts.obstacles];
}

type Block = (when: boolean, code: string, reason: string, remedy: string) => void;

function verification(facts: Facts, block: Block): void {
  const { verified } = facts;
  block(
    verified === null,
    'not-verified',
    'the two sides were never fully compared, or something has happened since that makes it void',
    'run `attacca verify`',
  );
  if (verified === null) return;
  block(
    !verified.ok,
    'differences',
    'the last verification found differences',
    facts.direction === 'cutover' ? 'run `attacca verify --repair`' : 'run `attacca resync`, then `attacca verify`',
  );
  block(
    verified.ageMs > facts.verifyMaxAgeMs,
    'verification-age',
    Number.isFinite(verified.ageMs)
      ? `the last full verification is ${Math.round(verified.ageMs / 60_000)} minutes old`
      : "the last full verification lies in the future: the server's clock was set back",
    'run `attacca verify`',
  );
}

function phaseRemedy(facts: Facts): string {
  if (facts.direction === 'rollback') {
    return facts.phase === 'finished' ? 'there is no way back after finish' : 'there is nothing to roll back: SQLite is primary';
  }
  if (facts.phase === 'mirroring' || facts.phase === 'finished') return 'Postgres is primary already';
  const shadowing = 'wait until `attacca status` shows shadowing';
  return facts.paused ? `the first copy is paused: run \`attacca throttle --resume\`, and ${shadowing}` : shadowing;
}
