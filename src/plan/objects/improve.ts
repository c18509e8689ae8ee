/*
 * Indexes that SQLite does not have and Postgres would like: only those that the plan file asks for.
 */
import { quote } from '../../change/quote.ts';
import type { Names } from '../names.ts';
import type { ExpressionIndexPlan, TablePlan } from '../plan.ts';

/** GIN on columns that are marked so, and with `foreignKeyIndexes` one for each foreign key that no index begins with. */
export function improvements(table: TablePlan, foreignKeyIndexes: boolean, free: Names): ExpressionIndexPlan[] {
  const index = (wanted: string, terms: string[]) => ({ name: free.take(wanted), source: '', unique: false, terms, where: null });
  const gin = table.columns
    .filter(column => column.gin)
    .map(({ target }): ExpressionIndexPlan => ({ ...index(`${table.target}_${target}_gin`, [quote(target)]), using: 'gin' }));
  const keys = foreignKeyIndexes ? table.foreignKeys.filter(({ columns }) => !isIndexed(table, columns)) : [];
  const lists = new Map(keys.map(({ columns }) => [columns.join(), columns]));
  const plain = [...lists.values()].map(columns => {
    const targets = columns.flatMap(place => table.columns[place]?.target ?? []);
    return index(`${table.target}_${targets.join('_')}_idx`, targets.map(quote));
  });
  return [...gin, ...plain];
}

/** Whether some index begins with these columns, in whatever order. */
function isIndexed({ key, indexes }: TablePlan, columns: readonly number[]): boolean {
  const lists = [
    key.columns,
    ...indexes.filter(({ terms }) => terms.every(({ fold }) => !fold)).map(({ terms }) => terms.map(({ column }) => column)),
  ];
  return lists.some(list => columns.every(column => list.slice(0, columns.length).includes(column)));
}
