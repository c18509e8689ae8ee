/*
 * Generated columns are computed on both sides: nothing writes them, verification reads them.
 */
import type { ColumnPlan, GeneratedPlan, Plan, TablePlan } from '../plan.ts';

/** The plan as verification reads it: with the generated columns behind the others. The same plan gives the same object. */
export function compared(plan: Plan): Plan {
  const known = PLANS.get(plan);
  if (known !== undefined) return known;
  const made = { ...plan, tables: plan.tables.map(comparedTable) };
  PLANS.set(plan, made);
  return made;
}

const PLANS = new WeakMap<Plan, Plan>();

/** One table of it. */
export function comparedTable(table: TablePlan): TablePlan {
  const generated = generatedColumns(table).filter(isTotal);
  return generated.length === 0 ? table : { ...table, columns: [...table.columns, ...generated.map(asColumn)] };
}

type GeneratedColumn = GeneratedPlan & Pick<ColumnPlan, 'type'>;

/** Those that SQLite has as well. */
export const generatedColumns = ({ generated = [] }: Pick<TablePlan, 'generated'>): GeneratedColumn[] =>
  generated.filter((column): column is GeneratedColumn => column.type !== 'tsvector');

/** Whether no stored value makes SQLite fail: a malformed document would end the reading of the whole table there. */
const isTotal = ({ sql }: GeneratedColumn): boolean => !/json|\babs\(/.test(sql);

const asColumn = ({ sql, ...column }: GeneratedColumn): ColumnPlan => ({ ...column, default: null, reason: sql });
