/*
 * What the tables' structure does not show: views, triggers, virtual tables, and clauses that only the stored SQL has.
 */
import { quote } from '../../change/quote.ts';
import { finding } from '../codes.ts';
import type { Finding } from '../finding.ts';
import type { SourceObject, SourceSchema } from '../schema.ts';

/** One finding for each object, or kind of clause, that does not cross. `tables`: names of the tables not excluded. */
export function inventory(schema: SourceSchema, tables: ReadonlySet<string>): Finding[] {
  return schema.objects.flatMap(object => {
    if (object.type === 'view') return [left('view', object, 'View')];
    if (object.type === 'trigger')
      return tables.has(object.table) || isView(schema, object.table) ? [left('trigger', object, 'Trigger')] : [];
    if (object.kind === 'virtual') return []; // express-search.ts's
    return object.kind === 'base' && tables.has(object.name) ? clauses(object) : [];
  });
}

const left = (code: 'view' | 'trigger', object: SourceObject, what: string): Finding =>
  finding(code, { table: object.table, message: `${what} ${quote(object.name)} is not created in Postgres.` });

const isView = (schema: SourceSchema, name: string): boolean =>
  schema.objects.some(object => object.type === 'view' && object.name === name);

function clauses({ name: table, sql }: SourceObject): Finding[] {
  const bare = withoutTexts(sql ?? '');
  const count = (pattern: RegExp): number => [...bare.matchAll(pattern)].length;
  const checks = count(/\bcheck\s*\(/gi);
  const conflicts = count(/\bon\s+conflict\s+(?:rollback|fail|ignore|replace)\b/gi);
  const deferred = count(/\binitially\s+deferred\b/gi);
  return [
    checks > 0 ? [finding('check', { table, message: `${checks} CHECK constraints are not created in Postgres.`, count: checks })] : [],
    conflicts > 0
      ? [
          finding('conflict-clause', {
            table,
            message: `${conflicts} ON CONFLICT clauses have no counterpart in Postgres.`,
            count: conflicts,
          }),
        ]
      : [],
    deferred > 0
      ? [
          finding('foreign-key-deferred', {
            table,
            message: `${deferred} deferred foreign keys are checked at once in Postgres.`,
            count: deferred,
          }),
        ]
      : [],
  ].flat();
}

/** SQL without comments, strings and quoted names, in which words would mean nothing. */
const withoutTexts = (sql: string): string =>
  sql.replaceAll(/--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]/g, ' _ ');
