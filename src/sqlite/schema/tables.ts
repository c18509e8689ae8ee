/*
 * Reads what the SQLite file looks like: structure from PRAGMAs, which know what SQLite really does; texts of
 * expressions, which no PRAGMA gives, from the stored SQL.
 */
import { ReplicationError } from '../../change/errors.ts';
import { quote } from '../../change/quote.ts';
import type { Affinity } from '../../plan/codecs/affinity.ts';
import type { TablePlan } from '../../plan/plan.ts';
import {
  ROWID_NAMES,
  type SourceColumn,
  type SourceForeignKey,
  type SourceIndex,
  type SourceIndexTerm,
  type SourceObject,
  type SourceSchema,
  type SourceTable,
} from '../../plan/schema.ts';
import { codeOf, type Database } from '../open.ts';
import { isOwn, isOwnTable } from './own.ts';
import { isWord, list, textOf, tokenize } from './tokens.ts';

const OBJECTS = /* sql */ `
  select type, name, tbl_name as "table", sql from sqlite_schema where not ${isOwn} order by rowid`;
const KINDS = /* sql */ `select name, type from pragma_table_list where schema = 'main'`;
const TABLES = /* sql */ `
  select name, wr, strict from pragma_table_list
  where schema = 'main' and type = 'table' and name not like 'sqlite\\_%' escape '\\' and not ${isOwnTable}
  order by name`;
const COLUMNS = /* sql */ `select name, type, "notnull", dflt_value, pk, hidden from pragma_table_xinfo(?) order by cid`;
const INDEXES = /* sql */ `select name, "unique", origin, partial from pragma_index_list(?) order by name`;
const TERMS = /* sql */ `select cid, name, "desc", coll from pragma_index_xinfo(?) where key = 1 order by seqno`;
const FOREIGN_KEYS = /* sql */ `
  select id, "table" as parent, "from", "to", on_update, on_delete from pragma_foreign_key_list(?) order by id, seq`;

/** The structure of the file, as of now. Reads the schema only, no rows. */
export function readSchema(db: Database): SourceSchema {
  // Looked up here and not joined in SQL: SQLite would go through the whole schema for each object of it.
  const objects = rows<{ type: SourceObject['type']; name: string; table: string; sql: string | null }>(db, OBJECTS);
  const kinds = new Map(rows<{ name: string; type: string }>(db, KINDS).map(({ name, type }) => [name, type]));
  const sqlOf = new Map(objects.map(object => [object.name, object.sql ?? '']));
  return {
    encoding: String(db.pragma('encoding', { simple: true })),
    tables: rows<{ name: string; wr: bigint; strict: bigint }>(db, TABLES).map(({ name, wr, strict }) =>
      readTable(db, { name, withoutRowid: wr === 1n, strict: strict === 1n }, sqlOf),
    ),
    objects: objects.map(object => ({ ...object, kind: object.type === 'table' ? kindOf(kinds.get(object.name)) : undefined })),
  };
}

const kindOf = (kind: string | undefined): SourceObject['kind'] => (kind === 'virtual' || kind === 'shadow' ? kind : 'base');

function readTable(
  db: Database,
  table: Pick<SourceTable, 'name' | 'withoutRowid' | 'strict'>,
  sqlOf: ReadonlyMap<string, string>,
): SourceTable {
  const columns = readColumns(db, table);
  const names = new Set(columns.map(column => column.name.toLowerCase()));
  return {
    ...table,
    autoincrement: tokenize(sqlOf.get(table.name) ?? '').some(token => isWord(token, 'autoincrement')),
    rowid: table.withoutRowid ? null : (ROWID_NAMES.find(name => !names.has(name)) ?? null),
    columns,
    indexes: readIndexes(db, table.name, sqlOf),
    foreignKeys: readForeignKeys(db, table.name),
  };
}

type ColumnInfo = { name: string; type: string; notnull: bigint; dflt_value: string | null; pk: bigint; hidden: bigint };

