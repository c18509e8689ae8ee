/* The lengths of columns that are the application's own: its migrations may change them at any time, and no row of the stream tells. */
import { type Plan, targetsOf } from '../../plan/plan.ts';
import { storePlan } from '../installed/control.ts';
import { keepObjects, rememberedObjects } from '../installed/objects.ts';
import type { Session } from '../session/open.ts';

type Change = { readonly table: string; readonly column: string; readonly from: string; readonly to: string };
/** The plan with the lengths as they are now. */
export type Lengths = { readonly plan: Plan; readonly changes: readonly Change[] };

/** In the words in which the plan has them. A domain keeps its length for as long as it lives. */
const BASES = /* sql */ `
  select c.relname as "table", a.attname as name, a.atttypid as oid, format_type(a.atttypid, case when a.atttypmod >= 0 then a.atttypmod end) as base
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace join pg_type t on t.oid = a.atttypid
  where n.nspname = $1 and c.relname = any($2) and a.attnum > 0 and not a.attisdropped
    and t.typtype = 'b' and t.typcategory <> 'A' and t.typnamespace = 'pg_catalog'::regnamespace`;

/** undefined where they are as the plan has them, or the tables are not the application's. */
export async function changedLengths(session: Session, plan: Plan): Promise<Lengths | undefined> {
  if (!plan.existing) return undefined;
  const { rows } = await session.query(BASES, targetsOf(plan));
  const bases = new Map(rows.map(({ table, name, oid, base }) => [JSON.stringify([table, name, Number(oid)]), base]));
  const changes: Change[] = [];
  const tables = plan.tables.map(table => ({
    ...table,
    columns: table.columns.map(column => {
      const { own, target } = column;
      const base = bases.get(JSON.stringify([table.target, target, own?.oid]));
      if (own === undefined || base == null || base === own.base) return column;
      changes.push({ table: table.target, column: target, from: own.base, to: base });
      return { ...column, own: { ...own, base }, reason: `${base} in Postgres` };
    }),
  }));
  return changes.length === 0 ? undefined : { plan: { ...plan, tables }, changes };
}

/** From here on they have to be so. Inside a transaction. */
export async function keepLengths(session: Session, { plan, changes }: Lengths): Promise<void> {
  const objects = (await rememberedObjects(session)).flatMap(object => {
    const { from, to } = changes.find(({ table, column }) => object.table === table && object.name === column) ?? {};
    if (object.kind !== 'column' || from === undefined || !object.definition.startsWith(from)) return [];
    return [{ ...object, definition: `${to}${object.definition.slice(from.length)}` }];
  });
  await keepObjects(session, objects);
  await storePlan(session, plan, linesOf(changes));
}

export const linesOf = (changes: readonly Change[]): string[] =>
  changes.map(({ table, column, from, to }) => `${table}.${column}: ${from} → ${to}`);
