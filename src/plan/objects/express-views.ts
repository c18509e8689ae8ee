import { quote } from '../../change/quote.ts';
import { finding } from '../codes.ts';
import type { Field, Source } from '../expression/from.ts';
import { typedColumn } from '../expression/scope.ts';
import { translateView } from '../expression/translation.ts';
import type { Names } from '../names.ts';
import { type ColumnPlan, type Plan, type TablePlan, tableName, type ViewPlan } from '../plan.ts';
import type { SourceObject, SourceTable } from '../schema.ts';
import type { Expressing } from './express.ts';
import { generatedColumns } from './generated.ts';

/** Views in an order in which each finds those it reads; a finding for each that has no translation. */
export function expressViews(plan: Plan, free: Names, on: Expressing): ViewPlan[] {
  const tables = new Map(on.schema.tables.map(table => [table.name, table]));
  const sources = new Map(plan.tables.map(table => [table.name.toLowerCase(), sourceOf(plan, table, tables.get(table.name))]));
  const done: ViewPlan[] = [];
  let waiting = on.schema.objects.filter(({ type }) => type === 'view');
  for (let before = -1; before !== waiting.length; ) {
    before = waiting.length;
    waiting = waiting.filter(object => {
      const view = translateView(object.sql ?? '', sources, on.schema.encoding);
      if ('reason' in view) return true;
      for (const name of view.uses) on.uses.add(name);
      const target = free.take(object.name);
      done.push({ name: object.name, target, columns: view.fields.map(({ name }) => name), sql: view.sql });
      sources.set(object.name.toLowerCase(), { sql: `${quote(plan.schema)}.${quote(target)}`, fields: view.fields });
      return false;
    });
  }
  for (const object of waiting) on.findings.push(leftOut(object, translateView(object.sql ?? '', sources, on.schema.encoding)));
  return done;
}

function leftOut({ name, table }: SourceObject, result: object) {
  const reason = 'reason' in result ? `: ${result.reason}` : '';
  return finding('view', { table, message: `View ${quote(name)} is not created in Postgres${reason}.` });
}

/** The table as a view can read it: without the hidden key, which goes at the end. */
function sourceOf(plan: Plan, table: TablePlan, source: SourceTable | undefined): Source {
  const field = (column: Pick<ColumnPlan, 'name' | 'target' | 'type' | 'codec' | 'affinity'>): Field => {
    const collation = source?.columns.find(({ name }) => name === column.name)?.collation ?? 'BINARY';
    return { name: column.name, value: typedColumn(column, quote(column.target), collation) };
  };
  const columns = table.columns.map(field);
  const stored = table.key.kind === 'hidden' ? columns.slice(1) : columns;
  const place = ({ name }: Field): number => source?.columns.findIndex(column => column.name === name) ?? 0;
  const fields = [...stored, ...generatedColumns(table).map(field)].toSorted((a, b) => place(a) - place(b));
  const rowid = table.key.kind === 'rowid' ? columns[table.key.columns[0] ?? 0] : undefined;
  const key = table.key.kind === 'hidden' ? undefined : table.key.columns.flatMap(place => columns[place] ?? []);
  const name = tableName(plan, table);
  const partial = (source?.columns.length ?? 0) > fields.length;
  return { sql: name, fields, ...(partial && { partial }), ...(rowid !== undefined && { rowid }), ...(key !== undefined && { key }) };
}
