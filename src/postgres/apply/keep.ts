/*
 * Columns that SQLite does not have: a table of the application may have some, and a bulk write, which deletes every touched row
 * and copies it anew, must not lose what they hold. It is set aside before, and put back behind.
 */
import { quote } from '../../change/quote.ts';
import { keyColumns, type TablePlan } from '../../plan/plan.ts';
import type { Session } from '../session/open.ts';
import type { Table } from './writes.ts';

const nameOf = ({ id }: TablePlan): string => `attacca_kept_${id}`;

/** What is set aside in the open transaction, by TablePlan.id. */
export type Kept = Set<number>;

/** Sets aside what all rows hold. */
export const keepAll = (session: Session, table: Table, kept: Kept): Promise<void> => keep(session, table, kept, `${table.name} t`, []);

/** Sets aside what the rows with these keys hold; `keys`: one array for each column of the key, as `deletion` takes them. */
export const keepKeys = (session: Session, table: Table, kept: Kept, keys: readonly unknown[]): Promise<void> =>
  keep(session, table, kept, `${table.name} t, ${table.keys} where ${table.same}`, keys);

async function keep(session: Session, { plan, name }: Table, kept: Kept, from: string, values: readonly unknown[]): Promise<void> {
  const { extras = [] } = plan;
  if (extras.length === 0) return;
  const list = [...keyColumns(plan).map(({ target }) => target), ...extras].map(column => `t.${quote(column)}`).join(', ');
  if (!kept.has(plan.id))
    await session.query(`create temporary table ${nameOf(plan)} on commit drop as select ${list} from ${name} t with no data`);
  kept.add(plan.id);
  await session.query(`insert into ${nameOf(plan)} select ${list} from ${from}`, values);
}

/** Puts back what was set aside, into the rows that are there again. */
export async function restore(session: Session, { plan, name }: Table, kept: Kept): Promise<void> {
  if (!kept.delete(plan.id)) return;
  const set = (plan.extras ?? []).map(column => `${quote(column)} = k.${quote(column)}`).join(', ');
  const same = keyColumns(plan).map(({ target }) => `t.${quote(target)} = k.${quote(target)}`);
  await session.query(`update ${name} t set ${set} from ${nameOf(plan)} k where ${same.join(' and ')}`);
}
