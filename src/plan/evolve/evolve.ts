/*
 * The plan follows the schema of the SQLite file: what changed, as data, and the plan from then on.
 *
 * (1) Pure. The same plan and the same file give the same answer, so a crash before it is stored repeats it.
 * (2) A table that lives on keeps its number and the codecs of its columns. No number is ever given twice.
 * (3) Where it is not certain that the rows in Postgres are right, the table is marked whole.
 */

import { canonical } from '../alike.ts';
import { parentCodecs } from '../column/agree.ts';
import { impliedNames } from '../ddl/ddl.ts';
import { type Context, planTable, referencedColumns } from '../decide.ts';
import { withPolicies } from '../file/misfits.ts';
import type { Finding } from '../finding.ts';
import { drift, fingerprint } from '../fingerprint.ts';
import { isLeftOut } from '../left-out.ts';
import { names } from '../names.ts';
import { express } from '../objects/express.ts';
import { planForeignKeys } from '../objects/foreign.ts';
import { relationsOf } from '../objects/partition.ts';
import type { ColumnPlan, GeneratedPlan, Plan, TablePlan } from '../plan.ts';
import type { SourceSchema, SourceTable, TableStats } from '../schema.ts';
import { followTable, matchColumns } from './follow.ts';

/** In the order in which Postgres must do it; `table` is as it is afterwards. `instead`: what SQLite did, where only the columns' order makes it anew. */
export type Change =
  | { readonly kind: 'drop-table'; readonly table: TablePlan; readonly instead?: readonly Change[] }
  | { readonly kind: 'drop-index'; readonly name: string }
  | { readonly kind: 'drop-generated'; readonly table: TablePlan; readonly column: GeneratedPlan }
  | { readonly kind: 'rename-table'; readonly from: TablePlan; readonly table: TablePlan }
  | { readonly kind: 'drop-column'; readonly table: TablePlan; readonly column: ColumnPlan }
  | { readonly kind: 'rename-column'; readonly table: TablePlan; readonly from: ColumnPlan; readonly column: ColumnPlan }
  | { readonly kind: 'add-column'; readonly table: TablePlan; readonly column: ColumnPlan }
  | { readonly kind: 'alter-column'; readonly table: TablePlan; readonly from: ColumnPlan; readonly column: ColumnPlan }
  | { readonly kind: 'create-table'; readonly table: TablePlan }
  | { readonly kind: 'add-generated'; readonly table: TablePlan; readonly column: GeneratedPlan };

export type Evolution = {
  readonly plan: Plan;
  /** Empty: Postgres has nothing to do, the plan only knows more. */
  readonly changes: readonly Change[];
  /** TablePlan.id of tables to be copied again as a whole. */
  readonly whole: readonly number[];
  readonly findings: readonly Finding[];
};

export type Seen = {
  readonly schema: SourceSchema;
  /** On which table the capture triggers of a number stand: they travel with it when it is renamed. */
  readonly triggers: ReadonlyMap<number, string>;
  /** What capture cannot follow; a blocking one keeps its table out of the plan. */
  readonly hazards: readonly Finding[];
  /** What the stored values of a table are; asked for tables and columns that are new. */
  readonly stats: (table: SourceTable) => TableStats;
};

const ORDER: readonly Change['kind'][] = [
  'drop-index',
  'drop-table',
  'drop-generated',
  'rename-table',
  'drop-column',
  'rename-column',
  'add-column',
  'alter-column',
  'create-table',
  'add-generated',
];

/**
 * What becomes of the plan. Without a difference it is the same plan, and nothing changes. Where the tables in Postgres are the
 * application's, `changes` are those that it would have to make itself.
 */
export function evolve(old: Plan, seen: Seen): Evolution {
  const evolution = evolved(old, seen);
  return old.existing ? besideTheirs(old, evolution) : evolution;
}

const THEIRS: ReadonlySet<Change['kind']> = new Set(['drop-index', 'drop-generated', 'add-generated']);

/** Keys, indexes, constraints and generated columns of the application's own tables in Postgres are none of ours: only stored columns and tables count. */
function besideTheirs(old: Plan, { plan, changes, whole, findings }: Evolution): Evolution {
  const seen = new Map(plan.tables.map(({ id, source }) => [id, source]));
  const tables = old.tables.map(table => ({ ...table, source: seen.get(table.id) }));
  const counts = (change: Change): boolean =>
    !THEIRS.has(change.kind) && !(change.kind === 'alter-column' && change.from.codec === change.column.codec);
  return { plan: { ...old, tables, lastId: plan.lastId }, changes: changes.filter(counts), whole, findings };
}

