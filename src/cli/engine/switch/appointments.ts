/*
 * Carries out the scheduled cutover, for as long as the daemon runs.
 *
 * (1) It is taken off the schedule before it begins: a crash never makes a second one of it.
 * (2) It is an ordinary cutover, with the gate and the hooks; a verification that has grown too old is made anew before. Not while the
 *     first copy is under way, for which that would wait for hours: there the gate refuses it.
 * (3) One that was missed (the daemon was down, or busy for long) is not made up for: nobody is waiting for it any more.
 * (4) One that waits for approval is never due and never missed; from its approval on it is like any other.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Refused } from '../../../change/errors.ts';
import { STARTS } from '../../../cutover/gate.ts';
import { type Phase, primaryIn } from '../../../cutover/phase.ts';
import { audit } from '../../../postgres/installed/audit.ts';
import { readPhase, readVerifiedAge } from '../../../postgres/installed/control.ts';
import { keepApproval, putBack, readScheduled, type Scheduled, schedule, take, unschedule } from '../../../postgres/installed/scheduled.ts';
import type { Session } from '../../../postgres/session/open.ts';
import type { DoneDocument } from '../../../server/documents.ts';
import type { Operations } from '../../../server/operations.ts';
import type { Engine } from '../engine.ts';

const LOOK_MS = 1_000;
/** So long it is tried again while something else is under way, and so late it still begins. */
const GRACE_MS = 10 * 60_000;

type Asked = Pick<Operations, 'verify' | 'switch'>;

/** Runs until `signal` aborts. */
export async function appointments(engine: Engine, operations: Asked, signal: AbortSignal): Promise<void> {
  let waiting = false;
  for (; !signal.aborted; await delay(LOOK_MS, undefined, { signal }).catch(() => undefined)) {
    // What cannot be read now is the pipe's to report, and after `finish` there is nothing to read.
    const next = await readScheduled(engine.side).catch(() => undefined);
    if (next === undefined || next.dueInMs > 0) waiting = false;
    else waiting = await keep(engine, operations, next, waiting).catch(error => failed(engine, error));
  }
}

function failed({ log }: Engine, error: unknown): false {
  log.error({ err: error }, 'the scheduled cutover did not take place');
  return false;
}

/** True: something else is under way, and the next look tries it again. `waiting`: it was so at the last look, and that is in the log. */
async function keep(engine: Engine, operations: Asked, next: Scheduled, waiting: boolean): Promise<boolean> {
  const { side, log, config } = engine;
  const { at, by, approval, dueInMs, maxPauseMs } = next;
  if (!(await take(side, next))) return false;
  const detail = approval === null ? { at } : { at, approvedBy: approval.approvedBy };
  if (dueInMs < -GRACE_MS) {
    log.error({ at, by, waiting }, 'the scheduled cutover was missed');
    await audit(side, 'scheduled cutover missed', detail, by);
    return false;
  }
  const say = (line: string): void => log.info({ at }, line);
  try {
    if (!waiting) await audit(side, 'scheduled cutover begins', detail, by);
    const ageMs = await readVerifiedAge(side);
    const old = ageMs === null || ageMs > (config.cutover.verifyMaxAgeMinutes * 60_000) / 2;
    if (old && (await readPhase(side)).phase === STARTS.cutover) await operations.verify({ tables: [], repair: false, resume: true }, say);
    await operations.switch('cutover', { dryRun: false, maxPauseMs: maxPauseMs ?? undefined }, say);
    return false;
  } catch (error) {
    const reason = busyWith(error);
    if (reason === undefined) throw error;
    await putBack(side, next);
    if (waiting) return true;
    log.warn({ at, reason }, 'the scheduled cutover waits');
    await audit(side, 'scheduled cutover waits', { ...detail, reason }, by);
    return true;
  }
}

const busyWith = (error: unknown): string | undefined =>
  error instanceof Refused ? error.blockers.find(({ code }) => code === 'busy')?.reason : undefined;

/** Schedules a cutover, or calls off the one that is. */
export async function appoint(side: Session, { at, onApproval = false, maxPauseMs = null }: Wanted, by: string): Promise<DoneDocument> {
  if (at === null && !onApproval)
    return { done: 'cancel', detail: (await unschedule(side)) ? 'the scheduled cutover is called off' : 'no cutover was scheduled' };
  const { phase } = await readPhase(side);
  if (primaryIn(phase as Phase) !== 'sqlite') throw primaryAlready(phase);
  await schedule(side, { at, maxPauseMs, onApproval, by });
  const approved = `once somebody has run \`attacca approve\`${at === null ? '' : `, not before ${at}`}`;
  return {
    done: 'schedule',
    detail: `a cutover begins ${onApproval ? approved : `at ${at}`}, if nothing stands in its way then; call it off with \`attacca cutover --cancel\``,
  };
}

type Wanted = { readonly at: string | null; readonly onApproval?: boolean | undefined; readonly maxPauseMs?: number | null | undefined };

const primaryAlready = (phase: string): Refused =>
  new Refused('nothing was scheduled', [{ code: 'phase', reason: `the phase is ${phase}`, remedy: 'PostgreSQL is primary already' }]);

/** Approves the cutover that was asked for at that moment; again is harmless. Throws Refused where it does not wait there any more. */
export async function approve(side: Session, askedAt: string, by: string): Promise<DoneDocument> {
  const next = await readScheduled(side);
  if (next?.approval == null || !(await keepApproval(side, askedAt, by))) throw nothingToApprove();
  const approved = await readScheduled(side); // or it has begun already
  const begins = approved !== undefined && approved.dueInMs > 0 ? `at ${approved.at}` : 'now';
  return {
    done: 'approve',
    detail: `the cutover that ${next.by} asked for at ${askedAt} is approved: the daemon begins it ${begins}, after a verification if the last is old`,
  };
}

export const nothingToApprove = (): Refused =>
  new Refused('nothing was approved', [
    {
      code: 'nothing-to-approve',
      reason: 'no cutover waits for approval, or not the one that was shown: it has begun, was called off or replaced',
      remedy: 'see `attacca status`; `attacca cutover --on-approval` asks for one',
    },
  ]);
