/* A cutover or a rollback from the gate to its end, and what a restart makes of one that was interrupted. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Blocker, messageOf, Refused } from '../../../change/errors.ts';
import { differs } from '../../../cutover/agree.ts';
import { back } from '../../../cutover/back.ts';
import { type Actions, drive, recover } from '../../../cutover/drive.ts';
import { forward } from '../../../cutover/forward.ts';
import { blockers, type Direction, type Facts, STARTS } from '../../../cutover/gate.ts';
import { outcomeOf } from '../../../cutover/outcome.ts';
import { type Stopwatch, stopwatch } from '../../../cutover/stopwatch.ts';
import type { FlagState } from '../../../flag/flag.ts';
import { orphans } from '../../../postgres/existing/orphans.ts';
import { audit } from '../../../postgres/installed/audit.ts';
import { type Control, readControl, record } from '../../../postgres/installed/control.ts';
import { neverFree } from '../../../postgres/installed/fence.ts';
import { awaitWatermark } from '../../../postgres/wal/canary.ts';
import { createPublication, createSlot, dropPublication, dropSlot } from '../../../postgres/wal/slot.ts';
import type { Progress } from '../../../server/operations.ts';
import type { Controller } from '../controller.ts';
import { halt, type Installed, installed, type Standing } from '../engine.ts';
import { forwardSink } from '../forward/sinks.ts';
import { backupBlockers, makeBackup } from '../keep/backup.ts';
import { renewLengths } from '../lengths.ts';
import { beginCatalog } from '../mirror/ahead.ts';
import { moveOn, phaseStore } from '../phases.ts';
import { compareRecent } from '../prove/recent.ts';
import { streamOf } from '../stream-names.ts';
import type { ReverseTail } from '../tail.ts';
import { approachPostgres, approachSqlite, rehearseRollback } from './approach.ts';
import { gatherFacts } from './facts.ts';
import { restoreForeignKeys } from './foreign-keys.ts';
import { ready } from './ready.ts';
import { switchPorts } from './switch-ports.ts';

/** How long a pipe may be between two lives. */
const PIPE_MS = 10_000;

export type Switched = { readonly pauseMs: number; readonly epoch: bigint };

/** Why the switch may not begin. For a cutover it also makes the backup (unless `dryRun`) and proves the way back, which `dryRun` takes down again. */
export async function check(
  controller: Controller,
  direction: Direction,
  { dryRun, maxPauseMs }: { readonly dryRun: boolean; readonly maxPauseMs: number },
  progress: Progress,
): Promise<Blocker[]> {
  // A mirror that found out in the middle of its own rollback would end, and that with it.
  if (direction === 'rollback' && !dryRun) await renewLengths(controller);
  const on = await installed(controller.engine);
  const unchecked = direction === 'cutover' && on.plan.existing ? await orphans(on.engine.side, on.plan) : [];
  const stopped = await whyStopped(controller, on.control, direction);
  const gate = async (known: Pick<Facts, 'reverseProblem' | 'stopped'>) =>
    blockers(await gatherFacts(on, controller.tail(), direction, { maxPauseMs, ...known }));
  const before = [...(await gate({ reverseProblem: undefined, stopped })), ...unchecked];
  if (before.length > 0) return before;
  if (on.engine.config.flag === undefined) progress('no flag is configured: the application learns from the fence alone who is primary');
  if (direction === 'rollback') return before;
  const unsaved = dryRun ? await backupBlockers(on.engine) : await makeBackup(on.engine, 'before-cutover', progress);
  if (unsaved.length > 0) return unsaved;
  progress('proving the way back: publication, slot, canary');
  const reverseProblem = await proveWayBack(on);
  const found = await gate({ reverseProblem, stopped: undefined });
  if (dryRun || found.length > 0) await takeDown(on);
  return found;
}

