/*
 * What the plan says in expressions: CHECKs, defaults, indexes over more than columns, deferred foreign keys, views.
 *
 * (1) They follow from the schema and from the columns' types and codecs, which people may change: so this runs again after every change.
 * (2) What has no translation of the same meaning is left out with a finding that says why, never bent.
 */
import { quote } from '../../change/quote.ts';
import { type Code, finding } from '../codes.ts';
import { parseTable, type TableText } from '../expression/create.ts';
import { attempt } from '../expression/refusal.ts';
import {
  type KnownColumn,
  type TableContext,
  type Translation,
  translateExpression,
  type Untranslated,
} from '../expression/translation.ts';
import type { Finding } from '../finding.ts';
import { names } from '../names.ts';
import type { CheckPlan, ColumnPlan, Decision, ForeignKeyPlan, GeneratedPlan, Plan, TablePlan } from '../plan.ts';
import type { SourceSchema, SourceTable } from '../schema.ts';
import { expressGenerated } from './express-generated.ts';
import { expressIndexes } from './express-indexes.ts';
import { expressSearch, leaveOutVirtual } from './express-search.ts';
import { expressViews } from './express-views.ts';
import { generatedColumns } from './generated.ts';
import { improvements } from './improve.ts';
import { relationNames } from './partition.ts';

/** Findings that are told anew here. */
const OURS: ReadonlySet<string> = new Set([
  'check',
  'generated-column',
  'full-text',
  'virtual-table',
  'view',
  'index-partial',
  'index-expression',
  'index-generated',
  'index-collation',
  'default-expression',
  'foreign-key-deferred',
] as const satisfies readonly Code[]);

/** The plan with its expressions as its columns are now, and its findings with those about expressions told anew. */
export function express(schema: SourceSchema, decision: Decision): Decision {
  const on: Expressing = { schema, uses: new Set(), findings: [], foreignKeyIndexes: decision.plan.foreignKeyIndexes === true };
  const sources = new Map(schema.tables.map(table => [table.name, table]));
  const { views: _, compat: __, ...undressed } = decision.plan;
  const bare = { ...undressed, tables: decision.plan.tables.map(without) };
  const free = names(relationNames(bare));
  const tables = bare.tables.map(table => {
    const source = sources.get(table.name);
    return source === undefined ? table : expressTable(table, source, free, on);
  });
  leaveOutVirtual(tables, on);
  const views = expressViews({ ...bare, tables }, free, on);
  const plan: Plan = {
    ...bare,
    tables,
    ...optional('views', views),
    ...optional('compat', [...on.uses].toSorted()),
  };
  return { plan, findings: [...decision.findings.filter(({ code }) => !OURS.has(code)), ...on.findings] };
}

export type Expressing = {
  readonly schema: SourceSchema;
  readonly uses: Set<string>;
  readonly findings: Finding[];
  readonly foreignKeyIndexes: boolean;
};

/** A field that is there only if it holds something. */
const optional = <K extends string, T>(key: K, list: readonly T[]): { [key in K]?: T[] } =>
  (list.length > 0 ? { [key]: [...list] } : {}) as { [key in K]?: T[] };

/** The table as it was before expressions. */
function without({ expressionIndexes: _, checks: __, generated: ___, ...table }: TablePlan): TablePlan {
  return {
    ...table,
    columns: table.columns.map(({ expression: _, ...column }) => column),
    foreignKeys: table.foreignKeys.map(({ deferred: _, ...key }) => key),
  };
}

const NOTHING: TableText = { checks: [], generated: [], foreignKeys: [] };

function expressTable(table: TablePlan, source: SourceTable, free: ReturnType<typeof names>, on: Expressing): TablePlan {
  const sql = on.schema.objects.find(({ type, name }) => type === 'table' && name === table.name)?.sql ?? '';
  const read = attempt(() => parseTable(sql));
  const text = 'reason' in read ? NOTHING : read;
  if ('reason' in read) {
    const message = `The declaration of table ${quote(table.name)} cannot be read (${read.reason}): its CHECKs are left out.`;
    on.findings.push(finding('check', { table: table.name, message }));
  }
  const base = contextOf(table, source, text, on.schema.encoding);
  const generated = expressGenerated(table, source, { texts: text.generated, context: base }, on);
  const context = withGenerated(base, generated, source);
  const search = expressSearch(table, generated, base, free, on);
  return {
    ...table,
    columns: table.columns.map(column => withDefault(column, table, source, on)),
    foreignKeys: table.foreignKeys.map(key => deferred(key, table, text)),
    ...optional('generated', [...generated, ...search.map(({ column }) => column)]),
    ...optional('expressionIndexes', [
      ...expressIndexes({ table, source, context, free }, on),
      ...improvements(table, on.foreignKeyIndexes, free),
      ...search.map(({ index }) => index),
    ]),
    ...optional('checks', checksOf(table, text, context, on)),
  };
}

