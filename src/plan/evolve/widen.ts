/*
 * Columns whose values no longer fit get the narrowest codec that keeps every value there is now; their tables begin anew.
 */
import { Unfit } from '../codecs/fit.ts';
import { typeOf } from '../codecs/registry.ts';
import { chooseCodec } from '../column/column.ts';
import { contradiction } from '../column/contradiction.ts';
import { recodeDefault } from '../column/default.ts';
import { rolesOf } from '../column/role.ts';
import { referencedColumns } from '../decide.ts';
import { express } from '../objects/express.ts';
import { agree } from '../objects/foreign.ts';
import type { ColumnPlan, Plan, TablePlan } from '../plan.ts';
import type { SourceSchema, SourceTable, TableStats } from '../schema.ts';
import type { Change, Evolution } from './evolve.ts';

/** `ids`: TablePlan.id of the tables that are looked at; `only`: those of their columns. */
export type Wanted = { readonly ids: ReadonlySet<number>; readonly only?: (column: ColumnPlan) => boolean };

/**
 * The plan with wider columns where the values of these tables need them; a foreign key whose sides are no longer of one type
 * is left out. Where nothing has to be wider there are no changes.
 */
export function widen(
  old: Plan,
  { ids, only = () => true }: Wanted,
  schema: SourceSchema,
  stats: (table: SourceTable) => TableStats,
): Evolution {
  const referenced = referencedColumns(schema.tables);
  const sources = new Map(schema.tables.map(source => [source.name, source]));
  const wider = old.tables.map((table): TablePlan => {
    const source = sources.get(table.name);
    return source === undefined || !ids.has(table.id) ? table : widerTable(table, source, stats(source), { referenced, only });
  });
  const changed = wider.filter((table, place) => table !== old.tables[place]);
  const tables = wider.map(table => ({ ...table, foreignKeys: table.foreignKeys.filter(key => agrees(table, key, wider)) }));
  const expressed = express(schema, { plan: { ...old, tables }, findings: [] });
  const changes = changed.flatMap(({ id }): Change[] => {
    const before = old.tables.find(table => table.id === id);
    const after = expressed.plan.tables.find(table => table.id === id);
    return before === undefined || after === undefined
      ? []
      : [
          { kind: 'drop-table', table: before },
          { kind: 'create-table', table: after },
        ];
  });
  const drops = changes.filter(({ kind }) => kind === 'drop-table');
  return { ...expressed, changes: [...drops, ...changes.filter(({ kind }) => kind !== 'drop-table')], whole: changed.map(({ id }) => id) };
}

type Within = { readonly referenced: ReadonlySet<string>; readonly only: (column: ColumnPlan) => boolean };

function widerTable(table: TablePlan, source: SourceTable, stats: TableStats, { referenced, only }: Within): TablePlan {
  const roles = rolesOf(source, referenced);
  const columns = table.columns.map((column, place): ColumnPlan => {
    const own = stats.columns.find(({ name }) => name === column.name);
    const declared = source.columns.find(({ name }) => name === column.name);
    if (own === undefined || declared === undefined || place === table.identity || place === table.partition?.column || !only(column))
      return column;
    const against = contradiction(column.codec, column.affinity, own);
    if (against === undefined) return column;
    const { codec } = chooseCodec(table.name, declared, own, { ...roles(column.name), plain: true });
    const to = { codec, type: typeOf(codec) };
    const sql = column.default === null ? null : recodeDefault(column.default, column, to);
    const { gin: _, misfits, ...rest } = column;
    const policy = misfits === undefined || misfits === 'repair' ? {} : { misfits };
    return { ...rest, ...to, ...policy, default: sql instanceof Unfit ? null : sql, reason: `widened from ${column.codec}: ${against}` };
  });
  return columns.every((column, place) => column === table.columns[place]) ? table : { ...table, columns };
}

function agrees(table: TablePlan, key: TablePlan['foreignKeys'][number], tables: readonly TablePlan[]): boolean {
  const parent = tables.find(({ id }) => id === key.parent);
  return parent !== undefined && key.columns.every((column, place) => agree(table, column, parent, key.parentColumns[place] ?? -1));
}
