import type { Rows, Slice } from '../../src/change/change.ts';
import { at, type Plan } from '../../src/plan/plan.ts';

/** A target in memory: it does what the Postgres sink does with a batch. */
export function model(plan: Plan) {
  const tables = new Map(plan.tables.map(table => [table.id, new Map<string, string>()]));
  return {
    apply(rows: Rows): void {
      const slices = [...(rows.slices() as Iterable<Slice>)];
      for (const id of rows.replaced) tables.get(id)!.clear();
      for (const { table, gone, misfits } of slices) {
        for (const key of gone) tables.get(table)!.delete(JSON.stringify(key));
        for (const { target } of misfits) if (target !== undefined) tables.get(table)!.delete(JSON.stringify(target));
      }
      for (const { table, rows } of slices) {
        const { key } = plan.tables.find(({ id }) => id === table)!;
        for (const row of rows) tables.get(table)!.set(JSON.stringify(key.columns.map(index => at(row, index))), JSON.stringify(row));
      }
    },
    rows: (table: number): string[] => [...tables.get(table)!.values()].sort(),
  };
}
