/*
 * Rows whose foreign key finds no parent. SQLite itself counts them, by its own rules (a NULL in the key means no check);
 * where one foreign key of the table is no valid one, it refuses to, and a join counts the others.
 */
import { quote } from '../../change/quote.ts';
import { primaryKey, referenced, type SourceForeignKey, type SourceSchema, type SourceTable, type TableStats } from '../../plan/schema.ts';
import { codeOf, type Database } from '../open.ts';
import { sampleKeys } from './samples.ts';

const CHECK = /* sql */ `select fkid, rowid from pragma_foreign_key_check(?)`;
const SAMPLES = 3;

/** In the order of SourceTable.foreignKeys, which is that of SQLite's own numbers. */
export function orphansOf(db: Database, schema: SourceSchema, table: SourceTable): TableStats['orphans'] {
  if (table.foreignKeys.length === 0) return [];
  try {
    return checked(db, table);
  } catch (error) {
    if (codeOf(error) === '') throw error;
    return table.foreignKeys.map(key => joined(db, schema, table, key));
  }
}

function checked(db: Database, table: SourceTable): TableStats['orphans'] {
  const found = table.foreignKeys.map(() => ({ count: 0, rowids: [] as bigint[] }));
  for (const { fkid, rowid } of db.prepare<[string], { fkid: bigint; rowid: bigint | null }>(CHECK).iterate(table.name)) {
    const entry = found[Number(fkid)];
    if (entry === undefined) continue;
    entry.count++;
    if (rowid !== null && entry.rowids.length < SAMPLES) entry.rowids.push(rowid);
  }
  return found.map(({ count, rowids }) => ({
    count,
    samples: table.rowid === null ? [] : rowids.flatMap(rowid => sampleKeys(db, table, `${table.rowid} = ?`, [rowid])),
  }));
}

/** A parent that is missing, or not unique, gets no foreign key in Postgres: there is nothing to count then. */
function joined(db: Database, schema: SourceSchema, table: SourceTable, key: SourceForeignKey): { count: number; samples: string[] } {
  const none = { count: 0, samples: [] };
  const parent = schema.tables.find(({ name }) => name.toLowerCase() === key.parent.toLowerCase());
  if (parent === undefined) return none;
  const theirs = referenced(key, parent);
  if (theirs.length !== key.columns.length || !isKeyOf(parent, theirs)) return none;
  const child = quote(table.name);
  const filled = key.columns.map(column => `${child}.${quote(column)} is not null`);
  const same = theirs.map((column, place) => `p.${quote(column)} = ${child}.${quote(key.columns[place] ?? '')}`);
  const orphan = `${filled.join(' and ')} and not exists (select 1 from ${quote(parent.name)} p where ${same.join(' and ')})`;
  const count = db.prepare<[], bigint>(`select count(*) from ${child} where ${orphan}`).pluck().get();
  return { count: Number(count), samples: sampleKeys(db, table, orphan) };
}

function isKeyOf(parent: SourceTable, columns: readonly string[]): boolean {
  const wanted = columns
    .map(column => column.toLowerCase())
    .toSorted()
    .join();
  const keys = [
    primaryKey(parent),
    ...parent.indexes.filter(({ unique, where }) => unique && where === null).map(({ terms }) => terms.map(term => term.column ?? '')),
  ];
  return keys.some(
    key =>
      key
        .map(column => column.toLowerCase())
        .toSorted()
        .join() === wanted,
  );
}
