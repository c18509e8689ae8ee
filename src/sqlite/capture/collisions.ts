/*
 * Ways in which a new row can collide with another one than by its exact key. REPLACE removes the row in the way without
 * firing a DELETE trigger, so each way becomes a pair of BEFORE triggers (evict-*.sql).
 *
 * (1) Predicates come from the index itself: its collation, its expressions, as written. Its WHERE is asked of the row in
 *     the way only: a new row outside a partial index then marks too much, never too little.
 * (2) NULL becomes the column's default after BEFORE triggers ran, where the column is NOT NULL: hence coalesce.
 * (3) NEW.<generated> is never read: in BEFORE UPDATE it is NULL unless the trigger also mentions the base columns.
 *     Expressions are evaluated over `select NEW.a as a, …` instead, generated columns by their own expression.
 * (4) A trigger names only columns of the index: the application may still drop any other.
 */
import { literal, quote } from '../../change/quote.ts';
import { keyColumns, type TablePlan } from '../../plan/plan.ts';
import {
  ROWID_NAMES,
  type SourceColumn,
  type SourceIndex,
  type SourceIndexTerm,
  type SourceSchema,
  type SourceTable,
} from '../../plan/schema.ts';
import { isWord, list, nameOf, namesIn, type Token, textOf, tokenize } from '../schema/tokens.ts';

export type Collision = {
  /** Columns whose change can bring the collision about: those of the index and of its WHERE. */
  readonly columns: readonly string[];
  /** A predicate over the table and NEW: the rows in the way. */
  readonly match: string;
};

/** The ways in which rows of this table can be evicted without their exact key being marked. */
export function collisions(table: TablePlan, source: SourceTable, schema: SourceSchema): Collision[] {
  const generated = generatedColumns(source, schema);
  const found = source.indexes
    .filter(index => index.unique && !coversKey(index, table))
    .map(index => ({ columns: involved(index, source, generated), match: matchOf(index, source, generated) }));
  // The rowid is a UNIQUE key too: `replace into t(rowid, …)`.
  if (table.key.kind === 'declared' && source.rowid !== null) {
    const rowid = quote(source.rowid);
    found.push({ columns: [source.rowid], match: `${rowid} = NEW.${rowid}` });
  }
  return [...new Map(found.map(collision => [collision.match, collision])).values()];
}

/**
 * Whether rows that collide in this index have the very same key, which the AFTER triggers mark. Under NOCASE and RTRIM
 * 'a' and 'A' collide, in a column without a type 1 and 1.0 do.
 */
function coversKey(index: SourceIndex, table: TablePlan): boolean {
  return keyColumns(table).every(column =>
    index.terms.some(term => term.column === column.name && term.collation === 'BINARY' && column.affinity !== 'blob'),
  );
}

/** Generated columns with their expressions, as written. */
export function generatedColumns(source: SourceTable, schema: SourceSchema): ReadonlyMap<string, string> {
  const sql = schema.objects.find(({ type, name }) => type === 'table' && name === source.name)?.sql ?? '';
  const { items } = list(tokenize(sql));
  return new Map(
    source.columns
      .filter(column => column.generated)
      .map(column => {
        const definition = items.find(item => definedName(item) === column.name.toLowerCase()) ?? [];
        const { items: expression } = list(definition.slice(startOfExpression(definition)));
        return [column.name, expression.map(textOf).join(', ')];
      }),
  );
}

function definedName(item: readonly Token[]): string {
  const first = item.find(token => token.kind !== 'blank');
  return first === undefined ? '' : nameOf(first.kind === 'string' ? { kind: 'quoted', text: first.text } : first).toLowerCase();
}

/** Where `as (` stands outside all parentheses. */
function startOfExpression(definition: readonly Token[]): number {
  let depth = 0;
  return definition.findIndex(token => {
    if (token.text === '(') depth++;
    if (token.text === ')') depth--;
    return depth === 0 && isWord(token, 'as');
  });
}

/** Columns that the SQL text names, and those that generated columns among them are made of. */
export function columnsIn(sql: string, source: SourceTable, generated: ReadonlyMap<string, string>): SourceColumn[] {
  const names = new Set(namesIn(sql));
  for (const name of names) {
    const column = source.columns.find(column => column.name.toLowerCase() === name);
    for (const inner of namesIn(generated.get(column?.name ?? '') ?? '')) names.add(inner);
  }
  return source.columns.filter(column => names.has(column.name.toLowerCase()));
}

