/*
 * Whether the journal can be trusted: asked inside the read transaction of every batch, before anything of it is applied.
 * A check at any other moment is a race.
 */
import { SourceMoved } from '../../change/errors.ts';
import { drift } from '../../plan/fingerprint.ts';
import type { Plan } from '../../plan/plan.ts';
import type { SourceSchema } from '../../plan/schema.ts';
import type { Database } from '../open.ts';
import { prepared, schemaVersion } from '../read/values.ts';
import { isCaptureTable } from '../schema/own.ts';
import { readSchema } from '../schema/tables.ts';
import { body, createCapture, dropCapture, overtaken, presentTriggers, triggersOf } from './capture.ts';
import { readFileControl } from './control.ts';
import { placeCanary } from './install.ts';
import { markTables } from './marking.ts';
import { isDoubtful, isSettled, steps } from './steps.ts';

const CANARY = /* sql */ `select count(*) from _attacca_canary where rowid = 1000`;
const OURS = /* sql */ `select count(*) from sqlite_schema where ${isCaptureTable}`;
const REBUILT = /* sql */ `
  select name from sqlite_schema where type = 'table' and rowid > (select rowid from sqlite_schema where name = '_attacca_canary')`;

/** Whether VACUUM may have numbered the rows of tables without any key anew: marks by rowid from before mean nothing now. */
export const isVacuumed = (db: Database): boolean => (prepared(db, CANARY).get() as [bigint])[0] === 0n;

/**
 * `fine`; `lost` (somebody dropped our tables); `drifted` (the plan does not fit the schema); `doubtful` (it fits, but a column may
 * have gone and come back: steps.ts); or `unhooked`: triggers must be put back, and what changed in `tables` (TablePlan.id) since
 * they went may never have been marked.
 */
export type Health =
  | { readonly state: 'fine' | 'lost' | 'doubtful' }
  | { readonly state: 'drifted'; readonly tables: readonly string[] }
  | { readonly state: 'unhooked'; readonly tables: readonly number[] };

/** Compares the schema as it is now with the plan. What it cannot show, `mend` and `checkUndoubted` tell. */
export function examine(db: Database, plan: Plan): Health {
  if ((prepared(db, OURS).get() as [bigint])[0] !== 3n) return { state: 'lost' };
  if (readFileControl(db)?.primary === 'postgres') return { state: 'fine' };
  const schema = readSchema(db);
  const tables = drift(plan, schema);
  return tables.length > 0 ? { state: 'drifted', tables } : hooks(db, plan, schema);
}

/**
 * Whether the file is as the plan has it, also if triggers are missing: for those who read tables, in their own read
 * transaction. Throws SourceMoved. Cheap while the schema version stands still.
 */
export function checkFit(db: Database, plan: Plan): void {
  const version = schemaVersion(db);
  const known = fitting.get(db);
  if (known?.plan === plan && known.version === version) return;
  const health = examine(db, plan);
  if (health.state === 'lost' || health.state === 'drifted') throw moved(health);
  fitting.set(db, { plan, version });
}

const fitting = new WeakMap<Database, { readonly plan: Plan; readonly version: unknown }>();

/** Whether `mend` has something to do: never in one file where schema_version stands still, which VACUUM moves too. Call it in a read transaction. */
export const needsMending = (db: Database, plan: Plan): boolean => examine(db, plan).state !== 'fine' || !isSettled(db, plan);

/** Throws SourceMoved unless the file is certainly as the plan has it, and was. Call it in a transaction. */
export function checkUndoubted(db: Database, plan: Plan): void {
  const health = examine(db, plan);
  if (health.state !== 'fine' || isVacuumed(db)) throw moved(health);
  if (isDoubtful(steps(db, plan))) throw moved({ state: 'doubtful' });
}

/** What the controller is told, so that it follows. */
export const moved = (health: Health): SourceMoved =>
  new SourceMoved(
    health.state === 'drifted'
      ? `the schema of the SQLite file has changed: ${health.tables.join(', ')}`
      : health.state === 'doubtful'
        ? 'the schema of the SQLite file has changed, perhaps there and back'
        : "attacca's tables are missing from the SQLite file",
  );

/** Of what `examine` finds, the tables whose changes may have gone by unseen (TablePlan.id), VACUUM's included. */
export function unseen(db: Database, plan: Plan, health: Health): number[] {
  const unhooked = health.state === 'unhooked' ? health.tables : [];
  const renumbered = isVacuumed(db) ? plan.tables.filter(table => table.key.kind === 'hidden').map(table => table.id) : [];
  return [...new Set([...unhooked, ...renumbered])];
}

/**
 * Puts right what `examine` and `isVacuumed` find: triggers back in, tables whose changes may have gone by unseen marked
 * whole. Where our tables are missing only our triggers are taken out: without a journal they make the application's writes
 * fail [G6]. What else there is to do is left to the controller, also what is `doubtful`, unless that is `known` already. Call it
 * inside a write transaction.
 */
export function mend(db: Database, plan: Plan, known = false): Health {
  const health = examine(db, plan);
  if (health.state === 'lost') dropCapture(db);
  if (health.state === 'lost' || health.state === 'drifted') return health;
  if (!known && isDoubtful(steps(db, plan))) return { state: 'doubtful' };
  const tables = unseen(db, plan, health);
  if (health.state === 'unhooked') createCapture(db, plan, readSchema(db));
  markTables(db, tables);
  placeCanary(db, plan);
  return health;
}

function hooks(db: Database, plan: Plan, schema: SourceSchema): Health {
  const present = presentTriggers(db);
  const bodies = new Set(present.values());
  const expected = plan.tables.map(table => [table.id, [...triggersOf(table, schema)]] as const);
  const stale = expected.some(([, triggers]) => triggers.some(([name, sql]) => present.get(name) !== body(sql)));
  const rebuilt = new Set((prepared(db, REBUILT).all() as [string][]).map(([name]) => name));
  const unsafe = new Set([...rebuilt, ...overtaken(db)]);
  if (!stale && !plan.tables.some(table => unsafe.has(table.name))) return { state: 'fine' };
  // A trigger under another number marked all the same: the indexes of a table are numbered in the order of their names.
  const unhooked = expected.filter(([, triggers]) => triggers.some(([, sql]) => !bodies.has(body(sql)))).map(([id]) => id);
  // A rebuild that puts back the triggers it found has copied the rows before that.
  const tables = plan.tables.filter(table => unsafe.has(table.name) || unhooked.includes(table.id)).map(table => table.id);
  return { state: 'unhooked', tables };
}
