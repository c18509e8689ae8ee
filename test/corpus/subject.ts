/*
 * The tables of a file as something to change: their columns, what they refer to, what must be unique, what their CHECKs speak of.
 */
import type Database from 'better-sqlite3';
import type { Planned } from './held.ts';
import { codecOfType } from './invent.ts';
import type { Random } from './random.ts';
import { type Column, columnsOf, quoted } from './stored.ts';

export type Changed = { readonly made: number; readonly refused: readonly string[] };

export const TRIES = 12;
const TABLES = /* sql */ `
  select name from pragma_table_list where schema = 'main' and type = 'table' and name not glob 'sqlite_*' and name not glob '_attacca*' order by name`;
const PARENTS = /* sql */ `select "from" as "column", "table" as parent, "to" as "to" from pragma_foreign_key_list(?)`;
const UNIQUE = /* sql */ `
  select distinct c.name from pragma_index_list(?) i, pragma_index_info(i.name) c where i."unique" and c.name is not null`;

export type Word = 'insert' | 'update' | 'delete';
type Parents = ReadonlyMap<string, { readonly parent: string; readonly to: string | null }>;
export type Subject = {
  readonly table: string;
  readonly columns: readonly (Column & { readonly codec: string })[];
  readonly unique: ReadonlySet<string>;
  readonly parents: Parents;
  readonly literals: readonly (string | bigint)[];
};

/** With codecs of the plan, or as far as there is none, as the declared types suggest. */
export function subjectsOf(db: Database.Database, plan?: Planned): Subject[] {
  return db
    .prepare<[], string>(TABLES)
    .pluck()
    .all()
    .map(table => {
      const planned = plan?.tables.find(({ name }) => name === table);
      const codecOf = ({ name, type }: Column): string => planned?.columns.find(column => column.name === name)?.codec ?? codecOfType(type);
      const columns = columnsOf(db, table)
        .filter(({ generated }) => !generated)
        .map(column => ({ ...column, codec: codecOf(column) }));
      type Parent = { column: string; parent: string; to: string | null };
      const parents = db.prepare<[string], Parent>(PARENTS).all(table);
      const sql = String(db.prepare(`select sql from sqlite_schema where type = 'table' and name = ?`).pluck().get(table) ?? '');
      return {
        table,
        columns,
        unique: new Set(db.prepare<[string], string>(UNIQUE).pluck().all(table)),
        parents: new Map(parents.map(({ column, parent, to }) => [column, { parent, to }])),
        literals: literalsOf(sql),
      };
    });
}

/** What the CHECKs compare with may be what they ask for. */
function literalsOf(sql: string): (string | bigint)[] {
  const checks = sql.slice(Math.max(0, sql.search(/\bcheck\b/i)));
  if (!/\bcheck\b/i.test(sql)) return [];
  return [...checks.matchAll(/'((?:[^']|'')*)'|\b(\d{1,6})\b/g)].map(([, text, digits]) =>
    digits === undefined ? String(text).replaceAll("''", "'") : BigInt(digits),
  );
}

const isAlias = (column: Column): boolean => column.key && column.type.toUpperCase() === 'INTEGER';
/** Left to the default. */
export const isOmitted = (column: Column, random: Random): boolean =>
  isAlias(column) ? random.chance(0.6) : column.default !== null && random.chance(0.3);

export function countOf(db: Database.Database, table: string): number {
  const count = db.prepare(`select count(*) from ${quoted(table)}`).pluck();
  return Number(count.get());
}
