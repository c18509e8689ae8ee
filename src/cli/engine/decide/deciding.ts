/* What becomes what: the schema, the profile and the reviewed plan file brought together. */
import { readFileSync } from 'node:fs';
import { ReplicationError, UsageError } from '../../../change/errors.ts';
import { decide } from '../../../plan/decide.ts';
import { expected, isExisting, match } from '../../../plan/existing/match.ts';
import type { TargetSchema } from '../../../plan/existing/target.ts';
import { askedCodec, type PlanFile } from '../../../plan/file/edit.ts';
import { applyPlanFile, parsePlan } from '../../../plan/file/file.ts';
import { goneNames } from '../../../plan/file/gone.ts';
import { expectedMisfits } from '../../../plan/file/misfits.ts';
import type { Finding } from '../../../plan/finding.ts';
import { express } from '../../../plan/objects/express.ts';
import { partitionNotes } from '../../../plan/objects/partition.ts';
import type { Decision, Plan } from '../../../plan/plan.ts';
import { waive } from '../../../plan/waive.ts';
import { captureHazards } from '../../../sqlite/capture/hazards.ts';
import type { Database } from '../../../sqlite/open.ts';
import { withEnds } from '../../../sqlite/profile/ends.ts';
import { type Beside, profile } from '../../../sqlite/profile/profile.ts';
import { schemaVersion } from '../../../sqlite/read/values.ts';
import { refuseLacking } from '../../../sqlite/schema/lacking.ts';
import { readSchema } from '../../../sqlite/schema/tables.ts';
import { type Far, onceASecond } from '../tell/reckoning.ts';

export type Decided = {
  readonly plan: Plan;
  readonly findings: readonly Finding[];
  readonly rows: ReadonlyMap<number, number>;
  /** Ids of tables of the application's own in Postgres that have to be asked whether they take the rows. */
  readonly tries: readonly number[];
};

export type Deciding = {
  readonly schema: string;
  readonly planFile: string | undefined;
  /** Names of findings that are accepted beside those of the plan file. */
  readonly waive?: readonly string[];
  readonly target?: TargetSchema | undefined;
  readonly onProgress?: (far: Far) => void;
  /** Somebody who counts a half of the values meanwhile. */
  readonly beside?: Beside;
};

/**
 * Reads every value of the file and decides what becomes what. `planFile`: the reviewed overrides; `target`: what Postgres has already. No
 * transaction is held for so long: where the schema changes under it, that is said.
 */
export function decidePlan(db: Database, options: Deciding): Decided {
  const version = schemaVersion(db);
  try {
    return naming(options.planFile, () => decided(db, options));
  } catch (error) {
    throw schemaVersion(db) === version ? error : migrated(error);
  }
}

const migrated = (cause: unknown): ReplicationError =>
  new ReplicationError('retry', 'the schema of the SQLite file has changed while it was read', {
    hint: 'run it again once that migration is over',
    cause,
  });

function decided(db: Database, options: Deciding): Decided {
  const schema = readSchema(db);
  const { target } = options;
  const file = options.planFile === undefined ? undefined : readPlanFile(options.planFile);
  const wanted = file === undefined ? undefined : parsePlan(file);
  const exclude = wanted?.exclude ?? []; // before deciding: what is left out cannot block
  refuseLacking(db, schema, exclude);
  const stats = profile(
    db,
    schema,
    options.onProgress === undefined ? undefined : onceASecond(options.onProgress),
    (table, column) => askedCodec(wanted, table, column) ?? (target === undefined ? undefined : expected(target, table, column, wanted)),
    options.beside,
  );
  const fromValues = decide(schema, stats, { schema: options.schema, exclude });
  const partitioned = Object.keys(wanted?.improve.partition ?? {});
  const existing = target !== undefined && isExisting(fromValues, target, wanted);
  if (existing && partitioned.length > 0)
    throw new UsageError(
      'plan file: the tables in Postgres are the application’s own, which attacca does not partition',
      'leave improve.partition out',
    );
  const reviewed = (): Decision =>
    file === undefined ? fromValues : { ...fromValues, plan: applyPlanFile(fromValues.plan, file, withEnds(db, stats, partitioned)) };
  const matched =
    target !== undefined && existing
      ? match(fromValues, target, { source: schema, profile: stats, file: wanted })
      : { ...express(schema, reviewed()), tries: [] }; // once more: expressions follow the columns' types
  const accepted = [...(wanted?.waive ?? []), ...(options.waive ?? []).map(name => ({ finding: name, reason: 'waived by configuration' }))];
  const { findings, waived } = waive(
    [
      ...matched.findings,
      ...(wanted === undefined ? [] : goneNames(wanted, stats)),
      ...expectedMisfits(matched.plan, stats),
      ...partitionNotes(matched.plan),
      ...captureHazards({ ...schema, tables: schema.tables.filter(({ name }) => !exclude.includes(name)) }),
    ],
    accepted,
  );
  const plan = { ...matched.plan, ...(waived.length > 0 && { waived }) };
  return {
    plan,
    findings,
    rows: new Map(plan.tables.map(table => [table.id, stats[table.name]?.rows ?? 0])),
    tries: matched.tries,
  };
}

function readPlanFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new UsageError('the plan file cannot be read', 'check the path; `attacca plan --out FILE` writes one');
  }
}

/** What is wrong with the plan file, with its name. */
function naming<T>(path: string | undefined, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (path === undefined || !(error instanceof UsageError)) throw error;
    throw new UsageError(error.message.replace('plan file', `plan file ${path}`), error.hint);
  }
}

/** The plan file, if there is one. Throws UsageError where it cannot be read or is not valid. */
export const readOverrides = (path: string | undefined): PlanFile | undefined =>
  path === undefined ? undefined : naming(path, () => parsePlan(readPlanFile(path)));