/** The table's columns as its expressions see them. */
function contextOf(table: TablePlan, source: SourceTable, text: TableText, encoding: string): TableContext {
  const collations = new Map(source.columns.map(({ name, collation }) => [name, collation]));
  const columns = table.columns
    .filter((_, place) => table.key.kind !== 'hidden' || place > 0)
    .map((column): KnownColumn => ({ ...column, collation: collations.get(column.name) ?? 'BINARY' }));
  const generated = text.generated.flatMap(({ column: name, expression }) => {
    const column = source.columns.find(each => each.name.toLowerCase() === name.toLowerCase());
    return column === undefined ? [] : [[name.toLowerCase(), { ...column, expression }] as const];
  });
  return { columns, encoding, generated: new Map(generated) };
}

/** Postgres computes no generated column from another one, but everything else can read them. */
function withGenerated({ columns, ...context }: TableContext, generated: readonly GeneratedPlan[], source: SourceTable): TableContext {
  const known = generatedColumns({ generated: [...generated] }).map((column): KnownColumn => {
    const collation = source.columns.find(({ name }) => name === column.name)?.collation ?? 'BINARY';
    return { ...column, collation };
  });
  return { ...context, columns: [...columns, ...known] };
}

/** Notes what a translation needs; of one that failed it gives undefined and says so. */
export function settle(
  result: Translation | Untranslated,
  code: Code,
  what: string,
  table: string,
  on: Expressing,
): Translation | undefined {
  if ('reason' in result) {
    on.findings.push(finding(code, { table, message: `${what} is not created in Postgres: ${result.reason}.` }));
    return undefined;
  }
  for (const name of result.uses) on.uses.add(name);
  return result;
}

function withDefault(column: ColumnPlan, table: TablePlan, source: SourceTable, on: Expressing): ColumnPlan {
  const declared = source.columns.find(({ name }) => name === column.name)?.default ?? null;
  const identity = table.identity !== null && table.columns[table.identity] === column;
  if (declared === null || column.default !== null || identity || !isExpression(declared)) return column;
  const result = translateExpression(declared, { columns: [], encoding: on.schema.encoding }, { kind: 'default', column });
  if ('reason' in result) {
    const message = `The default ${declared} is left out: ${result.reason}.`;
    on.findings.push(finding('default-expression', { table: table.name, column: column.name, message }));
    return column;
  }
  for (const name of result.uses) on.uses.add(name);
  return { ...column, expression: result.sql };
}

/** Literals are columns.ts's: whether they fit is a question of the codec. */
const isExpression = (sql: string): boolean => /\w\s*\(|[^\s(+-].*[-+*/|]/.test(sql.replaceAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"/g, "''"));

function deferred(key: ForeignKeyPlan, table: TablePlan, text: TableText): ForeignKeyPlan {
  const own = key.columns.map(place => table.columns[place]?.name.toLowerCase());
  const found = text.foreignKeys.find(({ columns }) => JSON.stringify(columns.map(name => name.toLowerCase())) === JSON.stringify(own));
  return found?.deferred ? { ...key, deferred: true } : key;
}

function checksOf(table: TablePlan, text: TableText, context: TableContext, on: Expressing): CheckPlan[] {
  const free = names(table.foreignKeys.map(({ name }) => name));
  return text.checks.flatMap(({ name, text: written, expression }): CheckPlan[] => {
    const result = translateExpression(expression, context, { kind: 'condition', unique: false });
    const settled = settle(result, 'check', `CHECK (${written})`, table.name, on);
    return settled === undefined ? [] : [{ name: free.take(name ?? `${table.target}_check`), sql: settled.sql }];
  });
}
