/*
 * Whether the journal can be trusted: asked inside the read transaction of every batch, before anything of it is applied.
 * A check at any other moment is a race.
 */
import { ReplicationError } from '../change/errors.ts';
import { quote } from '../change/quote.ts';
import { keyColumns, type Plan, type TablePlan } from '../plan/plan.ts';
import type { SourceSchema, SourceTable } from '../plan/schema.ts';
import { dropCapture, sourceOf, triggersOf } from './capture.ts';
import { markTables, placeCanary, readControl, restoreCapture } from './install.ts';
import type { Database } from './open.ts';
import { readSchema } from './tables.ts';
import { keyIndex, prepared } from './values.ts';

const CANARY = /* sql */ `select count(*) from _attacca_canary where rowid = 1000`;
const OURS = /* sql */ `select count(*) from sqlite_schema where type = 'table' and name in ('_attacca_control', '_attacca_journal', '_attacca_canary')`;
const REBUILT = /* sql */ `
  select name from sqlite_schema where type = 'table' and rowid > (select rowid from sqlite_schema where name = '_attacca_canary')`;
const TRIGGERS = /* sql */ `select name, sql from sqlite_schema where type = 'trigger' and name like '\\_attacca\\_%' escape '\\'`;

/** Whether VACUUM may have numbered the rows of tables without any key anew: marks by rowid from before mean nothing now. */
export const isVacuumed = (db: Database): boolean => (prepared(db, CANARY).get() as [bigint])[0] === 0n;

/**
 * `fine`, or `lost` (somebody dropped our tables), or `unhooked`: triggers must be put back, and what changed in `tables`
 * (TablePlan.id) since they went may never have been marked.
 */
export type Health = { readonly state: 'fine' | 'lost' } | { readonly state: 'unhooked'; readonly tables: readonly number[] };

/** Compares the schema as it is now with the plan. Throws ReplicationError 'halt' when the plan no longer fits a table. */
export function examine(db: Database, plan: Plan): Health {
  if ((prepared(db, OURS).get() as [bigint])[0] !== 3n) return { state: 'lost' };
  if (readControl(db)?.primary === 'postgres') return { state: 'fine' };
  const schema = readSchema(db);
  for (const table of plan.tables) checkFit(table, sourceOf(table, schema));
  return hooks(db, plan, schema);
}

/**
 * Puts right what `examine` and `isVacuumed` find: triggers back in, tables whose changes may have gone by unseen marked
 * whole. Returns false where that is beyond repair: then only our triggers are taken out, since without a journal they
 * make the application's writes fail [G6]. Call it inside a write transaction. Throws as `examine` does.
 */
export function mend(db: Database, plan: Plan): boolean {
  const health = examine(db, plan);
  if (health.state === 'lost') {
    dropCapture(db);
    return false;
  }
  const renumbered = isVacuumed(db) ? plan.tables.filter(table => table.key.kind === 'hidden').map(table => table.id) : [];
  if (health.state === 'unhooked') restoreCapture(db, plan, health.tables);
  markTables(db, renumbered);
  placeCanary(db);
  return true;
}

function hooks(db: Database, plan: Plan, schema: SourceSchema): Health {
  const present = new Map((prepared(db, TRIGGERS).all() as [string, string][]).map(([name, sql]) => [name, body(sql)]));
  const bodies = new Set(present.values());
  const expected = plan.tables.map(table => [table.id, [...triggersOf(table, schema)]] as const);
  const stale = expected.some(([, triggers]) => triggers.some(([name, sql]) => present.get(name) !== body(sql)));
  const rebuilt = new Set((prepared(db, REBUILT).all() as [string][]).map(([name]) => name));
  if (!stale && !plan.tables.some(table => rebuilt.has(table.name))) return { state: 'fine' };
  // A trigger under another number marked all the same: the indexes of a table are numbered in the order of their names.
  const unhooked = expected.filter(([, triggers]) => triggers.some(([, sql]) => !bodies.has(body(sql)))).map(([id]) => id);
  // A rebuild that puts back the triggers it found has copied the rows before that.
  const tables = plan.tables.filter(table => rebuilt.has(table.name) || unhooked.includes(table.id)).map(table => table.id);
  return { state: 'unhooked', tables };
}

/** What a trigger does, without its name. SQLite stores the text as it was given, but for the first words. */
const body = (sql: string): string => sql.replace(/^create trigger\s+"[^"]*"\s+/i, '');

function checkFit(table: TablePlan, source: SourceTable): void {
  const planned = table.key.kind === 'hidden' ? table.columns.slice(1) : table.columns;
  const names = new Set(planned.map(column => column.name));
  for (const column of planned) {
    const actual = source.columns.find(({ name }) => name === column.name);
    if (actual === undefined) throw unfit(table, `has no column ${quote(column.name)} any more`);
    if (actual.affinity !== column.affinity) throw unfit(table, `has another type in column ${quote(column.name)} than before`);
  }
  const added = source.columns.find(({ name, generated }) => !generated && !names.has(name));
  if (added !== undefined) throw unfit(table, `has a new column ${quote(added.name)}`);
  if (!keyFits(table, source)) throw unfit(table, 'has another key than before');
}

function keyFits(table: TablePlan, source: SourceTable): boolean {
  if (table.withoutRowid !== source.withoutRowid) return false;
  if (table.key.kind === 'declared') return keyIndex(table, source) !== undefined;
  if (table.key.kind === 'hidden') return source.rowid !== null;
  const [key] = keyColumns(table);
  const declared = source.columns.find(({ name }) => name === key?.name);
  return declared?.primaryKey === 1 && !source.indexes.some(({ origin }) => origin === 'pk');
}

const unfit = (table: TablePlan, what: string): ReplicationError =>
  new ReplicationError('halt', `table ${quote(table.name)} ${what}: the plan does not fit it`, {
    hint: 'Nothing is lost: changes are still captured. Undo the change, or uninstall and start over with a new plan.',
  });
