/* Columns of the application's own that have become longer or shorter in Postgres: the plan takes that over, whoever is primary. */
import { SourceMoved } from '../../change/errors.ts';
import { changedLengths, keepLengths, linesOf } from '../../postgres/existing/lengths.ts';
import { transaction } from '../../postgres/session/open.ts';
import type { Controller } from './controller.ts';
import { type Installed, installed } from './engine.ts';

/** True: something has changed, so everything is to be read anew. While no pipe runs. */
export async function followLengths({ engine, plan }: Installed): Promise<boolean> {
  const found = await changedLengths(engine.side, plan);
  if (found === undefined) return false;
  await transaction(engine.main, null, () => keepLengths(engine.main, found));
  engine.log.info({ changes: linesOf(found.changes) }, 'followed the lengths of columns in Postgres');
  return true;
}

/** A look while a pipe runs, which goes by the plan. Throws SourceMoved. */
export async function watchLengths({ engine, plan }: Installed): Promise<void> {
  if ((await changedLengths(engine.side, plan)) !== undefined) throw new SourceMoved('columns have other lengths in Postgres');
}

/** Before rows are tried again that did not fit: by the lengths as they are now. */
export async function renewLengths(controller: Controller): Promise<void> {
  const on = await installed(controller.engine);
  if ((await changedLengths(controller.engine.side, on.plan)) === undefined) return;
  await controller.whileSwitching(async () => {
    await controller.tail()?.stop();
    await followLengths(on);
  });
}
