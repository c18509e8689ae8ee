/* What commands ask for, done by the controller of this process. A daemon's socket and a lone command both end up here. */
import { type Blocker, Refused } from '../../../change/errors.ts';
import type { Direction } from '../../../cutover/gate.ts';
import { type Phase, primaryIn } from '../../../cutover/phase.ts';
import { audit, readWholeAudit } from '../../../postgres/installed/audit.ts';
import { holdsTables } from '../../../postgres/installed/install.ts';
import { unschedule } from '../../../postgres/installed/scheduled.ts';
import type { DoneDocument, SwitchDocument, VerifyDocument } from '../../../server/documents.ts';
import type { Operations, Progress } from '../../../server/operations.ts';
import { hold } from '../../../sqlite/mirror/hold.ts';
import { outputTo } from '../../write.ts';
import type { Controller } from '../controller.ts';
import { turn, untilCopied } from '../copy/throttling.ts';
import { type Installed, installed } from '../engine.ts';
import { widenTables } from '../forward/widening.ts';
import { exportAudit, noteAsked, noted, noteReport, positions } from '../keep/auditing.ts';
import { makeBackup } from '../keep/backup.ts';
import { type Left, leaveToApplication, refuseUnlessSqlite, removeEverything } from '../keep/removal.ts';
import { moveOn } from '../phases.ts';
import { verify } from '../prove/verifying.ts';
import { appoint, approve } from '../switch/appointments.ts';
import { check, cutOver, rollBack, takeDown } from '../switch/switching.ts';
import { quarantine } from './quarantining.ts';
import { resync } from './resync.ts';
import { readStatus } from './status.ts';

/** How long others may be writing the file before `finish` gives up. */
const LOCK_WAIT_MS = 5_000;

/** The process around the controller: since when it is there, and the page that it serves. */
type Process = { readonly since: Date; readonly page?: { readonly url: string; readonly entry: string } | undefined };

/** `ended` is called after `finish` and `uninstall`: there is nothing left to run. */
export function operations(controller: Controller, { since, page }: Process, ended: (left: Left) => void): Operations {
  const { engine } = controller;
  /** Runs alone what waits until everything was copied once. */
  const afterCopy: Controller['alone'] = (what, work, interrupt) => {
    const waited = () => untilCopied(controller, what).then(work);
    return controller.alone(what, waited, interrupt);
  };
  return {
    status: async () => ({
      ...(await readStatus(
        engine,
        { pid: process.pid, since: since.toISOString(), dashboard: page?.url ?? null },
        controller.tail()?.lag(),
      )),
      throttle: engine.throttle.value,
    }),
    audit: async () => ({ entries: await readWholeAudit(engine.side) }),
    async dashboard() {
      if (page !== undefined) return { url: page.entry };
      throw new Refused('the daemon serves no page', [
        {
          code: 'no-dashboard',
          reason: 'it was told not to',
          remedy: 'set "http": { "enabled": true } in attacca.config.json, and start it again',
        },
      ]);
    },
    asked: (what, detail, by) => noteAsked(engine, what, detail, by),
    unmet: async (what, error, by) => void (await noted(engine, `${what} ${error instanceof Refused ? 'refused' : 'failed'}`, error, by)),
    throttle: wanted => turn(engine, wanted),
    verify(options, progress) {
      const interrupt = new AbortController();
      const work = async (): Promise<VerifyDocument> =>
        noteReport(engine.side, await verify(controller, options, progress, interrupt.signal));
      return afterCopy('verify', work, options.background === true ? interrupt : undefined);
    },
    switch: (direction, options, progress) => controller.alone(direction, () => changeOver(controller, direction, options, progress)),
    schedule: (wanted, by) => appoint(engine.side, wanted, by),
    approve: (askedAt, by) => approve(engine.side, askedAt, by),
    quarantine: (action, ids) =>
      (action === 'retry' ? afterCopy : controller.alone)(`quarantine ${action}`, () => quarantine(controller, action, ids)),
    resync: ({ tables }, progress) => afterCopy('resync', () => resync(controller, tables, progress)),
    widen: ({ tables }, progress) =>
      afterCopy('widen', async () => {
        await controller.tailing();
        const done = await controller.whileSwitching(async () => {
          await controller.tail()?.stop();
          return await widenTables(controller, tables, progress);
        });
        await controller.caughtUp();
        return done;
      }),
    finish: (options, progress) => controller.alone('finish', () => finish(controller, options, progress, ended)),
    uninstall: (options, progress) =>
      controller.alone('uninstall', () =>
        controller.whileSwitching(async () => {
          await refuseUnlessSqlite(engine);
          await controller.tail()?.stop();
          await exportAudit(engine, options.audit);
          const done = await removeEverything(engine, options.keepTarget, progress);
          ended({ keepTarget: options.keepTarget || (await holdsTables(engine.side)) });
          return done;
        }),
      ),
  };
}

