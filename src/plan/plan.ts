/*
 * The plan: one reviewed mapping, used five times (DDL, snapshot, replay, verification, the reverse stream).
 *
 * (1) Column order here is the order of every PgRow; key.columns indexes into it.
 * (2) The plan in force is the one stored in Postgres when capture was installed; a plan file is how people change it before.
 */
import type { z } from 'zod';
import { quote } from '../change/quote.ts';
import type * as document from './document.ts';
import type { Finding } from './finding.ts';

export type CodecName = z.infer<typeof document.CodecName>;
export type ColumnPlan = Readonly<z.infer<typeof document.ColumnPlan>>;
export type KeyPlan = Readonly<z.infer<typeof document.KeyPlan>>;
export type IndexPlan = Readonly<z.infer<typeof document.IndexPlan>>;
export type ExpressionIndexPlan = Readonly<z.infer<typeof document.ExpressionIndexPlan>>;
export type GeneratedPlan = Readonly<z.infer<typeof document.GeneratedPlan>>;
export type CheckPlan = Readonly<z.infer<typeof document.CheckPlan>>;
export type ViewPlan = Readonly<z.infer<typeof document.ViewPlan>>;
export type ForeignKeyPlan = Readonly<z.infer<typeof document.ForeignKeyPlan>>;
export type PartitionPlan = Readonly<z.infer<typeof document.PartitionPlan>>;
export type TablePlan = Readonly<z.infer<typeof document.TablePlan>>;
export type Plan = Readonly<z.infer<typeof document.Plan>>;

/** A plan, and what there is to say of it. */
export type Decision = { readonly plan: Plan; readonly findings: Finding[] };

export const HIDDEN_ROWID = '_attacca_rowid';

/** The type that a parameter for this column is cast to: without length or precision, which a cast would cut to in silence. */
export const parameterType = ({ own, type }: Pick<ColumnPlan, 'own' | 'type'>): string => own?.type ?? type;

/** The table in SQL. */
export const tableName = ({ schema }: Pick<Plan, 'schema'>, { target }: Pick<TablePlan, 'target'>): string =>
  `${quote(schema)}.${quote(target)}`;

/** Schema and names of the tables in Postgres: the parameters with which its catalog is asked about them. */
export const targetsOf = ({ schema, tables }: Plan): [schema: string, names: string[]] => [schema, tables.map(({ target }) => target)];

/** Column plans of the key, in key order. */
export const keyColumns = (table: TablePlan): ColumnPlan[] => table.key.columns.map(index => at(table.columns, index));

/** What of a row's values is its key, in key order. */
export const keyOf = <T>({ key }: TablePlan, values: readonly T[]): T[] => key.columns.map(index => at(values, index));

/** `list[index]`, for an index that the plan guarantees. Throws RangeError instead of handing on undefined. */
export function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new RangeError(`index ${index} is outside a list of ${list.length}`);
  return item;
}
