import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Lsn } from '../../../change/change.ts';
import { Refused } from '../../../change/errors.ts';
import { type Phase, primaryIn } from '../../../cutover/phase.ts';
import { removeEmbedded } from '../../../postgres/embedded/embedded.ts';
import { type Control, readControl } from '../../../postgres/installed/control.ts';
import { finishPostgres, uninstallPostgres } from '../../../postgres/installed/install.ts';
import type { Session } from '../../../postgres/session/open.ts';
import { dropPublication, dropSlot } from '../../../postgres/wal/slot.ts';
import type { DoneDocument } from '../../../server/documents.ts';
import type { Progress } from '../../../server/operations.ts';
import { backupFolder, socketPath, stateFolder, stateOf } from '../../../server/socket.ts';
import { readFileControl } from '../../../sqlite/capture/control.ts';
import { uninstall } from '../../../sqlite/capture/install.ts';
import { closeCopy, keepFenceOnly } from '../../../sqlite/mirror/fence.ts';
import { hold } from '../../../sqlite/mirror/hold.ts';
import { type Database, openSource } from '../../../sqlite/open.ts';
import type { Config } from '../../config.ts';
import { refuseUnnamedTarget } from '../captured.ts';
import { type Engine, identityOf, refuseOtherSource, type Standing } from '../engine.ts';
import { streamOf } from '../stream-names.ts';
import { onceASecond, saying } from '../tell/reckoning.ts';
import { hasEmbedded } from './gone.ts';
import { otherTarget } from './named-target.ts';

const WAIT_MS = 30_000;

/** Throws Refused while Postgres is primary, where the target follows another file, or the file is captured for another target. */
export async function refuseUnlessSqlite(engine: Engine): Promise<void> {
  const control = await readControl(engine.side);
  refuseOtherTarget(engine, control);
  if (control === undefined) return;
  refuseOtherSource(control, engine.config.source);
  if (primaryIn(control.phase as Phase) !== 'sqlite') throw refused(control.phase);
}

/** Where its own target is gone there is none to name, and nothing is installed in the embedded server that takes its place. */
function refuseOtherTarget(engine: Engine, control: Control | undefined): void {
  using db = openSource(engine.config.source, { readonly: true });
  const captured = readFileControl(db);
  if (captured === undefined || captured.install === control?.install || captured.target === identityOf(engine)) return;
  if (control !== undefined || engine.config.target !== undefined) throw otherTarget(captured.target, identityOf(engine), 'uninstall');
}

/** Gives up while SQLite is primary: the file's schema is what it was before, and Postgres is left as it was found [G11]. */
export async function removeEverything(engine: Engine, keepTarget: boolean, progress: Progress): Promise<DoneDocument> {
  using db = openSource(engine.config.source);
  const control = await readControl(engine.side);
  const orphaned = control === undefined ? readFileControl(db) : undefined;
  if (orphaned !== undefined) await dropStream(engine.main, streamOf(orphaned));
  await takeOut(db, progress);
  progress('removing everything from Postgres');
  await uninstallPostgres(engine.main, { keepTables: keepTarget });
  engine.flag.tidy?.();
  return {
    done: 'uninstall',
    detail:
      orphaned !== undefined
        ? "the SQLite file is as it was; attacca's record in Postgres was gone already, and the tables that were copied are still there"
        : control?.plan.existing === true
          ? 'the tables in Postgres are the application’s and stay, with the rows that were copied'
          : keepTarget
            ? 'the copied tables stay in Postgres'
            : 'both databases are as they were',
  };
}

/** What somebody who has dropped our schema leaves: a slot that nobody reads, which would fill the disk of Postgres. */
async function dropStream(session: Session, { slot, publication }: ReturnType<typeof streamOf>): Promise<void> {
  await dropSlot(session, slot);
  await dropPublication(session, publication);
}

async function takeOut(db: Database, progress: Progress): Promise<void> {
  progress('removing triggers and journal from SQLite');
  const tell = onceASecond(saying(progress, 'removing'));
  await uninstall(db, WAIT_MS, (rows, total) => tell({ table: 'capture', rows, total, unit: 'triggers' }));
}

/** Takes capture out of a file whose target was not named, as where that is gone. Throws UsageError where its log is wanted. */
export async function removeCapture({ source }: Config, audit: string | undefined, progress: Progress): Promise<DoneDocument> {
  if (audit !== undefined) refuseUnnamedTarget(source);
  using db = openSource(source);
  const target = readFileControl(db)?.target;
  await takeOut(db, progress);
  return {
    done: 'uninstall',
    detail:
      target === undefined
        ? 'nothing is installed in the SQLite file; what was left beside it is removed'
        : `the SQLite file is as it was; the Postgres database ${target}, which was not named, keeps what attacca made there until \`attacca uninstall\` with --target`,
  };
}

const refused = (phase: string): Refused =>
  new Refused('uninstall refused', [
    {
      code: 'phase',
      reason: `the phase is ${phase}: SQLite is fenced, and removing the fence would let old instances write into the void`,
      remedy: 'run `attacca rollback` first to return to SQLite, or `attacca finish` to stay with PostgreSQL',
    },
  ]);

/**
 * After `finish`: the tables are the application's, in SQLite only the fence stays. Safe to run again; a controller that starts
 * in the phase `finished` completes it.
 */
export async function leaveToApplication({ engine, plan, install, control }: Standing): Promise<void> {
  using held = await hold(engine.config.source, WAIT_MS);
  closeCopy(held.db, plan, { install, target: identityOf(engine) }, { epoch: control.epoch, lsn: 0n as Lsn, source: '' });
  if (readFileControl(held.db) !== undefined) {
    keepFenceOnly(held.db, plan);
    await held.commit(WAIT_MS);
  }
  await finishPostgres(engine.main, plan);
  engine.flag.tidy?.();
}

/** What `finish` or `uninstall` leaves behind. */
export type Left = { readonly keepTarget: boolean };

/**
 * The folder beside the source goes but for the backups and a rehearsal, with the socket and the embedded server, unless that one is not ours or holds
 * tables that are to stay. `left`: undefined where nothing has ended.
 */
export async function removeState(config: Config, left: Left | undefined): Promise<void> {
  if (left === undefined || (hasEmbedded(config.source) && (left.keepTarget || config.target !== undefined))) return;
  const folder = stateFolder(config.source);
  await removeEmbedded(folder);
  rmSync(socketPath(config.source), { force: true });
  for (const path of stateOf(config.source)) rmSync(path, { recursive: true, force: true });
  for (const path of [backupFolder(config.source), folder, dirname(socketPath(config.source))]) removeIfEmpty(path);
}

export function removeIfEmpty(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}