/** Why nothing follows the primary; between two pipes there is none for a moment. Not asked where the phase stands in the way already. */
async function whyStopped(controller: Controller, { phase, halt: halted }: Control, direction: Direction): Promise<string | undefined> {
  if (phase !== STARTS[direction] || controller.tail() !== undefined) return undefined;
  const enough = new AbortController();
  const late = delay(PIPE_MS, undefined, { signal: enough.signal }).then(() => halted?.reason ?? 'the pipe does not run');
  late.catch(() => undefined);
  const started = controller.tailing().then(() => undefined, messageOf);
  return await Promise.race([started, late]).finally(() => enough.abort());
}

/** Publication, slot, and a canary row that comes out of it. Says why not, if not. */
async function proveWayBack(on: Installed): Promise<string | undefined> {
  const { engine, plan } = on;
  const { slot, publication } = streamOf(on);
  try {
    await createPublication(engine.side, plan, publication);
    await record(engine.side, { publication, slot });
    await beginCatalog(on);
    await createSlot(engine.side, slot);
    await awaitWatermark({ url: engine.url, plan, slot, publication, session: engine.side });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** An unread slot would keep WAL until the disk is full: none may outlive a cutover that did not happen, or a rollback. */
export async function takeDown(on: Installed): Promise<void> {
  const { slot, publication } = streamOf(on);
  await dropSlot(on.engine.side, slot);
  await dropPublication(on.engine.side, publication);
  await record(on.engine.side, { slot: null, publication: null });
}

/** The next one, also of a flag that is further, by an earlier installation or by hand: whoever follows it believes nothing older. */
async function nextEpoch({ engine, control }: Standing): Promise<bigint> {
  const flagged = (await engine.flag.read())?.epoch ?? 0n;
  return (flagged > control.epoch ? flagged : control.epoch) + 1n;
}

/** Carries a cutover out. The gate has been passed. On failure before the fence everything is as it was. */
export async function cutOver(controller: Controller, maxPauseMs: number, progress: Progress): Promise<Switched> {
  const { engine } = controller;
  const on = await installed(engine);
  const epoch = await nextEpoch(on);
  const watch = stopwatch(() => performance.now());
  try {
    await compareBefore(on, controller);
    await controller.whileSwitching(async () => {
      await controller.tail()?.stop();
      // Nothing is applied now, so nothing can deadlock with this; where foreign keys cannot be silenced they must wait for the lock.
      if (on.writer.replicaRole) await restoreForeignKeys(on);
      await run(on, { primary: 'postgres', epoch, maxPauseMs, watch, mirror: noMirror }, async ({ sink, open }) => {
        await approachPostgres(on, sink, open, epoch);
        progress(`switching to PostgreSQL, epoch ${epoch}`);
        await moveOn(engine, 'shadowing', 'cutover', epoch);
      });
    });
  } catch (error) {
    if ((await readControl(engine.side))?.phase === 'shadowing') await takeDown(on);
    throw error;
  }
  return { pauseMs: watch.pauseMs, epoch };
}

/** What changed since the last comparison is compared now, while nobody waits, so that there is little left to do under the lock. */
async function compareBefore(on: Installed, controller: Controller): Promise<void> {
  const tail = controller.tail();
  if (tail === undefined) throw halt('nothing is being replicated', 'see `attacca status` for the reason');
  if (!(await compareRecent(on, tail.pin, new AbortController().signal)))
    throw differs(tail.direction === 'forward' ? 'sqlite' : 'postgres');
}

/** The same before a rollback. False: the writers leave no moment for that. What would have been compared is compared under the lock then. */
async function comparedBefore(on: Installed, controller: Controller): Promise<boolean> {
  try {
    await compareBefore(on, controller);
    return true;
  } catch (error) {
    if (!neverFree(error)) throw error;
    return false;
  }
}

/** Carries a rollback out, while the mirror runs; it is stopped when it has drained. */
export async function rollBack(controller: Controller, maxPauseMs: number, progress: Progress): Promise<Switched> {
  const { engine } = controller;
  const on = await installed(engine);
  const mirror = controller.tail();
  if (mirror === undefined || !('reached' in mirror)) throw halt('the mirror is not running', 'see `attacca status` for the reason');
  const epoch = await nextEpoch(on);
  const free = await comparedBefore(on, controller);
  const watch = stopwatch(() => performance.now());
  return controller.whileSwitching(async () => {
    // It must not write while SQLite opens. To close its connections takes time: the application does not wait for that.
    let silent = false;
    const silenced: Mirror = {
      reached: mirror.reached,
      stop() {
        silent = true;
        return mirror.silence();
      },
    };
    try {
      await run(on, { primary: 'sqlite', epoch, maxPauseMs, watch, mirror: silenced }, async ({ ports, open }) => {
        await mirror.rest(() => rehearseRollback(on, ports, open, epoch));
        if (free) await approachSqlite(() => comparedBefore(on, controller));
        progress(`switching to SQLite, epoch ${epoch}`);
        await moveOn(engine, 'mirroring', 'rollback', epoch);
      });
    } finally {
      if (silent) await mirror.stop();
    }
    await takeDown(on);
    return { pauseMs: watch.pauseMs, epoch };
  });
}

type Mirror = Pick<ReverseTail, 'reached' | 'stop'>;
type Switch = FlagState & { readonly maxPauseMs: number; readonly watch: Stopwatch; readonly mirror: Mirror };

/** `begin`: what comes before the switch, when everything is open, and moves the phase into it. */
async function run(on: Installed, what: Switch, begin: (wired: Wired) => Promise<void>): Promise<void> {
  const wired = await wire(on, what);
  try {
    await begin(wired);
    await drive(phaseStore(on.engine), wired.actions, wired.outcome);
  } finally {
    await wired.release();
  }
}

/** A process that starts in the middle of a switch finishes or aborts it, before anything else. */
export async function settle(on: Installed): Promise<void> {
  const control = await readControl(on.engine.main);
  if (control === undefined) throw halt('the control row is gone', 'see `attacca status`');
  const direction = control.phase.endsWith('_back') ? 'rollback' : 'cutover';
  const { actions, outcome, release } = await wire(on, {
    primary: direction === 'cutover' ? 'postgres' : 'sqlite',
    epoch: control.epoch,
    maxPauseMs: on.engine.config.cutover.maxPauseMs,
    watch: stopwatch(() => performance.now()),
    mirror: noMirror,
  });
  try {
    const phase = await recover(phaseStore(on.engine), actions, outcome);
    const how = phase === STARTS[direction] ? 'aborted' : 'finished';
    await audit(on.engine.side, `a ${direction} that was interrupted in ${control.phase} was ${how}`);
    on.engine.log.warn({ phase, interrupted: control.phase }, 'an interrupted switch was settled');
  } finally {
    await release();
  }
}

type Wired = Awaited<ReturnType<typeof wire>>;

async function wire(on: Installed, { primary, epoch, maxPauseMs, watch, mirror }: Switch) {
  const open = await ready(on.engine);
  on.engine.flag.ahead?.({ primary, epoch });
  const sink = forwardSink(on);
  const ports = switchPorts(on, sink, streamOf(on).slot, open);
  const common = { plan: on.plan, epoch, maxPauseMs, watch };
  const there = forward(ports, common);
  const again = back(ports, { ...common, token: randomUUID(), mirror });
  const actions: Actions = { ...there, ...again };
  const letGo = async (): Promise<void> => {
    there.release();
    await again.release();
  };
  const outcome = outcomeOf(ports.sqlite, { epoch, budgetMs: maxPauseMs, release: letGo });
  return {
    actions,
    outcome,
    ports,
    sink,
    open,
    async release() {
      on.engine.flag.tidy?.();
      await letGo();
      await open.release();
    },
  };
}

const noMirror: Mirror = {
  reached: async () => {
    throw new Refused('the mirror is not running', []);
  },
  stop: async () => undefined,
};
