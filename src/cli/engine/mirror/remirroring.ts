/*
 * The mirror made anew, with Postgres as the truth: after its slot was lost or given up, after a failover, after VACUUM.
 *
 * A slot that is in order stays, and the mirror goes on as it was, whatever fails. Any other goes first and comes back before anything
 * is copied; the file says where it stands only together with the rows. A crash anywhere in between leaves a slot that is ahead of the
 * file, which the next start takes for what it is [G10].
 */
import type { RowChange } from '../../../change/change.ts';
import type { TablePlan } from '../../../plan/plan.ts';
import { audit } from '../../../postgres/installed/audit.ts';
import { record } from '../../../postgres/installed/control.ts';
import { type Beginning, beginAgain } from '../../../postgres/wal/beginning.ts';
import { createPublication } from '../../../postgres/wal/slot.ts';
import type { Progress } from '../../../server/operations.ts';
import { remirror } from '../../../sqlite/mirror/remirror.ts';
import { identityOf, type Standing } from '../engine.ts';
import { watched } from '../points.ts';
import { historyOf, streamOf } from '../stream-names.ts';
import { renewCatalog } from './ahead.ts';

const SPOKEN_MS = 1_000;

/** Copies everything from Postgres into the fenced file. Nothing else may be mirroring meanwhile. */
export async function remakeMirror(on: Standing, progress: Progress): Promise<void> {
  const { engine, plan } = on;
  const { slot, publication } = streamOf(on);
  const ports = watched('mirror-again', { beginAgain, remirror }, engine.reached);
  await createPublication(engine.side, plan, publication);
  // What was compared before says nothing about what is copied now.
  await record(engine.main, { slot, publication, fullVerifiedAt: null });
  await renewCatalog(on); // a change after this is noticed; one before it is copied
  await using beginning = await ports.beginAgain({ url: engine.url, plan, session: engine.side }, slot);
  const changes = everything(beginning, plan.tables, progress);
  const file = { path: engine.config.source, plan, install: on.install };
  const standing = { target: identityOf(engine), epoch: on.control.epoch, source: historyOf(engine, slot) };
  await ports.remirror(file, standing, { position: beginning.position, changes });
  await audit(engine.side, 'resync of the mirror', { tables: plan.tables.length });
}

async function* everything(from: Beginning, tables: readonly TablePlan[], progress: Progress): AsyncGenerator<RowChange> {
  yield { op: 'truncate', tables: tables.map(({ id }) => id) };
  let spoken = performance.now();
  for (const table of tables) {
    let rows = 0;
    for await (const row of from.rows(table)) {
      yield { op: 'insert', table: table.id, row };
      rows++;
      if (performance.now() - spoken < SPOKEN_MS) continue;
      spoken = performance.now();
      progress(`copying ${table.name} from Postgres: ${rows} rows`);
    }
  }
}
