/*
 * The mirror made anew from Postgres: after its slot was lost, after a failover, after VACUUM numbered keyless rows anew.
 *
 * (1) Everything happens in one transaction behind the fence: a crash leaves the old mirror, and readers see the old or the new one.
 * (2) Where it was copied from, and where the stream goes on, commit with the rows [G2].
 */
import type { Batch, Lsn, RowChange } from '../../change/change.ts';
import { formatLsn } from '../../change/lsn.ts';
import { placeCanary } from '../capture/install.ts';
import { markTables } from '../capture/marking.ts';
import { judged, LIFT, LOWER, mirrored, type SqliteSinkOptions } from './apply.ts';
import { closeCopy, refence } from './fence.ts';
import { begin, commit, openWriter } from './hold.ts';
import { mirroring } from './mirror.ts';

const WAIT_MS = 30_000;
const FOLLOW = /* sql */ `update _attacca_control set lsn = ?, source = ?, watermark = null where id = 1`;

/**
 * Replaces the replicated tables by `batch`, whose changes begin with their truncation; `source` is the JSON that closeSqlite is given.
 * A copy from before the cutover is closed first, at `epoch`. All tables are marked whole, to be compared. Throws as the sink does.
 */
export async function remirror(
  { path, plan, install }: SqliteSinkOptions,
  { target, epoch, source }: { readonly target: string; readonly epoch: bigint; readonly source: string },
  { position, changes }: Batch<Lsn, AsyncIterable<RowChange>>,
): Promise<void> {
  const db = openWriter(path);
  try {
    db.pragma('ignore_check_constraints = on');
    await begin(db, WAIT_MS);
    closeCopy(db, plan, { install, target }, { epoch, lsn: position, source });
    refence(db, plan, mirrored(db, install).epoch);
    db.exec(LIFT);
    const mirror = mirroring(db, plan, { marking: false })();
    for await (const change of changes) mirror.write(change);
    mirror.finish();
    placeCanary(db, plan);
    markTables(
      db,
      plan.tables.map(({ id }) => id),
    );
    db.prepare(FOLLOW).run(formatLsn(position), source);
    db.exec(LOWER);
    await commit(db, WAIT_MS);
  } catch (error) {
    throw judged(error);
  } finally {
    db.close();
  }
}
