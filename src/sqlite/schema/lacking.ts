/*
 * Functions and collations that only the application has, where the mirror cannot write without them: in computed columns and in indexes.
 * CHECKs and the application's triggers are not asked then.
 */
import { type Blocker, Refused } from '../../change/errors.ts';
import { quote } from '../../change/quote.ts';
import type { SourceSchema, SourceTable } from '../../plan/schema.ts';
import type { Database } from '../open.ts';

const LACKING = /^(?:no such function|unknown function|no such collation sequence): ([^()]+)/;

const OWN = /* sql */ `select sql from sqlite_schema where tbl_name = ? and type in ('table', 'index') and sql is not null`;

/** Throws Refused, naming each table that cannot be written without the application. `exclude`: tables that are left out. */
export function refuseLacking(db: Database, { tables }: SourceSchema, exclude: readonly string[]): void {
  const blockers = lacking(
    db,
    tables.filter(({ name }) => !exclude.includes(name)),
  );
  if (blockers.length > 0) throw new Refused('this database needs what only the application has', blockers);
}

/** Each of the tables that cannot be written without the application. */
export function lacking(db: Database, tables: readonly SourceTable[]): Blocker[] {
  db.pragma('ignore_check_constraints = on');
  const blockers = tables.flatMap(table => lackingIn(db, table));
  db.pragma('ignore_check_constraints = off');
  return blockers;
}

/** Collations that every SQLite has. */
const COMMON: ReadonlySet<string> = new Set(['BINARY', 'NOCASE', 'RTRIM']);

function lackingIn(db: Database, { name, columns, indexes }: SourceTable): Blocker[] {
  const table = quote(name);
  const same = columns.filter(({ generated }) => !generated).map(column => `${quote(column.name)} = ${quote(column.name)}`);
  const ordering = indexes.flatMap(({ terms }) => terms.map(({ collation }) => collation)).find(collation => !COMMON.has(collation));
  const named = [`update ${table} set ${same.join(', ')}`, `delete from ${table}`].flatMap(each => missing(db, each) ?? []);
  const needed = named[0] ?? ordering;
  if (needed === undefined) return [];
  const own = db.prepare<[string], string>(OWN).pluck().all(name).join('\n').toLowerCase();
  if (!own.includes(needed.toLowerCase())) return []; // it is one of a trigger
  return [
    {
      code: 'app-function',
      reason: `table ${name} cannot be written without ${needed}, a function or collation that only the application has`,
      remedy: `take it out of the computed columns and indexes of ${name}, or begin with the table in the exclude list of the plan file`,
    },
  ];
}

/** What a statement does not compile for want of. */
function missing(db: Database, statement: string): string | undefined {
  try {
    db.prepare(statement);
    return undefined;
  } catch (error) {
    return error instanceof Error ? LACKING.exec(error.message)?.[1] : undefined;
  }
}