function evolved(old: Plan, seen: Seen): Evolution {
  const moved = new Set(drift(old, seen.schema));
  const sources = followed(old, seen);
  const matches = matched(old, sources, seen.triggers);
  const lives = new Map([...matches].map(([source, table]) => [table.id, source]));
  const gone = old.tables.filter(({ id }) => !lives.has(id));
  // A table whose key or types have changed begins anew, under the number it has.
  const anew = new Set([...matches].filter(([source, table]) => !matchColumns(table, source).fits).map(([source]) => source));
  const kept = [...matches].filter(([source]) => !anew.has(source));
  const staying = kept.filter(([source, table]) => source.name === table.name);
  const free = names([
    ...staying.map(([, table]) => table.target),
    ...kept.flatMap(([, table]) => [
      ...relationsOf(table).slice(1),
      ...table.indexes.map(index => index.name),
      ...impliedNames(old, table),
    ]),
  ]);
  const changes: Change[] = gone.map(table => ({ kind: 'drop-table', table }));
  const whole: number[] = [];
  const findings: Finding[] = [];
  const planned: { table: TablePlan; source: SourceTable; stats: TableStats | undefined }[] = [];
  const unplanned: NonNullable<Plan['unplanned']>[number][] = [];
  const context = {
    names: free,
    referenced: referencedColumns(sources),
    agreed: parentCodecs(sources, old.tables),
    encoding: seen.schema.encoding,
  };
  let lastId = Math.max(old.lastId ?? 0, ...old.tables.map(({ id }) => id), ...seen.triggers.keys());

  for (const [source, table] of kept) {
    if (source.name === table.name && !moved.has(table.name)) {
      planned.push({ table, source, stats: undefined });
      continue;
    }
    const target = source.name === table.name || table.target !== table.name ? table.target : free.take(source.name);
    const followed = followTable({ ...table, target }, source, { ...context, stats: seen.stats });
    const after = { ...followed.table, source: fingerprint(seen.schema, source) };
    const renamed: Change[] = target === table.target ? [] : [{ kind: 'rename-table', from: table, table: after }];
    const done = [...renamed, ...followed.changes];
    if (followed.misplaced && !old.existing)
      changes.push({ kind: 'drop-table', table, instead: done }, { kind: 'create-table', table: after });
    else changes.push(...done);
    findings.push(...followed.findings);
    if (followed.whole) whole.push(table.id);
    planned.push({ table: after, source, stats: undefined });
  }
  for (const source of sources) {
    if (matches.has(source) && !anew.has(source)) continue;
    const former = matches.get(source);
    const stats = seen.stats(source);
    const id = former?.id ?? ++lastId;
    const found: Finding[] = [];
    const table = planTable(source, stats, { ...context, id, target: former?.target ?? free.take(source.name) } satisfies Context, found);
    findings.push(...found);
    if (former !== undefined) changes.push({ kind: 'drop-table', table: former });
    if (table === undefined) {
      unplanned.push(notPlanned(seen.schema, source, found));
      continue;
    }
    const after = { ...withPolicies(table, former), source: fingerprint(seen.schema, source) };
    changes.push({ kind: 'create-table', table: after });
    whole.push(id);
    planned.push({ table: after, source, stats });
  }
  for (const source of seen.schema.tables) {
    const hazards = blocking(seen, source.name);
    if (hazards.length > 0 && !isLeftOut(source.name, old.excluded)) unplanned.push(notPlanned(seen.schema, source, hazards));
  }
  const tables = linked(planned, old).sort((a, b) => a.id - b.id);
  const { unplanned: _, ...rest } = old;
  const plan = { ...rest, tables, ...(unplanned.length > 0 && { unplanned }), lastId };
  const expressed = express(seen.schema, { plan, findings });
  const all = [
    ...changes.map(change => withExpressions(change, expressed.plan)),
    ...staleIndexes(old, expressed.plan),
    ...regenerated(old, expressed.plan, changes),
  ];
  return { ...expressed, changes: all.toSorted((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind)), whole };
}

