/*
 * Shapes of a schema with which capture could miss a change: findings that block an installation.
 */
import { quote } from '../../change/quote.ts';
import { type Code, finding } from '../../plan/codes.ts';
import type { Finding } from '../../plan/finding.ts';
import { rowidAlias } from '../../plan/objects/key.ts';
import type { SourceColumn, SourceForeignKey, SourceIndex, SourceObject, SourceSchema, SourceTable } from '../../plan/schema.ts';
import { isWord, tokenize } from '../schema/tokens.ts';
import { canFail, columnsIn, generatedColumns } from './collisions.ts';
import { comparesAlike } from './comparisons.ts';

const BUILT_IN = new Set(['BINARY', 'NOCASE', 'RTRIM']);
/** Functions that give the same result twice within one statement; any other may not. */
const STEADY =
  /^(abs|cast|coalesce|char|date|datetime|hex|ifnull|julianday|length|lower|printf|replace|round|strftime|substr|time|trim|unixepoch|upper)$/;
const COMPARISON = /[=<>]|\b(is|in|between|like|glob|case|regexp|match|isnull|notnull|not)\b/i;

/** Findings on everything that keeps capture from marking every change [G1]. Empty: nothing stands in the way. */
export function captureHazards(schema: SourceSchema): Finding[] {
  const indexes = schema.tables.flatMap(table =>
    table.indexes.filter(index => index.unique).flatMap(index => indexHazards(table, index, generatedColumns(table, schema))),
  );
  const parents = schema.tables.flatMap(table => table.foreignKeys.filter(key => mismatched(key, schema)).map(key => mismatch(table, key)));
  const own = schema.tables.filter(table => table.foreignKeys.some(key => nullsItself(key, table))).map(selfReference);
  return [...indexes, ...parents, ...own, ...schema.objects.filter(object => ignoresRows(object, schema)).map(ignoringTrigger)];
}

function indexHazards(table: SourceTable, index: SourceIndex, generated: ReadonlyMap<string, string>): Finding[] {
  const involved = (sql: string): SourceColumn[] => columnsIn(sql, table, generated);
  const plain = index.terms.flatMap(term => (term.column === null || generated.has(term.column) ? [] : involved(quote(term.column))));
  // Values of a generated column are seen by its expression, those of an expression by itself.
  const expressions = index.terms.flatMap(term => term.expression ?? generated.get(term.column ?? '') ?? []);
  const inside = involved(expressions.join(' '));
  const found: Finding[] = [];
  const add = (code: Code, message: string): void =>
    void found.push(finding(code, { table: table.name, message: `Unique index ${quote(index.name)}: ${message}` }));
  if (index.terms.some(term => !BUILT_IN.has(term.collation)))
    add('unique-collation', "it uses an application's own collation, which attacca cannot follow.");
  if (!simpleKey(index, table) && [...plain, ...inside].some(column => volatile(column.default)))
    add('volatile-unique-default', 'a default in it gives another value each time it is asked.');
  if (inside.some(({ name }) => name === rowidAlias(table)?.name))
    add('unique-expression-over-id', 'its expression uses an id that SQLite assigns after triggers ran.');
  if (index.terms.some(term => term.expression !== null && involved(term.expression).some(column => column.generated)))
    add('unique-expression-over-generated', 'its expression uses a generated column.');
  if (inside.some(column => column.notNull && !sameWhenStored(column)))
    add('unique-expression-over-default', 'its expression uses a NOT NULL column whose default changes when stored.');
  if (expressions.some(sql => COMPARISON.test(sql)) && inside.some(column => column.affinity !== 'blob'))
    add('unique-expression-comparison', 'its expression compares values, which triggers do by other rules.');
  if (index.where !== null && expressions.some(canFail) && !comparesAlike(index.where, table))
    add(
      'unique-partial-comparison',
      'its WHERE compares values, which triggers do by other rules, and its expression fails for some of those that it leaves out.',
    );
  if (expressions.some(canFail))
    add(
      'unique-expression-fails',
      'its expression fails for some values (malformed JSON), and capture asks it first: INSERT OR IGNORE of such a row that also breaks another constraint becomes an error.',
    );
  return found;
}