const sqlOf = (term: SourceIndexTerm): string => term.expression ?? quote(term.column ?? '');

function involved(index: SourceIndex, source: SourceTable, generated: ReadonlyMap<string, string>): string[] {
  const sql = [...index.terms.map(sqlOf), index.where ?? ''].join(' ');
  const columns = columnsIn(sql, source, generated).filter(column => !column.generated);
  return [...columns.map(({ name }) => name), ...rowidIn(sql, source)];
}

/** A WHERE may ask for the rowid; SQLite takes it in no other part of an index. */
function rowidIn(sql: string, { rowid, columns }: SourceTable): string[] {
  const names = namesIn(sql);
  const asked = ROWID_NAMES.filter(name => names.has(name) && !columns.some(column => column.name.toLowerCase() === name));
  return rowid === null || asked.length === 0 ? [] : [rowid];
}

function matchOf(index: SourceIndex, source: SourceTable, generated: ReadonlyMap<string, string>): string {
  const terms = index.terms.map(term => matchTerm(term, index.where, source, generated));
  // WHERE first: what it keeps out of the index may be what an expression of the index cannot take (malformed JSON) [G6].
  return (index.where === null ? terms : [`(${index.where})`, ...terms]).join(' and ');
}

function matchTerm(term: SourceIndexTerm, where: string | null, source: SourceTable, generated: ReadonlyMap<string, string>): string {
  const collation = `collate ${quote(term.collation)}`;
  const column = source.columns.find(({ name }) => name === term.column);
  if (column !== undefined && !column.generated) return `${quote(column.name)} = ${newValue(column)} ${collation}`;
  const value = column === undefined ? `(${sqlOf(term)})` : quote(column.name);
  // Malformed JSON that the index's WHERE keeps out must not make the application's write fail [G6].
  const fails = where !== null && canFail(term.expression ?? generated.get(term.column ?? '') ?? '');
  const from = scope(fails ? `${sqlOf(term)} ${where}` : sqlOf(term), source, generated);
  return `${value} ${collation} in (select ${value} from ${from}${fails ? ` where (${where})` : ''})`;
}

/** Whether the expression is an error for some values: those of malformed JSON, and of the one number whose abs() is none. */
export const canFail = (expression: string): boolean => /json|->|\babs\b/i.test(expression);

/** `NEW.column`, with the default that SQLite puts in place of NULL after BEFORE triggers ran. */
function newValue(column: SourceColumn): string {
  const value = `NEW.${quote(column.name)}`;
  return column.notNull && column.default !== null ? `coalesce(${value}, ${defaultOf(column.default)})` : value;
}

/** SQLite takes a bare or double-quoted word in DEFAULT as a string; elsewhere it would be a column. */
function defaultOf(sql: string): string {
  const [token, ...more] = tokenize(sql);
  if (token === undefined || more.length > 0 || (token.kind !== 'word' && token.kind !== 'quoted')) return `(${sql})`;
  if (isWord(token, 'true') || isWord(token, 'false')) return isWord(token, 'true') ? '1' : '0'; // unknown words before 3.23
  return token.kind === 'word' && /^(null|current_(time|date|timestamp))$/i.test(token.text) ? token.text : literal(nameOf(token));
}

/** A FROM item in which the columns that `sql` names have the values of the new row. */
function scope(sql: string, source: SourceTable, generated: ReadonlyMap<string, string>): string {
  const columns = columnsIn(sql, source, generated);
  const alias = quote(source.name);
  const base = columns.filter(column => !column.generated).map(column => `${newValue(column)} as ${quote(column.name)}`);
  let from = `(select ${['1 as "_attacca_"', ...base].join(', ')}) as ${alias}`;
  const waiting = columns.filter(column => column.generated);
  while (waiting.length > 0) {
    // One whose parts are all there: SQLite allows no cycles.
    const ready = waiting.findIndex(column => {
      const parts = columnsIn(generated.get(column.name) ?? '', source, generated);
      return !waiting.some(other => other !== column && parts.includes(other));
    });
    const [next] = waiting.splice(Math.max(ready, 0), 1);
    if (next !== undefined) from = `(select *, (${generated.get(next.name) ?? 'null'}) as ${quote(next.name)} from ${from}) as ${alias}`;
  }
  return from;
}
