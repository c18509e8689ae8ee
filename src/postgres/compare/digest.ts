import type { PgKey } from '../../change/change.ts';
import type { Stretch } from '../../change/ports.ts';
import { quote } from '../../change/quote.ts';
import { digestSql, formsOf } from '../../plan/in-sql/digest.ts';
import { at, type ColumnPlan, keyColumns, type Plan, parameterType, type TablePlan, tableName } from '../../plan/plan.ts';
import { arrays, hasKey, keyNames } from '../apply/writes.ts';
import type { Session } from '../session/open.ts';

/** SHA-256, in hex, over the rows that `keys` means, in their order; the same as SQLite's exactly if all of them are equal. */
export async function digest(session: Session, plan: Plan, table: TablePlan, keys: Stretch['keys']): Promise<string> {
  const { from, order, parameters } = 'after' in keys ? range(plan, table, keys) : named(plan, table, keys);
  const names = table.columns.map(
    ({ own, type, target }, index) => `t.${quote(target)}${own === undefined ? '' : `::${type}`} as c${index}`,
  );
  const columns = formsOf(table.columns).map((form, index) => form.postgres(`c${index}`));
  const text = /* sql */ `
    select ${digestSql(columns)} as digest
    from (select ${names.join(', ')} from ${from} order by ${order}) rows`;
  const { rows } = await session.query({ text, slow: true }, parameters);
  return rows[0]?.digest ?? '';
}

type Rows = { readonly from: string; readonly order: string; readonly parameters: readonly unknown[] };

function range(plan: Plan, table: TablePlan, { after, upTo }: { readonly after: PgKey | null; readonly upTo: PgKey | null }): Rows {
  const key = keyColumns(table);
  const names = key.map(({ target }) => `t.${quote(target)}`).join(', ');
  const bound = (than: string, first: number): string => `(${names}) ${than} (${casts(key, first)})`;
  const bounds = [...(after === null ? [] : [bound('>', 1)]), ...(upTo === null ? [] : [bound('<=', after === null ? 1 : key.length + 1)])];
  const where = bounds.length === 0 ? '' : `where ${bounds.join(' and ')}`;
  return { from: `${tableName(plan, table)} t ${where}`, order: names, parameters: [...(after ?? []), ...(upTo ?? [])] };
}

const casts = (key: readonly ColumnPlan[], first: number): string =>
  key.map((column, index) => `$${first + index}::${parameterType(column)}`).join(', ');

function named(plan: Plan, table: TablePlan, keys: readonly PgKey[]): Rows {
  const key = keyColumns(table);
  return {
    from: `unnest(${arrays(key)}) with ordinality as k(${keyNames(key)}, place) join ${tableName(plan, table)} t on ${hasKey(key)}`,
    order: 'k.place',
    parameters: key.map((_, index) => keys.map(each => at(each, index))),
  };
}
