import { createHash } from 'node:crypto';
import { isLeftOut } from './left-out.ts';
import type { Plan } from './plan.ts';
import type { SourceSchema, SourceTable } from './schema.ts';

/** Moves with everything of a table that a plan or its capture depends on: columns, key, indexes, foreign keys, triggers. */
export function fingerprint(schema: SourceSchema, table: SourceTable): string {
  const triggers = schema.objects.filter(object => object.type === 'trigger' && object.table === table.name).map(({ sql }) => sql);
  const generated = table.columns.some(column => column.generated) ? schema.objects.find(({ name }) => name === table.name)?.sql : null;
  return createHash('sha256')
    .update(JSON.stringify([table, triggers, generated]))
    .digest('hex');
}

/** Moves with every structure that a table of the plan had when it was last followed. */
export const edition = ({ tables }: Plan): string =>
  createHash('sha256')
    .update(JSON.stringify(tables.map(({ id, source }) => [id, source])))
    .digest('hex');

/** Names of tables that are not as the plan has them: changed, gone, or new. Empty: the plan fits the file. */
export function drift(plan: Plan, schema: SourceSchema): string[] {
  const known = new Map([...plan.tables, ...(plan.unplanned ?? [])].map(({ name, source }) => [name, source]));
  const there = new Set(schema.tables.map(({ name }) => name));
  const gone = plan.tables.filter(({ name }) => !there.has(name)).map(({ name }) => name);
  const moved = schema.tables.filter(table => {
    const planned = known.get(table.name);
    if (planned !== undefined) return planned !== fingerprint(schema, table);
    return !known.has(table.name) && !isLeftOut(table.name, plan.excluded);
  });
  return [...gone, ...moved.map(({ name }) => name)];
}
