/*
 * Capture with one thing left out: each must make a history fail, or nobody would notice if it went.
 */
import { isDeepStrictEqual } from 'node:util';
import { quote } from '../../src/change/quote.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { SourceSchema, SourceTable } from '../../src/plan/schema.ts';
import { createCapture, presentTriggers } from '../../src/sqlite/capture/capture.ts';
import type { Database } from '../../src/sqlite/open.ts';

type Change = (name: string, sql: string) => string | undefined;
type See = (table: SourceTable) => SourceTable;

export type Mutant = {
  /** What is left out. */
  readonly without: string;
  /** Whether this trigger is dropped, or its changed text. */
  readonly trigger?: Change;
  /** What the builder of the triggers is told the table looks like. */
  readonly source?: See;
  readonly plan?: (plan: Plan) => Plan;
};

const dropped =
  (kind: string): Change =>
  (name, sql) =>
    name.startsWith(`_attacca_${kind}_`) ? undefined : sql;
const changed =
  (kind: string, pattern: RegExp, by: string): Change =>
  (name, sql) =>
    name.startsWith(`_attacca_${kind}_`) ? sql.replaceAll(pattern, by) : sql;
const indexes =
  (change: (index: SourceTable['indexes'][number], table: SourceTable) => SourceTable['indexes']): See =>
  table => ({ ...table, indexes: table.indexes.flatMap(index => change(index, table)) });

/** What a mutant's history is without it. */
export const NOTHING: Mutant = { without: 'nothing' };

/** The five kinds of trigger. */
export const KINDS: readonly Mutant[] = [
  { without: 'insert triggers', trigger: dropped('insert') },
  { without: 'update triggers', trigger: dropped('update') },
  { without: 'delete triggers', trigger: dropped('delete') },
  { without: 'eviction triggers before INSERT', trigger: dropped('evict_insert') },
  { without: 'eviction triggers before UPDATE', trigger: dropped('evict_update') },
];

/** The parts of which they are made. */
export const CLAUSES: readonly Mutant[] = [
  { without: 'the OLD mark of an update', trigger: changed('update', / union all select [^\n]* where [^\n]*;/g, ';') },
  { without: 'the NEW mark of an update', trigger: changed('update', / select [^\n]* union all(?= select )/g, '') },
  { without: 'OLD marks where the bytes of a key say nothing about its sameness', trigger: changed('update', / where 1;/g, ' where 0;') },
  { without: 'the comparison by bytes in update triggers', trigger: changed('update', / collate binary/g, '') },
  {
    without: 'the comparison by bytes in eviction triggers',
    trigger: changed('evict_update', /(OLD\.\S+ is not NEW\.\S+) collate binary/g, '$1'),
  },
  {
    without: 'the storage class in eviction triggers',
    trigger: changed('evict_update', / or typeof\(OLD\.\S+ is not typeof\(NEW\.\S+\)/g, ''),
  },
  {
    without: 'the zeros in eviction triggers',
    trigger: changed('evict_update', / or \(NEW\.\S+ = 0 and typeof\(NEW\.\S+\) = 'real'\)/g, ''),
  },
  { without: 'rows that a cascade takes along', trigger: (name, sql) => (/^_attacca_evict_update_\d+_0$/.test(name) ? undefined : sql) },
  { without: "an index's own collation", trigger: changed('evict', / collate "\w+"/g, ' collate binary') },
  {
    without: 'keys under NOCASE and RTRIM',
    source: indexes(index => [
      { ...index, terms: index.terms.map(term => (index.origin === 'c' ? term : { ...term, collation: 'BINARY' })) },
    ]),
  },
  { without: 'keys of mixed storage classes', plan: plan => ({ ...plan, tables: plan.tables.map(typed) }) },
  { without: 'the rowid as a unique key', source: table => ({ ...table, rowid: null }) },
  { without: 'partial indexes', source: indexes(index => (index.where === null ? [index] : [])) },
  { without: "the columns of a partial index's WHERE", source: indexes(index => [{ ...index, where: null }]) },
  {
    without: "the rowid of a partial index's WHERE",
    trigger: changed('evict_update', / or OLD\."rowid" is not NEW\."rowid" collate binary/g, ''),
  },
  { without: 'indexes on expressions', source: indexes(index => (index.terms.some(term => term.expression !== null) ? [] : [index])) },
  {
    without: 'the columns inside generated ones',
    source: table => ({ ...table, columns: table.columns.map(column => ({ ...column, generated: false })) }),
  },
  {
    without: 'defaults in place of NULL',
    source: table => ({ ...table, columns: table.columns.map(column => ({ ...column, default: null })) }),
  },
  { without: 'UNIQUE constraints of tables', source: indexes(index => (index.origin === 'u' ? [] : [index])) },
  { without: 'indexes of several columns', source: indexes(index => (index.origin === 'c' && index.terms.length > 1 ? [] : [index])) },
];

const typed = (table: Plan['tables'][number]): Plan['tables'][number] => ({
  ...table,
  columns: table.columns.map(column => ({ ...column, affinity: column.affinity === 'blob' ? 'numeric' : column.affinity })),
});

const TRIGGERS = /* sql */ `select name, sql from sqlite_schema where type = 'trigger' and name like '\\_attacca\\_%' escape '\\'`;

/** Puts worse triggers in place of those that an installation made; false where they are the same. */
export function mutate(db: Database, plan: Plan, schema: SourceSchema, { source = same, plan: planned = same, trigger }: Mutant): boolean {
  const before = presentTriggers(db);
  db.exec('begin immediate');
  createCapture(db, planned(plan), { ...schema, tables: schema.tables.map(source) });
  for (const { name, sql } of db.prepare<[], { name: string; sql: string }>(TRIGGERS).all()) {
    const text = trigger === undefined ? sql : trigger(name, sql);
    if (text === sql) continue;
    db.exec(`drop trigger ${quote(name)}`);
    if (text !== undefined) db.exec(text);
  }
  db.exec('commit');
  return !isDeepStrictEqual(presentTriggers(db), before);
}

const same = <T>(it: T): T => it;