/** The change with the table and the column as the plan has them in the end: a new column's default may be an expression. */
function withExpressions(change: Change, { tables }: Plan): Change {
  const table = change.kind === 'drop-index' ? undefined : tables.find(({ id }) => id === change.table.id);
  if (table === undefined || change.kind === 'drop-index' || change.kind === 'drop-table') return change;
  if (change.kind === 'drop-generated' || change.kind === 'add-generated') return change;
  if (!('column' in change) || change.kind === 'drop-column') return { ...change, table };
  return { ...change, table, column: table.columns.find(({ target }) => target === change.column.target) ?? change.column };
}

/** Generated columns that are gone or mean something else now, and those that have come, in tables that live on. */
function regenerated(old: Plan, { tables }: Plan, changes: readonly Change[]): Change[] {
  const made = new Set(changes.flatMap(change => (change.kind === 'create-table' ? change.table.id : [])));
  return tables.flatMap((table): Change[] => {
    const before = old.tables.find(({ id }) => id === table.id);
    if (before === undefined || made.has(table.id)) return [];
    const [gone, come] = [before.generated ?? [], table.generated ?? []];
    const missing = (from: readonly GeneratedPlan[], column: GeneratedPlan): boolean =>
      !from.some(other => canonical(other) === canonical(column));
    return [
      ...gone.filter(column => missing(come, column)).map(column => ({ kind: 'drop-generated' as const, table: before, column })),
      ...come.filter(column => missing(gone, column)).map(column => ({ kind: 'add-generated' as const, table, column })),
    ];
  });
}

/** Indexes with expressions that are gone or mean something else now; those that are missing are built afterwards. */
function staleIndexes(old: Plan, { tables }: Plan): Change[] {
  const standing = new Set(tables.flatMap(({ id, expressionIndexes = [] }) => expressionIndexes.map(index => canonical([id, index]))));
  const before = old.tables.flatMap(({ id, expressionIndexes = [] }) => expressionIndexes.map(index => ({ id, index })));
  return before.flatMap(({ id, index }) => (standing.has(canonical([id, index])) ? [] : { kind: 'drop-index', name: index.name }));
}

/** Tables that can be in the plan: not left out, and not beyond what capture can follow. */
function followed(old: Plan, seen: Seen): SourceTable[] {
  return seen.schema.tables.filter(({ name }) => !isLeftOut(name, old.excluded) && blocking(seen, name).length === 0);
}

const blocking = ({ hazards }: Seen, name: string): Finding[] =>
  hazards.filter(({ level, table }) => level === 'blocking' && table === name);

function notPlanned(schema: SourceSchema, source: SourceTable, findings: readonly Finding[]) {
  const reason = findings.find(({ level }) => level === 'blocking')?.message ?? 'it cannot be replicated';
  return { name: source.name, source: fingerprint(schema, source), reason };
}

/** Which table of the plan a table of the file is: by the triggers that travelled with it, else by its name. */
function matched(old: Plan, sources: readonly SourceTable[], triggers: ReadonlyMap<number, string>): Map<SourceTable, TablePlan> {
  const byName = new Map(sources.map(source => [source.name, source]));
  const matches = new Map<SourceTable, TablePlan>();
  for (const by of [(table: TablePlan) => triggers.get(table.id), (table: TablePlan) => table.name]) {
    const taken = new Set(matches.values());
    for (const table of old.tables) {
      const source = byName.get(by(table) ?? '');
      if (source !== undefined && !taken.has(table) && !matches.has(source)) matches.set(source, table);
    }
  }
  return matches;
}

/** Foreign keys, decided anew: parents may have come, gone or changed. They are in Postgres only once it is primary. */
function linked(planned: readonly { table: TablePlan; source: SourceTable; stats: TableStats | undefined }[], old: Plan): TablePlan[] {
  const unknown = { rows: 0, columns: [], nullKeys: {} };
  const all = planned.map(({ table, source, stats }) => ({
    table,
    source,
    stats: stats ?? { ...unknown, orphans: source.foreignKeys.map(() => ({ count: 0, samples: [] })) },
  }));
  const byName = new Map(all.map(each => [each.source.name.toLowerCase(), each]));
  return all.map(each => {
    const before = old.tables.find(({ id }) => id === each.table.id)?.foreignKeys ?? [];
    const { foreignKeys } = planForeignKeys(each, byName);
    return {
      ...each.table,
      foreignKeys: foreignKeys.map(key => ({ ...key, orphans: before.find(({ name }) => name === key.name)?.orphans ?? key.orphans })),
    };
  });
}