async function changeOver(
  controller: Controller,
  direction: Direction,
  options: { readonly dryRun: boolean; readonly maxPauseMs: number | undefined },
  progress: Progress,
): Promise<SwitchDocument> {
  const { engine } = controller;
  const { dryRun, maxPauseMs = engine.config.cutover.maxPauseMs } = options;
  const found = await check(controller, direction, { dryRun, maxPauseMs }, progress);
  const on = await installed(engine);
  const { control } = on;
  const now = { direction, primary: primaryIn(control.phase as Phase) ?? 'sqlite', epoch: String(control.epoch) };
  if (dryRun) return { ...now, dryRun, ok: found.length === 0, blockers: found, pauseMs: null };
  if (found.length === 0 && direction === 'cutover') found.push(...(await vetoes(on, now.epoch)));
  if (found.length > 0) throw await noted(engine, `${direction} refused`, new Refused(`${direction} refused`, found));
  const { pauseMs, epoch } = await switched(controller, direction, maxPauseMs, progress);
  return {
    direction,
    dryRun: false,
    ok: true,
    blockers: [],
    primary: direction === 'cutover' ? 'postgres' : 'sqlite',
    epoch: String(epoch),
    pauseMs: Math.round(pauseMs * 10) / 10,
  };
}

/** What the operator's own hooks have against a cutover; then what the gate has made for it goes again. */
async function vetoes(on: Installed, epoch: string): Promise<Blocker[]> {
  const found = await on.engine.hooks.before({ direction: 'cutover', phase: 'shadowing', primary: 'sqlite', epoch });
  if (found.length > 0) await takeDown(on);
  return found;
}

/** Carries the switch out, with a line in the log about how it ended. */
async function switched(controller: Controller, direction: Direction, maxPauseMs: number, progress: Progress) {
  const { engine } = controller;
  try {
    const done = await (direction === 'cutover' ? cutOver : rollBack)(controller, maxPauseMs, progress);
    if (direction === 'cutover') await unschedule(engine.side);
    await audit(engine.side, `${direction} done`, { pauseMs: Math.round(done.pauseMs * 10) / 10, ...(await positions(engine)) });
    return done;
  } catch (error) {
    throw await noted(engine, `${direction} interrupted`, error);
  }
}

async function finish(
  controller: Controller,
  options: { readonly audit?: string | undefined },
  progress: Progress,
  ended: (left: Left) => void,
): Promise<DoneDocument> {
  const { engine } = controller;
  const on = await installed(engine);
  if (on.control.phase !== 'mirroring') {
    throw new Refused('finish refused', [
      {
        code: 'phase',
        reason: `the phase is ${on.control.phase}, not mirroring`,
        remedy: 'finish ends a soak with PostgreSQL primary; use `attacca uninstall` before a cutover',
      },
    ]);
  }
  outputTo(options.audit, engine.config.source); // nor is a backup made for nothing
  const unsaved = await makeBackup(engine, 'before-finish', progress);
  if (unsaved.length > 0) throw new Refused('finish refused', unsaved);
  progress('stopping the mirror');
  await controller.whileSwitching(async () => {
    await controller.tail()?.stop();
    await exportAudit(engine, options.audit); // where it cannot be written, nothing is finished
    (await hold(engine.config.source, LOCK_WAIT_MS)).release(); // nor where the file cannot be, or others keep it locked
    await moveOn(engine, 'mirroring', 'finish');
    await exportAudit(engine, options.audit);
    await leaveToApplication(on);
    ended({ keepTarget: true });
  });
  return FINISHED;
}

export const FINISHED: DoneDocument = {
  done: 'finish',
  detail: 'PostgreSQL is the application’s; SQLite keeps only the fence, so that no old instance writes into the void',
};
