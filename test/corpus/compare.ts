import type Database from 'better-sqlite3';
import type { Client } from 'pg';
import { heldRows, type PlannedTable, planInForce, sameSpelling } from './held.ts';
import { type Cell, columnsOf, storedRows } from './stored.ts';

export type Comparison = {
  readonly tables: number;
  readonly rows: number;
  readonly differences: number;
  readonly samples: readonly string[];
};

const TABLES = /* sql */ `
  select name from pragma_table_list where schema = 'main' and type = 'table' and name not glob 'sqlite_*' and name not glob '_attacca*' and name not glob '_litestream_*' order by name`;

/** Every row of every table on both sides. Rows have no order here, so a row that differs counts once on each side at most. */
export async function compare(db: Database.Database, client: Client): Promise<Comparison> {
  const plan = await planInForce(client);
  const samples: string[] = [];
  let [rows, differences] = [0, 0];
  const tables = db.prepare<[], string>(TABLES).pluck().all();
  for (const name of tables) {
    const table = plan.tables.find(planned => planned.name === name);
    const lost =
      table === undefined
        ? undefined
        : columnsOf(db, name).find(column => !column.generated && !table.columns.some(({ name }) => name === column.name));
    if (table === undefined || lost !== undefined) {
      const count = Number(
        db
          .prepare(`select count(*) from "${name.replaceAll('"', '""')}"`)
          .pluck()
          .get(),
      );
      differences += Math.max(1, count);
      samples.push(table === undefined ? `${name}: not in the plan` : `${name}.${lost?.name}: not in the plan`);
      continue;
    }
    const found = await compareTable(db, client, plan.schema, table);
    rows += found.rows;
    differences += found.differences;
    if (found.sample !== undefined) samples.push(`${name}: ${found.sample}`);
  }
  return { tables: tables.length, rows, differences, samples };
}

async function compareTable(db: Database.Database, client: Client, schema: string, table: PlannedTable) {
  const columns = table.columns.map(({ name }) => name);
  const here = storedRows(db, table.name, columns);
  const there = await heldRows(client, schema, table);
  for (const [index, { codec }] of table.columns.entries()) if (codec === 'jsonb') await respell(client, here, index);
  const counts = new Map<string, number>();
  for (const line of there.map(lineOf)) counts.set(line, (counts.get(line) ?? 0) + 1);
  const missing = here.map(lineOf).filter(line => {
    const count = counts.get(line) ?? 0;
    if (count > 0) counts.set(line, count - 1);
    return count === 0;
  });
  const extra = [...counts].filter(([, count]) => count > 0).map(([line]) => line);
  const differences = Math.max(missing.length, there.length - here.length + missing.length);
  const sample =
    differences === 0 ? undefined : `${here.length} in SQLite, ${there.length} in Postgres; ${cut(missing[0])} <> ${cut(extra[0])}`;
  return { rows: here.length, differences, sample };
}

async function respell(client: Client, rows: Cell[][], index: number): Promise<void> {
  const cells = await sameSpelling(
    client,
    rows.map(row => row[index] ?? 'n'),
  );
  for (const [at, row] of rows.entries()) row[index] = cells[at] ?? 'n';
}

const lineOf = (row: readonly Cell[]): string => row.join('|');
const cut = (line: string | undefined): string => (line === undefined ? 'nothing' : line.slice(0, 160));
