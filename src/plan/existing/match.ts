/*
 * Lays a plan over tables that the application's own migrations have made in Postgres: their names, their types; and says what
 * stands in the way. Pure.
 *
 * (1) Nothing of the tables is changed: what does not fit is a finding, never a statement.
 * (2) A name means the same table or column if it is the same, letter case aside; the plan file can say otherwise.
 * (3) What the profile cannot decide is for a trial with the stored values (`tries`).
 */
import { quote } from '../../change/quote.ts';
import { finding } from '../codes.ts';
import { formed } from '../column/candidates.ts';
import { type Habits, habitsOf } from '../column/forms.ts';
import type { PlanFile } from '../file/edit.ts';
import type { Finding } from '../finding.ts';
import { byName } from '../names.ts';
import { at, type Decision, keyColumns, type TablePlan } from '../plan.ts';
import type { Profile, SourceIndex, SourceSchema } from '../schema.ts';
import { matchColumns, type Say } from './match-columns.ts';
import type { TargetRelation, TargetSchema, TargetUnique } from './target.ts';

export type Matched = Decision & {
  /** Ids of tables whose rows Postgres has to be asked about. */
  readonly tries: readonly number[];
};

type Input = { readonly source: SourceSchema; readonly profile: Profile; readonly file: PlanFile | undefined };

/** Findings of the decision that say something about the file, and not about DDL that attacca would have made. */
const STAYS: ReadonlySet<string> = new Set([
  'no-tables',
  'no-key',
  'excluded',
  'litestream',
  'virtual-table',
  'trigger',
  'orphans',
  'null-key',
]);

/** Whether some table of the plan is there already: then all of them are the application's. */
export const isExisting = ({ plan }: Pick<Decision, 'plan'>, { relations }: TargetSchema, file: PlanFile | undefined): boolean =>
  plan.tables.some(({ name }) => byName(relations, name, file?.tables[name]?.target).length > 0);

/** A codec of the kind that the column has there, so that its texts are looked at for their form; undefined for plain types. */
export function expected({ relations }: TargetSchema, table: string, column: string, file: PlanFile | undefined): string | undefined {
  const edits = file?.tables[table];
  const columns = byName(relations, table, edits?.target).flatMap(relation => relation.columns);
  return byName(columns, column, edits?.columns[column]?.target).flatMap(({ base }) => formed(base) ?? [])[0];
}

/** The plan for the tables that are there. Findings of level blocking mean that it must not be carried out. */
export function match(decided: Decision, target: TargetSchema, { source, profile, file }: Input): Matched {
  const findings = decided.findings.filter(({ code }) => STAYS.has(code));
  const habits = habitsOf(profile);
  const tries: number[] = [];
  const tables = decided.plan.tables.flatMap(table => {
    const found = byName(target.relations, table.name, file?.tables[table.name]?.target);
    const [relation] = found;
    if (relation === undefined || found.length > 1) {
      findings.push(relation === undefined ? missing(table, target) : ambiguous(table, found));
      return [];
    }
    const matched = matchTable(table, relation, { source, profile, file, habits, replicaRole: target.replicaRole });
    findings.push(...matched.findings);
    if (matched.tries) tries.push(table.id);
    return [matched.table];
  });
  const { views: _views, compat: _compat, ...plan } = decided.plan;
  return { plan: { ...plan, schema: target.schema, tables, existing: true }, findings, tries };
}

function missing({ name }: TablePlan, { schema }: TargetSchema): Finding {
  const message = `Other tables of the file are in schema ${schema} of Postgres already, ${quote(name)} is not.`;
  return finding('target-table-missing', { table: name, message });
}

function ambiguous({ name }: TablePlan, found: readonly TargetRelation[]): Finding {
  const message = `Several tables in Postgres have this name: ${found.map(each => quote(each.name)).join(', ')}.`;
  return finding('target-ambiguous', { table: name, message, count: found.length });
}

type Context = Input & { readonly habits: Habits; readonly replicaRole: boolean };

