import type { PgRow, Rows, Slice } from '../../src/change/change.ts';
import { keyName, nullNames } from '../../src/plan/codec.ts';
import { at, type Plan, type TablePlan } from '../../src/plan/plan.ts';

/** A target in memory: it does what the Postgres sink does with a batch. */
export function model(plan: Plan) {
  const tables = new Map(
    plan.tables.map(table => [table.id, { plan: table, rows: new Map<string, PgRow>(), quarantine: new Set<string>() }]),
  );
  const keyOf = (table: TablePlan, row: PgRow) => table.key.columns.map(index => at(row, index));
  return {
    apply(rows: Rows): void {
      const slices = [...(rows.slices() as Iterable<Slice>)];
      for (const id of rows.replaced) {
        tables.get(id)!.rows.clear();
        tables.get(id)!.quarantine.clear();
      }
      for (const { table, gone, misfits } of slices) {
        const absences = [...gone, ...misfits.flatMap(({ target }) => (target === undefined ? [] : [target]))];
        for (const key of absences) tables.get(table)!.rows.delete(JSON.stringify(key));
      }
      for (const { table: id, rows, gone, misfits, vanished = [] } of slices) {
        const table = tables.get(id)!;
        for (const row of rows) table.rows.set(JSON.stringify(keyOf(table.plan, row)), row);
        const settled = [...gone, ...rows.map(row => keyOf(table.plan, row))].map(key => keyName(table.plan, key));
        for (const name of [...settled, ...vanished]) table.quarantine.delete(name);
        const nulls = vanished.flatMap(name => nullNames(name) ?? []);
        for (const name of table.quarantine) if (nulls.some(start => name.startsWith(start))) table.quarantine.delete(name);
        for (const { key } of misfits) table.quarantine.add(key);
      }
    },
    texts: (table: number): PgRow[] => [...tables.get(table)!.rows.values()],
    rows: (table: number): string[] => [...tables.get(table)!.rows.values()].map(row => JSON.stringify(row)).sort(),
    quarantined: (table: number): string[] => [...tables.get(table)!.quarantine].sort(),
  };
}
