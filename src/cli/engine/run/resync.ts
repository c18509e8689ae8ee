/* Copies again on request: from SQLite while it is primary, or the whole mirror from Postgres. */
import { Refused } from '../../../change/errors.ts';
import { type Phase, primaryIn } from '../../../cutover/phase.ts';
import type { TablePlan } from '../../../plan/plan.ts';
import { audit } from '../../../postgres/installed/audit.ts';
import type { DoneDocument } from '../../../server/documents.ts';
import type { Progress } from '../../../server/operations.ts';
import { markTables } from '../../../sqlite/capture/marking.ts';
import { openSource } from '../../../sqlite/open.ts';
import { writeTransaction } from '../../../sqlite/transaction.ts';
import type { Controller } from '../controller.ts';
import { chosen, type Engine, installed } from '../engine.ts';
import { takeAsTruth } from '../forward/following.ts';
import { renewLengths } from '../lengths.ts';
import { remakeMirror } from '../mirror/remirroring.ts';
import { followLoss } from '../switch/accepted-loss.ts';

const WAIT_MS = 30_000;

/**
 * While SQLite is primary: marks whole what is to be copied again; without `names` everything, whatever the file's journal says.
 * While Postgres is: copies the mirror anew, all of it. Throws Refused.
 */
export async function beginResync(engine: Engine, names: readonly string[], progress: Progress): Promise<readonly TablePlan[]> {
  await followLoss(engine);
  const on = await installed(engine);
  const { phase, mark } = on.control;
  if (phase === 'mirroring') {
    if (names.length > 0)
      throw refused('the stream that the mirror follows holds all tables', 'leave --table out: the whole mirror is copied anew');
    await remakeMirror(on, progress);
    return on.plan.tables;
  }
  if (primaryIn(phase as Phase) !== 'sqlite') throw refused(`the phase is ${phase}`, 'SQLite is not primary: its copy is not the truth');
  if (mark === null) throw refused(`the phase is ${phase}`, 'run `attacca sync`: nothing was copied yet');
  const tables = chosen(on, names);
  using db = openSource(engine.config.source);
  if (names.length === 0) await takeAsTruth(on, db);
  else {
    const ids = tables.map(({ id }) => id);
    await writeTransaction(db, WAIT_MS, () => markTables(db, ids));
  }
  await audit(engine.side, 'resync', { tables: names.length === 0 ? 'all' : tables.map(({ name }) => name) });
  return tables;
}

/** Waits until everything that was marked is in Postgres. */
export async function endResync(controller: Controller, tables: readonly TablePlan[]): Promise<DoneDocument> {
  await controller.caughtUp();
  return { done: 'resync', detail: `copied again: ${tables.map(({ name }) => name).join(', ')}` };
}

/** `resync` beside a running pipe. */
export async function resync(controller: Controller, names: readonly string[], progress: Progress): Promise<DoneDocument> {
  await renewLengths(controller);
  const { control } = await installed(controller.engine);
  const begin = (): Promise<readonly TablePlan[]> => beginResync(controller.engine, names, progress);
  if (control.phase !== 'mirroring') {
    const tables = await begin();
    progress(`copying again: ${tables.map(({ name }) => name).join(', ')}`);
    return await endResync(controller, tables);
  }
  const tables = await controller.whileSwitching(async () => {
    await controller.tail()?.stop();
    return await begin();
  });
  return await endResync(controller, tables);
}

const refused = (reason: string, remedy: string): Refused => new Refused('resync refused', [{ code: 'phase', reason, remedy }]);
