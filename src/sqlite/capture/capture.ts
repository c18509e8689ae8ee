/*
 * Capture: triggers that write the key of every row that may have changed into the journal [G1].
 *
 * (1) A mark too many is harmless, a mark too few loses a row: every doubtful case becomes an extra mark.
 * (2) The application runs these triggers with *its* SQLite library: constructs of 3.8 only, single quotes, no functions
 *     that a library may lack, or the whole file becomes unreadable for it.
 * (3) Tables go by number: RENAME rewrites names in triggers, but not literals.
 * (4) No journal column but the automatic seq can conflict, so no OR clause of an outer statement can drop a mark.
 */
import { quote } from '../../change/quote.ts';
import { template } from '../../change/template.ts';
import { keyColumns, type Plan, type TablePlan } from '../../plan/plan.ts';
import type { SourceSchema } from '../../plan/schema.ts';
import type { Database } from '../open.ts';
import { isOwnTrigger } from '../schema/own.ts';
import { sourceOf } from '../schema/tables.ts';
import { collisions } from './collisions.ts';
import { firesAfter } from './hazards.ts';
import { journalColumns } from './marking.ts';

const OURS = /* sql */ `
  select name from sqlite_schema where type = 'trigger'
  and (name like '\\_attacca\\_insert\\_%' escape '\\' or name like '\\_attacca\\_update\\_%' escape '\\'
    or name like '\\_attacca\\_delete\\_%' escape '\\' or name like '\\_attacca\\_evict\\_%' escape '\\') order by name`;

/** Names of the capture triggers that the file has. */
export const captureTriggers = (db: Database): string[] => db.prepare<[], string>(OURS).pluck().all();

const TRIGGERS = /* sql */ `select name, sql from sqlite_schema where type = 'trigger' and ${isOwnTrigger()}`;

/** What a trigger does, without its name. SQLite stores the text as it was given, but for the first words. */
export const body = (sql: string): string => sql.replace(/^create trigger\s+"[^"]*"\s+/i, '');

/** Our triggers as the file has them: what each does, by name. */
export const presentTriggers = (db: Database): Map<string, string> =>
  new Map((db.prepare(TRIGGERS).raw().all() as [string, string][]).map(([name, sql]) => [name, body(sql)]));

/** Triggers of the application that were made after ours. */
const NEWER = /* sql */ `
  select t.tbl_name, t.sql from sqlite_schema t where t.type = 'trigger' and not ${isOwnTrigger('t.name')} and t.rowid >
  (select min(o.rowid) from sqlite_schema o where o.type = 'trigger' and o.tbl_name = t.tbl_name and ${isOwnTrigger('o.name')})`;

/**
 * Tables with an AFTER trigger that fires before ours, as the newest does: where it fails under OR FAIL, the row stays changed
 * and ours never ran. Put back, ours are the newest again.
 */
export const overtaken = (db: Database): string[] =>
  (db.prepare(NEWER).raw().all() as [string, string][]).filter(([, sql]) => firesAfter(sql)).map(([table]) => table);

/** Tables of the plan that lack a trigger, have another under its name, or one that comes too late. */
export function unhookedTables(db: Database, plan: Plan, schema: SourceSchema): TablePlan[] {
  const present = presentTriggers(db);
  const late = new Set(overtaken(db));
  return plan.tables.filter(
    table => late.has(table.name) || [...triggersOf(table, schema)].some(([name, sql]) => present.get(name) !== body(sql)),
  );
}

/**
 * Makes the capture triggers those of the plan; tables that have theirs are left alone, since every trigger costs time under the
 * lock. Call it inside a write transaction.
 */
export function createCapture(db: Database, plan: Plan, schema: SourceSchema): void {
  const lacking = unhookedTables(db, plan, schema);
  const expected = expectedTriggers(plan, schema);
  const anew = new Set(lacking.flatMap(table => [...triggersOf(table, schema).keys()]));
  for (const name of captureTriggers(db)) if (!expected.has(name) || anew.has(name)) db.exec(`drop trigger ${quote(name)}`);
  for (const name of anew) db.exec(expected.get(name) ?? '');
}

