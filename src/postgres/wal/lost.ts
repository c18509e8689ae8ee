/* What only Postgres had when SQLite was opened without it: read from the slot, and kept in attacca.lost_change. */
import type { RowChange } from '../../change/change.ts';
import { template } from '../../change/template.ts';
import { at, type Plan } from '../../plan/plan.ts';
import { type Session, transaction } from '../session/open.ts';

/** How many changes of each kind, by table. */
export type Lost = Readonly<Record<string, Readonly<Partial<Record<RowChange['op'], number>>>>>;

const FORGET = /* sql */ `delete from attacca.lost_change where epoch = $1`;
const KEEP = /* sql */ `
  insert into attacca.lost_change (epoch, table_name, op, key, "row")
  select $1, * from unnest($2::text[], $3::text[], $4::json[], $5::json[])`;
const AT_ONCE = 500;

type Line = readonly [table: string, op: string, key: string | null, row: string | null];

/** Keeps `changes`, all or none, in place of what an attempt before has kept for this epoch. */
export async function keepLost(session: Session, plan: Plan, epoch: bigint, changes: AsyncIterable<RowChange>): Promise<Lost> {
  const lost = new Map<string, Partial<Record<RowChange['op'], number>>>();
  await session.query(template('postgres/lost.sql', {}));
  await transaction(session, null, async () => {
    await session.query(FORGET, [epoch]);
    let lines: Line[] = [];
    const flush = async (): Promise<void> => {
      await session.query(KEEP, [epoch, ...[0, 1, 2, 3].map(column => lines.map(line => line[column]))]);
      lines = [];
    };
    for await (const change of changes) {
      for (const line of linesOf(plan, change)) {
        lines.push(line);
        const [table] = line;
        const counts = lost.get(table);
        lost.set(table, { ...counts, [change.op]: (counts?.[change.op] ?? 0) + 1 });
      }
      if (lines.length >= AT_ONCE) await flush();
    }
    await flush();
  });
  return Object.fromEntries(lost);
}

function linesOf(plan: Plan, change: RowChange): Line[] {
  if (change.op === 'truncate')
    return plan.tables.filter(({ id }) => change.tables.includes(id)).map(({ target }) => [target, change.op, null, null]);
  const table = plan.tables.find(({ id }) => id === change.table);
  if (table === undefined) return [];
  const named = (columns: readonly number[], values: readonly (string | null | undefined)[]): string =>
    JSON.stringify(Object.fromEntries(columns.map((column, index) => [at(table.columns, column).target, values[index]])));
  const key = change.op === 'insert' ? null : named(table.key.columns, change.key);
  const row = change.op === 'delete' ? null : named([...table.columns.keys()], change.row);
  return [[table.target, change.op, key, row]];
}