/** A key whose collisions are exactly its equal bytes: it needs no look at NEW before the row is there. */
const simpleKey = (index: SourceIndex, table: SourceTable): boolean =>
  index.origin === 'pk' &&
  index.terms.every(
    term => term.collation === 'BINARY' && table.columns.some(({ name, affinity }) => name === term.column && affinity !== 'blob'),
  );

/** CURRENT_TIMESTAMP and its like stand still within a statement; random() does not. */
function volatile(sql: string | null): boolean {
  const tokens = tokenize(sql ?? '').filter(token => token.kind !== 'blank');
  return tokens.some((token, index) => token.kind === 'word' && tokens[index + 1]?.text === '(' && !STEADY.test(token.text.toLowerCase()));
}

/** Whether the default, put in place of NULL inside an expression, is what SQLite would store. */
function sameWhenStored({ default: sql, affinity, collation }: SourceColumn): boolean {
  if (sql === null) return true;
  if (collation !== 'BINARY') return false;
  if (affinity === 'blob') return true;
  if (affinity === 'text') return /^'.*'$/s.test(sql);
  return affinity === 'real' ? /^[-+]?\d+\.\d+$/.test(sql) : /^[-+]?\d{1,18}$/.test(sql);
}

/** A foreign key without a unique key to point at. SQLite notices only in some statements; with triggers in more of them. */
function mismatched({ parent, parentColumns }: SourceForeignKey, schema: SourceSchema): boolean {
  const lower = (names: readonly string[]): string =>
    names
      .map(name => name.toLowerCase())
      .sort()
      .join('\0');
  const table = schema.tables.find(({ name }) => name.toLowerCase() === parent.toLowerCase());
  if (table === undefined) return false;
  const alias = rowidAlias(table)?.name;
  const keys = table.indexes.filter(index => index.unique && index.where === null && comparesAsColumns(index, table));
  if (parentColumns.length === 0) return alias === undefined && !keys.some(({ origin }) => origin === 'pk');
  return ![alias === undefined ? [] : [alias], ...keys.map(({ terms }) => terms.map(({ column }) => column ?? ''))].some(
    names => lower(names) === lower(parentColumns),
  );
}

/** A parent key must have the collations of its columns. */
const comparesAsColumns = ({ terms }: SourceIndex, { columns }: SourceTable): boolean =>
  terms.every(term => columns.some(column => column.name === term.column && column.collation === term.collation));

const mismatch = (table: SourceTable, { parent }: SourceForeignKey): Finding =>
  finding('foreign-key-mismatch', {
    table: table.name,
    message: `A foreign key points at ${quote(parent)}, which has no unique key to match: with foreign keys switched on, inserts there fail once triggers exist.`,
  });

/** Without UPDATE triggers SQLite takes another way there, and lets orphans in. */
const nullsItself = ({ parent, onDelete }: SourceForeignKey, { name }: SourceTable): boolean =>
  parent.toLowerCase() === name.toLowerCase() && onDelete === 'SET NULL';

const selfReference = ({ name }: SourceTable): Finding =>
  finding('replace-self-reference', {
    table: name,
    message:
      'A foreign key of the table points at itself, ON DELETE SET NULL: with foreign keys switched on, SQLite refuses an INSERT OR REPLACE that leaves an orphan as soon as there is any UPDATE trigger, and lets it in before.',
  });

/** An AFTER trigger on a table with RAISE(IGNORE): triggers that were to run after it are skipped, ours too. */
function ignoresRows({ type, table, sql }: SourceObject, schema: SourceSchema): boolean {
  if (type !== 'trigger' || !schema.tables.some(({ name }) => name === table)) return false;
  const tokens = tokenize(sql ?? '').filter(token => token.kind !== 'blank');
  return firesAfter(sql ?? '') && tokens.some((token, index) => isWord(token, 'raise') && isWord(tokens[index + 2], 'ignore'));
}

/** Whether this is the text of an AFTER trigger. */
export function firesAfter(sql: string): boolean {
  const tokens = tokenize(sql);
  const begin = tokens.findIndex(token => isWord(token, 'begin'));
  return tokens.slice(0, begin).some(token => isWord(token, 'after'));
}

const ignoringTrigger = ({ name, table }: SourceObject): Finding =>
  finding('raise-ignore', {
    table,
    message: `Trigger ${quote(name)} uses RAISE(IGNORE) after the change: capture triggers behind it would not run.`,
  });
