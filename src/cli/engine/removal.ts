import { existsSync, rmSync } from 'node:fs';
import { Refused } from '../../change/errors.ts';
import { type Phase, primaryIn } from '../../cutover/phase.ts';
import { readControl } from '../../postgres/control.ts';
import { uninstallPostgres } from '../../postgres/install.ts';
import type { DoneDocument } from '../../server/documents.ts';
import type { Progress } from '../../server/operations.ts';
import { uninstall } from '../../sqlite/install.ts';
import { openSource } from '../../sqlite/open.ts';
import { disposable } from './disposable.ts';
import type { Engine } from './engine.ts';

const WAIT_MS = 30_000;

/** Gives up while SQLite is primary: the file's schema is what it was before, and Postgres is left as it was found [G11]. */
export async function removeEverything(engine: Engine, keepTarget: boolean, progress: Progress): Promise<DoneDocument> {
  const control = await readControl(engine.main);
  if (control !== undefined && primaryIn(control.phase as Phase) !== 'sqlite') throw refused(control.phase);
  progress('removing triggers and journal from SQLite');
  using db = disposable(openSource(engine.config.source));
  await uninstall(db.database, WAIT_MS);
  progress('removing everything from Postgres');
  await uninstallPostgres(engine.main, { keepTables: keepTarget });
  return { done: 'uninstall', detail: keepTarget ? 'the copied tables stay in Postgres' : 'both databases are as they were' };
}

const refused = (phase: string): Refused =>
  new Refused('uninstall refused', [
    {
      code: 'phase',
      reason: `the phase is ${phase}: SQLite is fenced, and removing the fence would let old instances write into the void`,
      remedy: 'run `attacca rollback` first to return to SQLite, or `attacca finish` to stay with PostgreSQL',
    },
  ]);

/** Takes away the folder beside the source: sockets and the embedded server's data. */
export function removeStateFolder(path: string): void {
  if (existsSync(path)) rmSync(path, { recursive: true, force: true });
}
