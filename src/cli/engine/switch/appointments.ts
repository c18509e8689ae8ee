/*
 * Carries out the scheduled cutover, for as long as the daemon runs.
 *
 * (1) It is taken off the schedule before it begins: a crash never makes a second one of it.
 * (2) It is an ordinary cutover, with the gate and the hooks; a verification that has grown too old is made anew before.
 * (3) One that was missed (the daemon was down) is not made up for: nobody is waiting for it any more.
 * (4) One that waits for approval is never due and never missed; from its approval on it is like any other.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Refused } from '../../../change/errors.ts';
import { type Phase, primaryIn } from '../../../cutover/phase.ts';
import { audit } from '../../../postgres/audit.ts';
import { readPhase, readVerifiedAge } from '../../../postgres/control.ts';
import type { Session } from '../../../postgres/open.ts';
import { keepApproval, putBack, readScheduled, type Scheduled, schedule, take, unschedule } from '../../../postgres/scheduled.ts';
import type { DoneDocument } from '../../../server/documents.ts';
import type { Operations } from '../../../server/operations.ts';
import type { Engine } from '../engine.ts';

const LOOK_MS = 1_000;
/** So long it is tried again while something else is under way, and so late it still begins. */
const GRACE_MS = 10 * 60_000;

type Asked = Pick<Operations, 'verify' | 'switch'>;

/** Runs until `signal` aborts. */
export async function appointments(engine: Engine, operations: Asked, signal: AbortSignal): Promise<void> {
  for (; !signal.aborted; await delay(LOOK_MS, undefined, { signal }).catch(() => undefined)) {
    // What cannot be read now is the pipe's to report, and after `finish` there is nothing to read.
    const next = await readScheduled(engine.side).catch(() => undefined);
    if (next === undefined || next.dueInMs > 0) continue;
    await keep(engine, operations, next).catch(error => engine.log.error({ err: error }, 'the scheduled cutover did not take place'));
  }
}

async function keep(engine: Engine, operations: Asked, next: Scheduled): Promise<void> {
  const { side, log, config } = engine;
  const { at, by, approval, dueInMs, maxPauseMs } = next;
  if (!(await take(side, next))) return;
  const detail = approval === null ? { at } : { at, approvedBy: approval.approvedBy };
  if (dueInMs < -GRACE_MS) {
    log.error({ at, by }, 'the scheduled cutover was missed: no daemon ran');
    return await audit(side, 'scheduled cutover missed', detail, by);
  }
  const say = (line: string): void => log.info({ at }, line);
  try {
    await audit(side, 'scheduled cutover begins', detail, by);
    const ageMs = await readVerifiedAge(side);
    if (ageMs === null || ageMs > (config.cutover.verifyMaxAgeMinutes * 60_000) / 2)
      await operations.verify({ tables: [], repair: false, resume: true }, say);
    await operations.switch('cutover', { dryRun: false, maxPauseMs: maxPauseMs ?? undefined }, say);
  } catch (error) {
    if (!isBusy(error)) throw error;
    await putBack(side, next); // the next look tries it again
  }
}

const isBusy = (error: unknown): boolean => error instanceof Refused && error.blockers.some(({ code }) => code === 'busy');

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