function matchTable(table: TablePlan, relation: TargetRelation, context: Context) {
  const findings: Finding[] = [];
  const say: Say = (code, message, more = {}) => void findings.push(finding(code, { table: table.name, message, ...more }));
  if (relation.strange !== null) {
    say('target-not-table', `${quote(relation.name)} is ${relation.strange} in Postgres.`);
    return { table, findings, tries: false };
  }
  const { columns, extras, unsure } = matchColumns(table, relation, { ...context, say });
  const { generated: _, ...rest } = table;
  const matched: TablePlan = {
    ...rest,
    target: relation.name,
    columns,
    identity: null,
    indexes: [],
    foreignKeys: [],
    expressionIndexes: [],
    checks: [],
    ...(extras.length > 0 && { extras }),
  };
  state(relation, say);
  silence(relation, context.replicaRole, say);
  const identity = matchKey(matched, relation, say);
  const { indexes = [] } = context.source.tables.find(({ name }) => name === table.name) ?? {};
  for (const index of indexes.filter(({ unique }) => unique && table.key.kind !== 'hidden'))
    if (!hasUnique(matched, relation, index))
      say('target-unique-missing', `Postgres has no unique index like ${quote(index.name)} of SQLite.`);
  const strict = relation.uniques.some(unique => !isUniqueInSource(matched, unique, indexes));
  return { table: { ...matched, identity }, findings, tries: unsure || relation.checks.length > 0 || strict };
}

/** Whether something in Postgres keeps unique what the index does. Expressions and predicates are not compared. */
function hasUnique(table: TablePlan, { uniques }: TargetRelation, { terms }: SourceIndex): boolean {
  const names = terms.map(({ column }) => table.columns.find(({ name }) => name === column)?.target ?? '');
  return uniques.some(({ columns }) => columns.length === 0 || columns.every(name => names.includes(name)));
}

/** What is unique in SQLite needs no trial; it compares as exactly as Postgres, or more loosely. */
function isUniqueInSource(table: TablePlan, { columns, partial }: TargetUnique, indexes: readonly SourceIndex[]): boolean {
  const same = (names: readonly string[]): boolean => names.length === columns.length && names.every(name => columns.includes(name));
  const targets = (names: readonly (string | null)[]): string[] =>
    names.map(name => table.columns.find(column => column.name === name)?.target ?? '');
  if (same(keyColumns(table).map(({ target }) => target))) return true;
  return (
    !partial && indexes.some(({ unique, where, terms }) => unique && where === null && same(targets(terms.map(({ column }) => column))))
  );
}

function state({ name, owned, filled, rowSecurity, uniques }: TargetRelation, say: Say): void {
  if (!owned) say('target-not-owner', `The role of attacca does not own ${quote(name)}, so it cannot fence or publish it.`);
  if (filled) say('target-not-empty', `${quote(name)} has rows in Postgres already.`);
  if (rowSecurity) say('target-row-security', `Row security of ${quote(name)} applies to the role of attacca.`);
  for (const unique of uniques.filter(({ deferrable }) => deferrable))
    say('target-deferrable', `The unique constraint ${quote(unique.name)} is deferrable.`);
}

/** What fires or checks while attacca writes, and while it must not. */
function silence({ name, triggers, foreignKeys }: TargetRelation, replicaRole: boolean, say: Say): void {
  if (!replicaRole && triggers.length + foreignKeys.length > 0) {
    const what = [...triggers.map(each => `trigger ${quote(each.name)}`), ...foreignKeys.map(each => `foreign key ${quote(each)}`)];
    say('target-replica-role', `${quote(name)} has ${what.join(', ')}, which this role may not silence.`, { count: what.length });
  }
  for (const trigger of triggers)
    say(
      trigger.always ? 'target-trigger-always' : 'target-trigger',
      `Trigger ${quote(trigger.name)} of ${quote(name)} ${trigger.always ? 'fires for what attacca writes, too' : 'stays as it is'}.`,
    );
}

/** Index of the column with a sequence of its own, which goes on numbering after the cutover. */
function matchKey(table: TablePlan, relation: TargetRelation, say: Say): number | null {
  if (table.key.kind === 'hidden') {
    say('target-no-key', 'No declared key identifies every row, and the table in Postgres has no place for the rowid.');
    return null;
  }
  const key = keyColumns(table).map(({ target }) => target);
  const same = (columns: readonly string[]): boolean => columns.length === key.length && key.every(name => columns.includes(name));
  const list = key.map(quote).join(', ');
  if (!relation.uniques.some(({ columns, partial, deferrable }) => !partial && !deferrable && same(columns)))
    say('target-no-key', `Postgres has no unique index over exactly the key (${list}).`);
  else if (relation.replicaIdentity !== null && !key.every(name => relation.replicaIdentity?.includes(name)))
    say('target-replica-identity', `Updates and deletions in Postgres do not bring along the key (${list}).`);
  if (table.key.kind !== 'rowid') return null;
  const [place = -1] = table.key.columns;
  const column = relation.columns.find(({ name }) => name === at(table.columns, place).target);
  if (column === undefined || column.sequence) return place;
  const message = `SQLite numbers new rows by ${quote(column.name)}; in Postgres no sequence that belongs to it does.`;
  say('target-sequence', message, { column: at(table.columns, place).name });
  return null;
}
