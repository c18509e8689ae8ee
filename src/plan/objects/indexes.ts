/*
 * Translates indexes. What Postgres cannot have in the same meaning is left out with a finding, never bent.
 */
import { quote } from '../../change/quote.ts';
import { type Code, finding } from '../codes.ts';
import type { Finding } from '../finding.ts';
import type { Names } from '../names.ts';
import type { ColumnPlan, IndexPlan, KeyPlan, TablePlan } from '../plan.ts';
import type { SourceIndex, SourceIndexTerm, SourceTable } from '../schema.ts';
import { MOST_COLUMNS, tooWide, type Widths } from '../width.ts';
import { ACROSS, spansPartitions } from './partition.ts';

type Target = {
  readonly table: SourceTable;
  /** The table's name in Postgres. */
  readonly target: string;
  readonly columns: readonly ColumnPlan[];
  readonly key: KeyPlan;
  readonly partition?: TablePlan['partition'] | undefined;
  readonly widths: Widths;
  readonly names: Names;
};

/** The plan's indexes, and a finding for every index of the source that is not among them and not the key. */
export function planIndexes(target: Target): { readonly indexes: IndexPlan[]; readonly findings: Finding[] } {
  const indexes: IndexPlan[] = [];
  const findings: Finding[] = [];
  for (const index of target.table.indexes) {
    const terms = planTerms(index, target.columns);
    const obstacle = obstacleOf(index, terms, target);
    if (obstacle !== undefined) {
      const [code, why] = obstacle;
      const message = `${index.unique ? 'Unique index' : 'Index'} ${quote(index.name)} is not created in Postgres: ${why}.`;
      findings.push(finding(code, { table: target.table.name, message }));
    } else if (terms !== undefined && !isKey(index, terms, target.key)) {
      indexes.push({ name: nameOf(index, target, findings), unique: index.unique, terms });
    }
  }
  return { indexes, findings };
}

type Terms = IndexPlan['terms'];

/** undefined where a term is not a plain column of the plan. */
export function planTerms(index: SourceIndex, columns: readonly ColumnPlan[]): Terms | undefined {
  const terms = index.terms.map(({ column: name, descending, collation }) => {
    const column = columns.findIndex(candidate => candidate.name === name);
    return { column, descending, fold: collation === 'NOCASE' && columns[column]?.type === 'text' };
  });
  return terms.every(term => term.column >= 0) ? terms : undefined;
}

function obstacleOf(index: SourceIndex, terms: Terms | undefined, target: Target): readonly [Code, string] | undefined {
  if (index.where !== null) return ['index-partial', `it holds only rows where ${index.where}`];
  const expression = index.terms.find(term => term.expression !== null)?.expression;
  if (expression !== undefined) return ['index-expression', `it holds the expression ${expression}`];
  if (terms === undefined) return ['index-generated', 'it holds a generated column'];
  const collation = index.terms.find(term => isForeign(term, target.columns))?.collation;
  if (collation !== undefined) return ['index-collation', `Postgres has no collation like ${collation}`];
  if (isKey(index, terms, target.key)) return undefined;
  if (spansPartitions(index, target)) return ['index-partitioned', ACROSS];
  if (repeatsKey(index, terms, target.key)) return ['index-redundant', 'the key covers it'];
  const wide = tooWide(
    index.terms.flatMap(term => term.column ?? []),
    target.widths,
  );
  if (terms.length > MOST_COLUMNS) return ['index-too-wide', `it has ${terms.length} columns, and an index there at most ${MOST_COLUMNS}`];
  return wide ? ['index-too-wide', 'it holds values that are too long for an index there'] : undefined;
}

/** A collation that plain terms cannot have. Collations matter for text only. */
export const isForeign = ({ column, collation }: SourceIndexTerm, columns: readonly ColumnPlan[]): boolean =>
  collation !== 'BINARY' && collation !== 'NOCASE' && columns.some(({ name, type }) => name === column && type === 'text');

/** Whether the index says what the Postgres key says already: the same columns, unique, compared exactly. */
export function isKey(index: SourceIndex, terms: Terms, key: KeyPlan): boolean {
  const same = terms.length === key.columns.length && terms.every(term => key.columns.includes(term.column));
  return same && index.unique && index.where === null && terms.every(term => !term.fold) && index.origin !== 'c';
}

const repeatsKey = (index: SourceIndex, terms: Terms, key: KeyPlan): boolean =>
  index.origin === 'c' &&
  terms.length === key.columns.length &&
  terms.every((term, place) => term.column === key.columns[place] && !term.fold);

/** SQLite gives the indexes of constraints names that mean nothing elsewhere; Postgres's own habit is table_columns_key. */
function nameOf(index: SourceIndex, { table, target, names }: Target, findings: Finding[]): string {
  const columns = index.terms.map(term => term.column).join('_');
  const wanted = index.origin === 'c' ? index.name : `${target}_${columns}_key`;
  const name = names.take(wanted);
  if (name !== wanted && index.origin === 'c') {
    const message = `Index ${quote(index.name)} is called ${quote(name)} in Postgres, where its own name is too long or taken.`;
    findings.push(finding('name-changed', { table: table.name, message }));
  }
  return name;
}
