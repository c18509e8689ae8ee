import { quote } from '../../change/quote.ts';
import type { Code } from '../codes.ts';
import type { Expression } from '../expression/ast.ts';
import { parseExpressionText } from '../expression/parse.ts';
import { attempt } from '../expression/refusal.ts';
import { type TableContext, translateExpression, type Untranslated } from '../expression/translation.ts';
import type { Names } from '../names.ts';
import type { ExpressionIndexPlan, TablePlan } from '../plan.ts';
import type { SourceIndex, SourceIndexTerm, SourceTable } from '../schema.ts';
import type { Expressing } from './express.ts';
import { settle } from './express.ts';
import { isForeign } from './indexes.ts';
import { ACROSS, spansPartitions } from './partition.ts';

type Target = { readonly table: TablePlan; readonly source: SourceTable; readonly context: TableContext; readonly free: Names };

/** Indexes with a predicate, an expression or a generated column; a finding for each that has no translation. */
export function expressIndexes({ table, source, context, free }: Target, on: Expressing): ExpressionIndexPlan[] {
  const stored = new Set(table.columns.map(({ name }) => name));
  const ours = source.indexes.filter(
    ({ where, terms }) =>
      where !== null || terms.some(term => term.column === null || !stored.has(term.column) || isForeign(term, table.columns)),
  );
  return ours.flatMap((index): ExpressionIndexPlan[] => {
    const code = codeOf(index, table);
    const what = `${index.unique ? 'Unique index' : 'Index'} ${quote(index.name)}`;
    if (spansPartitions(index, table)) {
      settle({ reason: ACROSS }, code, what, table.name, on);
      return [];
    }
    const terms = index.terms.map(term => settle(termSql(term, index, context), code, what, table.name, on));
    if (terms.includes(undefined)) return [];
    const where =
      index.where === null
        ? null
        : settle(translateExpression(index.where, context, { kind: 'condition', unique: index.unique }), code, what, table.name, on);
    if (where === undefined) return [];
    const sqls = terms.map((term, place) => `${term?.sql}${index.terms[place]?.descending ? ' desc' : ''}`);
    return [{ name: free.take(index.name), source: index.name, unique: index.unique, terms: sqls, where: where?.sql ?? null }];
  });
}

function codeOf({ where, terms }: SourceIndex, { columns }: TablePlan): Code {
  if (where !== null) return 'index-partial';
  if (terms.some(({ column }) => column === null)) return 'index-expression';
  return terms.some(term => isForeign(term, columns)) ? 'index-collation' : 'index-generated';
}

function termSql(term: SourceIndexTerm, index: SourceIndex, context: TableContext): ReturnType<typeof translateExpression> | Untranslated {
  const parsed: Expression | Untranslated =
    term.column !== null
      ? { kind: 'column', table: null, name: term.column, doubtful: false }
      : attempt(() => parseExpressionText(term.expression ?? ''));
  if ('reason' in parsed) return parsed;
  const collated: Expression = { kind: 'collate', operand: parsed, collation: term.collation };
  return translateExpression(collated, context, { kind: 'term', unique: index.unique });
}
