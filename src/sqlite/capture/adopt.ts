/*
 * SQLite's part in following a change of its schema: look without a lock, decide elsewhere, then one short write transaction
 * puts the capture of the new plan in [G6].
 */
import { ReplicationError } from '../../change/errors.ts';
import type { Plan } from '../../plan/plan.ts';
import type { SourceSchema } from '../../plan/schema.ts';
import { type Database, isBusy } from '../open.ts';
import { schemaVersion } from '../read/values.ts';
import { readSchema } from '../schema/tables.ts';
import { type ReadTransaction, readTransaction, writeTransaction } from '../transaction.ts';
import { createCapture, unhookedTables } from './capture.ts';
import { examine, type Health, unseen } from './health.ts';
import { placeCanary, refuseBroken, uncompiled } from './install.ts';
import { markTables, widenJournal } from './marking.ts';
import { NONE, type Steps, steps } from './steps.ts';

export type Look = {
  readonly health: Health;
  /** What has moved the schema since it was last dealt with. */
  readonly steps: Steps;
  readonly schema: SourceSchema;
  /** PRAGMA schema_version: what was decided holds while it stands still. */
  readonly version: unknown;
  /** On which table the capture triggers of a number (TablePlan.id) stand. */
  readonly triggers: ReadonlyMap<number, string>;
};

const STANDING = /* sql */ `
  select cast(substr(name, 17) as integer), tbl_name from sqlite_schema where type = 'trigger' and name glob '_attacca_insert_[0-9]*'`;

/** The file as it is now, of one moment. */
export function look(db: Database, plan: Plan): Look {
  using _state = begin(db);
  const standing = db.prepare(STANDING).raw().all() as [bigint, string][];
  const health = examine(db, plan);
  return {
    health,
    steps: health.state === 'lost' ? NONE : steps(db, plan),
    schema: readSchema(db),
    version: schemaVersion(db),
    triggers: new Map(standing.map(([id, table]) => [Number(id), table])),
  };
}

function begin(db: Database): ReadTransaction {
  try {
    return readTransaction(db);
  } catch (error) {
    if (!isBusy(error)) throw error;
    throw new ReplicationError('retry', 'the SQLite file is locked', { hint: 'it is tried again', cause: error });
  }
}

/**
 * Installs the capture of `plan`, which was decided for the schema of `version`, marks whole what may have changed unseen and the
 * tables `whole`, and makes sure that there is a mark to read. False: the schema has moved again, nothing was done. Throws
 * ReplicationError 'retry' when the lock is not to be had, 'halt' when the application's writes would fail.
 */
export async function adopt(
  db: Database,
  plan: Plan,
  { version, whole }: { readonly version: unknown; readonly whole: readonly number[] },
  budgetMs: number,
): Promise<boolean> {
  return await writeTransaction(db, budgetMs, () => {
    if (schemaVersion(db) !== version) return false;
    const schema = readSchema(db);
    const hooked = { ...plan, tables: unhookedTables(db, plan, schema) };
    const before = uncompiled(db, hooked, schema);
    widenJournal(db, plan);
    const tables = unseen(db, plan, examine(db, plan));
    createCapture(db, plan, schema);
    refuseBroken(db, hooked, schema, before);
    markTables(db, [...new Set([...tables, ...whole])]);
    markTables(db, [0]);
    placeCanary(db, plan);
    return true;
  });
}
