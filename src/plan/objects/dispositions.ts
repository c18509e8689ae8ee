import { quote } from '../../change/quote.ts';
import type { Finding } from '../finding.ts';
import { keyColumns, type Plan, type TablePlan } from '../plan.ts';
import type { SourceIndex, SourceObject, SourceSchema } from '../schema.ts';
import { isKey, planTerms } from './indexes.ts';
import { ownKey } from './partition.ts';

export type Disposition = { readonly type: SourceObject['type']; readonly name: string; readonly disposition: string };

/** What becomes of every object of the file, in its own order. `findings`: those of the decision that made the plan. */
export function dispositions(schema: SourceSchema, plan: Plan, findings: readonly Finding[]): Disposition[] {
  return schema.objects.map(object => ({
    type: object.type,
    name: object.name,
    disposition: dispositionOf(object, { schema, plan, findings }),
  }));
}

type Context = { readonly schema: SourceSchema; readonly plan: Plan; readonly findings: readonly Finding[] };

function dispositionOf(object: SourceObject, context: Context): string {
  const table = context.plan.tables.find(({ name }) => name === object.table);
  if (context.plan.existing && (object.type === 'index' || object.type === 'view')) return THEIRS;
  if (object.type === 'index') return ofIndex(object, table, context);
  if (object.type === 'table') return ofTable(object, table, context);
  const view = object.type === 'view' ? context.plan.views?.find(({ name }) => name === object.name) : undefined;
  if (view !== undefined) return `view ${quote(context.plan.schema)}.${quote(view.target)}`;
  return told(object, context) ?? `left out with table ${quote(object.table)}`;
}

const THEIRS = 'the application’s own migrations decide what of it there is in Postgres';

function ofTable(object: SourceObject, table: TablePlan | undefined, context: Context): string {
  if (table !== undefined) {
    const key =
      table.key.kind === 'hidden'
        ? 'the hidden rowid'
        : keyColumns(table)
            .map(column => quote(column.target))
            .join(', ');
    return `table ${quote(context.plan.schema)}.${quote(table.target)}, key ${key}`;
  }
  if (object.name === 'sqlite_sequence') return 'its next values become those of the identity columns';
  if (object.name.startsWith('sqlite_')) return "SQLite's own; Postgres keeps such data itself";
  if (object.kind === 'shadow') return 'storage of a virtual table: left out with it';
  const refusal = context.findings.find(({ level, table: name }) => level === 'blocking' && name === object.name);
  return told(object, context) ?? refusal?.message ?? 'excluded by the plan';
}

function ofIndex(object: SourceObject, table: TablePlan | undefined, context: Context): string {
  const source = context.schema.tables.find(({ name }) => name === object.table);
  const index = source?.indexes.find(({ name }) => name === object.name);
  if (table === undefined || index === undefined) return `left out with table ${quote(object.table)}`;
  const special = table.expressionIndexes?.find(({ source }) => source === index.name);
  if (special !== undefined) return `index ${quote(special.name)}`;
  const terms = index.where === null ? planTerms(index, table.columns) : undefined;
  if (terms !== undefined && isKey(index, terms, ownKey(table))) return `the key of ${quote(table.target)}`;
  const target = table.indexes.find(candidate => isSame(candidate, index, terms));
  return target === undefined ? (told(object, context) ?? 'left out') : `index ${quote(target.name)}`;
}

const isSame = (candidate: TablePlan['indexes'][number], index: SourceIndex, terms: ReturnType<typeof planTerms>): boolean =>
  candidate.unique === index.unique && JSON.stringify(candidate.terms) === JSON.stringify(terms);

/** The finding that names the object. */
const told = ({ name, table }: SourceObject, { findings }: Context): string | undefined =>
  findings.find(found => found.table === table && NAMING.test(found.code) && found.message.includes(quote(name)))?.message;

const NAMING = /^(?:index-|target-refuses$|view$|trigger$|virtual-table$|full-text$|excluded$|litestream$)/;