/** Removes all capture triggers. Call it inside a write transaction. */
export function dropCapture(db: Database): void {
  for (const name of captureTriggers(db)) db.exec(`drop trigger ${quote(name)}`);
}

/**
 * The capture triggers that this plan needs on this schema, by name, as `create trigger` statements.
 * Throws ReplicationError 'halt' when a table of the plan is not in the schema.
 */
export function expectedTriggers(plan: Plan, schema: SourceSchema): ReadonlyMap<string, string> {
  return new Map(plan.tables.flatMap(table => [...triggersOf(table, schema)]));
}

/** The capture triggers of one table. Throws as `expectedTriggers` does. */
export function triggersOf(table: TablePlan, schema: SourceSchema): ReadonlyMap<string, string> {
  const source = sourceOf(table, schema);
  const triggers = new Map<string, string>();
  const add = (what: string, file: string, values: Record<string, string> = {}): void => {
    const name = `_attacca_${what}`;
    triggers.set(name, statement(`sqlite/${file}.sql`, { ...common(table), ...values, name: quote(name) }));
  };
  add(`insert_${table.id}`, 'capture-insert');
  add(`update_${table.id}`, 'capture-update', { changed: keyChanged(table) });
  add(`delete_${table.id}`, 'capture-delete');
  for (const [index, collision] of collisions(table, source, schema).entries()) {
    add(`evict_insert_${table.id}_${index + 1}`, 'evict-insert', { match: collision.match });
    add(`evict_update_${table.id}_${index + 1}`, 'evict-update', { match: collision.match, changed: otherwise(collision.columns) });
  }
  // The row that UPDATE OR REPLACE evicts by the key may take the updated one with it, by a cascade: then no AFTER trigger fires.
  if (source.foreignKeys.some(({ onDelete }) => onDelete.toUpperCase() === 'CASCADE')) {
    const match = keyColumns(table).map(({ name }) => `${quote(name)} = NEW.${quote(name)}`);
    add(`evict_update_${table.id}_0`, 'evict-update', { match: match.join(' and '), changed: keyChanged(table) });
  }
  return triggers;
}

function common(table: TablePlan): Record<string, string> {
  const key = keyColumns(table).map(column => quote(column.name));
  return {
    id: String(table.id),
    table: quote(table.name),
    columns: journalColumns(table).join(', '),
    key: key.join(', '),
    old: key.map(name => `OLD.${name}`).join(', '),
    new: key.map(name => `NEW.${name}`).join(', '),
  };
}

/** Whether OLD needs a mark of its own. Only where equal bytes mean the same key is that a question worth asking. */
function keyChanged(table: TablePlan): string {
  const exact = table.key.kind !== 'declared' || keyColumns(table).every(column => column.affinity === 'text');
  return exact ? changed(keyColumns(table).map(column => column.name)) : '1';
}

const changed = (columns: readonly string[]): string =>
  columns.map(name => `OLD.${quote(name)} is not NEW.${quote(name)} collate binary`).join(' or ');

/** The same, and what only an expression tells apart: 0 from 0.0, and that from -0.0. */
const otherwise = (columns: readonly string[]): string =>
  columns
    .map(quote)
    .flatMap(c => [`typeof(OLD.${c}) is not typeof(NEW.${c})`, `(NEW.${c} = 0 and typeof(NEW.${c}) = 'real')`])
    .reduce((all, one) => `${all} or ${one}`, changed(columns));

/** A template without the comments in its head: SQLite would not keep them, and the stored text is compared later. */
const statement = (path: string, values: Readonly<Record<string, string>>): string =>
  template(path, values)
    .replace(/^(--.*\n)+/, '')
    .trim();
