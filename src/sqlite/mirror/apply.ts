/*
 * Writes what Postgres did into the fenced SQLite file: one write transaction for each batch of whole Postgres transactions.
 *
 * (1) Rows, marks, the LSN and the watermark's token commit together, durably; a transaction at or below the stored LSN is a
 *     replay and changes nothing [G2].
 * (2) The fence's row is 0 exactly while that transaction is open. SQLite has one writer, so no other connection ever sees
 *     the 0 [G8]; capture is out, so nothing echoes [G5].
 * (3) A file that takes the place of this one is another: what would be written here is not acknowledged [G10].
 * (4) What makes the fence fail (a rebuilt table, VACUUM) moves schema_version: looked at inside the same transaction.
 */
import type { Lsn, RowChange } from '../../change/change.ts';
import { messageOf, ReplicationError } from '../../change/errors.ts';
import { formatLsn, parseLsn } from '../../change/lsn.ts';
import type { Sink } from '../../change/ports.ts';
import type { Plan } from '../../plan/plan.ts';
import { type ControlRow, readFileControl } from '../capture/control.ts';
import { isVacuumed } from '../capture/health.ts';
import { codeOf, type Database, fileAt, orMoved, refuseMoved } from '../open.ts';
import { schemaVersion } from '../read/values.ts';
import { refence } from './fence.ts';
import { begin, commit, openWriter } from './hold.ts';
import { mirroring } from './mirror.ts';

/** How long another process may hold the file before the mirror starts again from its checkpoint. */
const WAIT_MS = 10_000;

export const LIFT = /* sql */ `delete from _attacca_fence; insert into _attacca_fence (closed) values (0)`;
export const LOWER = /* sql */ `update _attacca_fence set closed = 1`;
const ADVANCE = /* sql */ `update _attacca_control set lsn = ?, watermark = coalesce(?, watermark) where id = 1`;

export type SqliteSinkOptions = {
  readonly path: string;
  readonly plan: Plan;
  /** The installation that the file must belong to. */
  readonly install: string;
  /** Called after a commit that put the fence up again on these tables (TablePlan.id). They are marked whole, to be compared. */
  readonly onRefenced?: (tables: readonly number[]) => void;
  /** Called when another connection, of whatever process, has committed to the file since the checkpoint was read, or since this one committed. */
  readonly onForeign?: () => void;
};

/**
 * The reverse sink. Both methods throw ReplicationError: 'retry' while others hold the file, else 'halt' (SQLite is primary,
 * another installation, a row that SQLite cannot hold, a fence that cannot be put back).
 */
export function sqliteSink(options: SqliteSinkOptions): Sink<Lsn, AsyncIterable<RowChange>> & Disposable {
  const { path, plan, install } = options;
  const file = fileAt(path);
  const db = openWriter(path);
  db.pragma('ignore_check_constraints = on');
  // Written early to the file, a large transaction would lock readers out until its end.
  if (db.pragma('journal_mode', { simple: true }) !== 'wal') db.pragma('cache_spill = off');
  let start: ReturnType<typeof mirroring> | undefined;
  let seen: unknown;
  let version: unknown;

  /** Moves with the commits of other connections, and not with those of this one. */
  const others = (): unknown => db.pragma('data_version', { simple: true });

  /** Called under the write lock. */
  function heed(): void {
    refuseMoved(path, file);
    const now = others();
    if (version !== undefined && now !== version) options.onForeign?.();
    version = now;
  }

  return {
    async checkpoint() {
      version ??= others(); // whoever writes before the first batch is noticed too
      return stored(mirrored(db, install));
    },
    async apply(batch) {
      try {
        await begin(db, WAIT_MS);
        heed();
        const control = mirrored(db, install);
        if (stored(control) >= batch.position) return;
        const open = schemaVersion(db) === seen ? [] : reclose(db, plan, control.epoch);
        db.exec(LIFT);
        start ??= mirroring(db, plan);
        const mirror = start();
        for await (const change of batch.changes) mirror.write(change);
        const watermark = mirror.finish();
        db.prepare(ADVANCE).run(formatLsn(batch.position), watermark ?? null);
        db.exec(LOWER);
        const schema = schemaVersion(db);
        await commit(db, WAIT_MS);
        seen = schema;
        if (open.length > 0) options.onRefenced?.(open);
      } catch (error) {
        throw judged(error);
      } finally {
        if (db.open && db.inTransaction) db.exec('rollback');
      }
    },
    [Symbol.dispose]: () => void db.close(),
  };
}

/** The control row, if this file is ours and mirrors Postgres. */
export function mirrored(db: Database, install: string): ControlRow {
  const control = readFileControl(db);
  if (control?.install !== install)
    throw new ReplicationError('halt', 'the SQLite file does not belong to this installation', {
      hint: control === undefined ? RESTORED : 'it was replaced or restored: put the mirrored file back, or give up the way back',
    });
  if (control.primary === 'postgres') return control;
  throw new ReplicationError('halt', 'SQLite is primary: nothing may be mirrored into it', {
    hint: RESTORED,
  });
}

const RESTORED =
  'A copy from before the cutover was put in its place, which no fence closes: stop what still writes there, and run `attacca resync`, which makes it the mirror again; or put the mirrored file back.';

function stored({ lsn }: ControlRow): Lsn {
  if (lsn !== null) return parseLsn(lsn);
  throw new ReplicationError('halt', 'the SQLite file has no record of where mirroring begins', {
    hint: 'the file was changed by hand: restore `_attacca_control` from a backup, or give up the way back',
  });
}

/** Puts back what an application's DDL took of the fence. Returns the ids of those tables. */
function reclose(db: Database, plan: Plan, epoch: bigint): readonly number[] {
  if (plan.tables.some(({ key }) => key.kind === 'hidden') && isVacuumed(db))
    throw new ReplicationError('halt', 'VACUUM has renumbered the rows of tables without a key', {
      hint: 'rows of those tables no longer have the names that Postgres knows them by: run `attacca resync` to copy the mirror anew',
    });
  return refence(db, plan, epoch);
}

/** The unknown halts; what has to do with the machine alone is tried again. */
export function judged(thrown: unknown): unknown {
  const error = orMoved(thrown);
  if (error instanceof ReplicationError || codeOf(error) === '') return error;
  const passes = /^SQLITE_(BUSY|LOCKED|FULL|IOERR|NOMEM)/.test(codeOf(error));
  return new ReplicationError(
    passes ? 'retry' : 'halt',
    `SQLite refuses the mirror's transaction: ${messageOf(error)} (${codeOf(error)})`,
    {
      hint: passes
        ? 'look at the disk and at who else holds the file'
        : 'the file or its schema has changed: undo that, run `attacca resync`, and start `attacca sync`; or give up the way back with `attacca finish`',
      cause: error,
    },
  );
}
