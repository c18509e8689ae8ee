/*
 * One random insert, update and delete in each table of a SQLite file, as far as constraints and triggers of the application let it.
 */
import type Database from 'better-sqlite3';
import type { Planned } from './held.ts';
import { type Invented, invent } from './invent.ts';
import type { Random } from './random.ts';
import { columnsOf, quoted } from './stored.ts';
import { type Changed, countOf, isOmitted, type Subject, subjectsOf, TRIES, type Word } from './subject.ts';

/** A connection as the application's: with its functions, which attacca does not have. */
export function asApplication<T>(db: Database.Database, work: () => T): T {
  for (;;) {
    try {
      return work();
    } catch (error) {
      const missing = /no such function: (\S+)/.exec(String(error))?.[1];
      if (missing === undefined) throw error;
      db.function(missing, { varargs: true, safeIntegers: true }, (...words: unknown[]) => words[0] ?? null);
    }
  }
}

/** Fills an empty file: parents come first after a few rounds. */
export function fill(db: Database.Database, random: Random, rows: number): Changed {
  let made = 0;
  let refused: string[] = [];
  for (let round = 0; round < rows; round++) {
    refused = [];
    for (const subject of subjectsOf(db)) {
      const error = attempt(db, subject, 'insert', random);
      if (error === undefined) made++;
      else refused.push(`${subject.table}: ${error}`);
    }
  }
  return { made, refused };
}

/** In SQLite, through a connection that is not attacca's. */
export function changeStored(db: Database.Database, plan: Planned, random: Random): Changed {
  let made = 0;
  const refused: string[] = [];
  for (const subject of subjectsOf(db, plan)) {
    for (const word of ['insert', 'update', 'delete'] as const) {
      const error = attempt(db, subject, word, random);
      if (error === undefined) made++;
      else refused.push(`${word} ${subject.table}: ${error}`);
    }
  }
  return { made, refused };
}

/** The reason of the last refusal, where no try went in. */
function attempt(db: Database.Database, subject: Subject, word: Word, random: Random): string | undefined {
  let last = '';
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      const changes = asApplication(db, () => change(db, subject, word, random));
      if (changes > 0 || word !== 'insert') return undefined;
      last = 'the row did not stay';
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
  }
  return last;
}

function change(db: Database.Database, subject: Subject, word: Word, random: Random): number {
  const { table, columns } = subject;
  if (word === 'insert') {
    const taken = columns.filter(column => !isOmitted(column, random));
    if (taken.length === 0) return db.prepare(`insert into ${quoted(table)} default values`).run().changes;
    const names = taken.map(({ name }) => quoted(name)).join(', ');
    const values = taken.map(column => valueFor(db, subject, column, random));
    return db.prepare(`insert into ${quoted(table)} (${names}) values (${taken.map(() => '?').join(', ')})`).run(...values).changes;
  }
  const row = rowOf(db, subject, random);
  if (row === undefined) return 0;
  if (word === 'delete') return db.prepare(`delete from ${quoted(table)} where ${row.where}`).run(...row.key).changes;
  const column = random.pick(columns);
  const value = valueFor(db, subject, column, random);
  return db.prepare(`update ${quoted(table)} set ${quoted(column.name)} = ? where ${row.where}`).run(value, ...row.key).changes;
}

function valueFor(
  db: Database.Database,
  { table, unique, parents, literals }: Subject,
  column: Subject['columns'][number],
  random: Random,
): Invented['sqlite'] {
  const found = parents.get(column.name);
  if (found !== undefined && random.chance(0.9)) {
    const value = sample(db, found.parent, found.to ?? keyOf(db, found.parent), random);
    if (column.codec !== 'integer' || typeof value === 'bigint') return value; // a parent's 2.5 is none that this column has
  }
  if (!column.notNull && !column.key && random.chance(0.15)) return null;
  const fitting = literals.filter(literal =>
    column.codec === 'text' ? typeof literal === 'string' : column.codec === 'integer' && typeof literal === 'bigint',
  );
  if (fitting.length > 0 && random.chance(0.4)) return random.pick(fitting);
  const own = unique.has(column.name) || column.key;
  if (!own && random.chance(0.4)) {
    const value = sample(db, table, column.name, random);
    if (value !== null) return value;
  }
  return invent(column.codec, random).sqlite;
}

function sample(db: Database.Database, table: string, column: string, random: Random): Invented['sqlite'] {
  const count = countOf(db, table);
  if (count === 0) return null;
  const value = db
    .prepare(`select ${quoted(column)} from ${quoted(table)} limit 1 offset ?`)
    .safeIntegers()
    .pluck()
    .get(random.int(count));
  return value as Invented['sqlite'];
}

const keyOf = (db: Database.Database, table: string): string => columnsOf(db, table).find(({ key }) => key)?.name ?? 'rowid';

const ALIASES = ['rowid', '_rowid_', 'oid'];

function rowOf(db: Database.Database, { table, columns }: Subject, random: Random): { where: string; key: unknown[] } | undefined {
  const count = countOf(db, table);
  if (count === 0) return undefined;
  const alias = ALIASES.find(name => !columns.some(column => column.name.toLowerCase() === name));
  const isWithout = db.prepare(`select wr from pragma_table_list where schema = 'main' and name = ?`).pluck().get(table) === 1;
  const names = isWithout || alias === undefined ? columns.filter(({ key }) => key).map(({ name }) => name) : [alias];
  const shown = names.map(quoted);
  const key = db
    .prepare(`select ${shown.join(', ')} from ${quoted(table)} limit 1 offset ?`)
    .safeIntegers()
    .raw()
    .get(random.int(count));
  return { where: shown.map(name => `${name} is ?`).join(' and '), key: key as unknown[] };
}
