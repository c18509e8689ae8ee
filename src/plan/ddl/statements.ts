/*
 * The plan's DDL object by object, so that each can be tried, and left out of the plan where Postgres refuses it.
 */
import { quote } from '../../change/quote.ts';
import { type Code, finding } from '../codes.ts';
import type { Finding } from '../finding.ts';
import { at, type Plan, type TablePlan } from '../plan.ts';
import { checkDdl, expressionIndexDdl, foreignKeyDdl, indexDdl, keyDdl, tableDdl, viewDdl } from './ddl.ts';

export type ObjectKind = 'table' | 'key' | 'index' | 'expression index' | 'CHECK' | 'foreign key' | 'view';

/** `table`: its name in SQLite, of a view the view's own; `name`: that of the object in Postgres. */
export type PlanObject = { readonly kind: ObjectKind; readonly table: string; readonly name: string };

export type PlanStatement = PlanObject & { readonly text: string };

/** One list for each kind, in the order in which Postgres must be given them. */
export function planStatements(plan: Plan): PlanStatement[][] {
  const each = (
    kind: ObjectKind,
    ddl: (plan: Plan, table: TablePlan) => readonly string[],
    named: (table: TablePlan) => readonly { readonly name: string }[],
  ): PlanStatement[] =>
    plan.tables.flatMap(table => {
      const objects = named(table);
      return ddl(plan, table).map((text, place) => ({ kind, table: table.name, name: at(objects, place).name, text }));
    });
  return [
    each(
      'table',
      (_, table) => [tableDdl(plan, table)],
      ({ target }) => [{ name: target }],
    ),
    each(
      'key',
      (_, table) => [keyDdl(plan, table)],
      ({ target }) => [{ name: target }],
    ),
    each('index', indexDdl, ({ indexes }) => indexes),
    each('expression index', expressionIndexDdl, ({ expressionIndexes = [] }) => expressionIndexes),
    each('CHECK', checkDdl, ({ checks = [] }) => checks),
    each('foreign key', foreignKeyDdl, ({ foreignKeys }) => foreignKeys),
    viewDdl(plan).map((text, place) => {
      const { name, target } = at(plan.views ?? [], place);
      return { kind: 'view', table: name, name: target, text };
    }),
  ];
}

export type RefusedObject = PlanObject & { readonly reason: string };

/** The plan without what Postgres refused, and a finding for each such object. Tables and keys stay: without them nothing works. */
export function withoutRefused(plan: Plan, refused: readonly RefusedObject[]): { readonly plan: Plan; readonly findings: Finding[] } {
  const gone = new Set(refused.map(({ kind, table, name }) => JSON.stringify([kind, table, name])));
  const standing = (kind: ObjectKind, table: string) => (object: { readonly name: string }) =>
    !gone.has(JSON.stringify([kind, table, object.name]));
  const tables = plan.tables.map(table => ({
    ...table,
    indexes: table.indexes.filter(standing('index', table.name)),
    foreignKeys: table.foreignKeys.filter(standing('foreign key', table.name)),
    ...(table.expressionIndexes && { expressionIndexes: table.expressionIndexes.filter(standing('expression index', table.name)) }),
    ...(table.checks && { checks: table.checks.filter(standing('CHECK', table.name)) }),
  }));
  const views = plan.views?.filter(({ name, target }) => standing('view', name)({ name: target }));
  return { plan: { ...plan, tables, ...(views && { views }) }, findings: refused.map(refusal) };
}

const CODES: Readonly<Record<ObjectKind, Code>> = {
  table: 'target-refuses-table',
  key: 'target-refuses-table',
  index: 'target-refuses',
  'expression index': 'target-refuses',
  CHECK: 'target-refuses',
  'foreign key': 'target-refuses',
  view: 'target-refuses',
};

function refusal({ kind, table, name, reason }: RefusedObject): Finding {
  const what = kind === 'table' || kind === 'key' ? '' : ', and is left out';
  return finding(CODES[kind], { table, message: `This server refuses the ${kind} ${quote(name)}${what}: ${reason}.` });
}