function readColumns(db: Database, table: Pick<SourceTable, 'name' | 'strict'>): SourceColumn[] {
  return rows<ColumnInfo>(db, COLUMNS, table.name).map(column => ({
    name: column.name,
    declared: column.type,
    affinity: affinityOf(column.type, table.strict),
    notNull: column.notnull === 1n,
    default: column.hidden === 0n ? column.dflt_value : null,
    primaryKey: Number(column.pk),
    generated: column.hidden !== 0n,
    collation: collationOf(db, table.name, column.name),
  }));
}

/** The table of the schema that a table of the plan means. Throws ReplicationError 'halt' when it is not there. */
export function sourceOf(table: TablePlan, schema: SourceSchema): SourceTable {
  const source = schema.tables.find(({ name }) => name === table.name);
  if (source !== undefined) return source;
  throw new ReplicationError('halt', `table ${quote(table.name)} is no longer in the SQLite file`, {
    hint: 'if it was dropped or renamed on purpose, make a new plan and start over; otherwise put it back',
  });
}

/** SQLite's own rules, in its order. */
function affinityOf(declared: string, strict: boolean): Affinity {
  const type = declared.toUpperCase();
  if (strict && type === 'ANY') return 'blob';
  if (type.includes('INT')) return 'integer';
  if (/CHAR|CLOB|TEXT/.test(type)) return 'text';
  if (type === '' || type.includes('BLOB')) return 'blob';
  return /REAL|FLOA|DOUB/.test(type) ? 'real' : 'numeric';
}

/** No PRAGMA tells a column's collation; the program of a comparison does ('NOCASE-8': its name and the encoding). */
function collationOf(db: Database, table: string, column: string): string {
  try {
    const program = rows<{ opcode: string; p4: string | null }>(db, `explain select ${quote(column)} = 'x' from ${quote(table)}`);
    const compare = program.find(({ opcode, p4 }) => /^(Eq|Ne)$/.test(opcode) && p4 !== null && p4 !== '');
    return compare?.p4?.replace(/-(8|16LE|16BE)$/, '').toUpperCase() ?? 'BINARY';
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    if (/^unknown function: |^no query solution$/.test(message)) return 'BINARY'; // nobody can read it without the application: lacking.ts
    // An application's own collation, which this process does not have: SQLite names it and nothing else does.
    const [, name] = /no such collation sequence: (.+)$/.exec(message) ?? [];
    if (codeOf(error) === '' || name === undefined) throw error;
    return name.toUpperCase();
  }
}

type IndexInfo = { name: string; unique: bigint; origin: SourceIndex['origin']; partial: bigint };

function readIndexes(db: Database, table: string, sqlOf: ReadonlyMap<string, string>): SourceIndex[] {
  return rows<IndexInfo>(db, INDEXES, table).map(index => {
    const { items, rest } = list(tokenize(sqlOf.get(index.name) ?? ''));
    const terms = rows<{ cid: bigint; name: string | null; desc: bigint; coll: string }>(db, TERMS, index.name);
    return {
      name: index.name,
      unique: index.unique === 1n,
      origin: index.origin,
      terms: terms.map((term, position): SourceIndexTerm => {
        const expression = term.cid < 0n ? withoutDirection(textOf(items[position] ?? [])) : null;
        return { column: term.cid < 0n ? null : term.name, expression, descending: term.desc === 1n, collation: term.coll.toUpperCase() };
      }),
      where: index.partial === 1n ? textOf(rest).replace(/^where\s*/i, '') : null,
    };
  });
}

const withoutDirection = (term: string): string => term.replace(/\s+(asc|desc)$/i, '');

type ForeignKeyInfo = { id: bigint; parent: string; from: string; to: string | null; on_update: string; on_delete: string };

function readForeignKeys(db: Database, table: string): SourceForeignKey[] {
  const parts = Map.groupBy(rows<ForeignKeyInfo>(db, FOREIGN_KEYS, table), part => part.id);
  return [...parts.values()].flatMap(columns => {
    const [first] = columns;
    if (first === undefined) return [];
    return {
      columns: columns.map(column => column.from),
      parent: first.parent,
      parentColumns: columns.flatMap(column => column.to ?? []),
      onDelete: first.on_delete,
      onUpdate: first.on_update,
    };
  });
}

/** Every row of a query on SQLite's own catalog, whose columns are known. */
const rows = <T>(db: Database, query: string, ...values: string[]): T[] => db.prepare<string[], T>(query).all(...values);
