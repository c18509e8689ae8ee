/*
 * Translates foreign keys: those that Postgres can have, with the rows that violate them counted.
 */
import { quote } from '../../change/quote.ts';
import { type Code, finding } from '../codes.ts';
import { compatible } from '../column/agree.ts';
import type { Finding } from '../finding.ts';
import { names } from '../names.ts';
import { at, type ForeignKeyPlan, type TablePlan } from '../plan.ts';
import { referenced, type SourceForeignKey, type SourceTable, type TableStats } from '../schema.ts';

export type Planned = { readonly table: TablePlan; readonly source: SourceTable; readonly stats: TableStats };

/** Foreign keys of one table; `all` holds every table of the plan, by lower-case name. */
export function planForeignKeys(child: Planned, all: ReadonlyMap<string, Planned>): { foreignKeys: ForeignKeyPlan[]; findings: Finding[] } {
  const foreignKeys: ForeignKeyPlan[] = [];
  const findings: Finding[] = [];
  const free = names();
  for (const [place, declared] of child.source.foreignKeys.entries()) {
    const label = `Foreign key (${declared.columns.join(', ')}) to ${quote(declared.parent)}`;
    const link = resolve(child, declared, all.get(declared.parent.toLowerCase()));
    if ('code' in link) {
      findings.push(finding(link.code, { table: child.source.name, message: `${label} is not created in Postgres: ${link.why}.` }));
      continue;
    }
    const { count, samples } = child.stats.orphans[place] ?? { count: 0, samples: [] };
    if (count > 0) {
      const message = `${label}: ${count} rows have no parent, so existing rows stay unchecked.`;
      findings.push(finding('orphans', { table: child.source.name, message, count, samples }));
    }
    const name = free.take(`${child.table.target}_${link.columns.map(column => at(child.table.columns, column).target).join('_')}_fkey`);
    foreignKeys.push({ name, ...link, onDelete: declared.onDelete, onUpdate: declared.onUpdate, orphans: count });
  }
  return { foreignKeys, findings };
}

type Link = Pick<ForeignKeyPlan, 'columns' | 'parent' | 'parentColumns'>;
type Obstacle = { readonly code: Code; readonly why: string };

function resolve(child: Planned, key: SourceForeignKey, parent: Planned | undefined): Link | Obstacle {
  if (parent === undefined) return { code: 'foreign-key-parent', why: 'that table is not in the plan' };
  const columns = positions(child.table, key.columns);
  const parentColumns = positions(parent.table, referenced(key, parent.source));
  if (columns.includes(-1) || parentColumns.includes(-1) || columns.length !== parentColumns.length)
    return { code: 'foreign-key-parent', why: 'its columns do not exist, or are generated' };
  if (!isUnique(parent.table, parentColumns)) return { code: 'foreign-key-parent', why: 'those columns are not unique there' };
  if (!columns.every((column, place) => agree(child.table, column, parent.table, at(parentColumns, place))))
    return { code: 'foreign-key-types', why: 'its columns have another type than those of the parent' };
  if (parentColumns.some(column => comparesLoosely(parent, column)))
    return { code: 'foreign-key-collation', why: 'SQLite compares it without regard to case or trailing blanks' };
  return { columns, parent: parent.table.id, parentColumns };
}

const positions = (table: TablePlan, columns: readonly string[]): number[] =>
  columns.map(name => table.columns.findIndex(column => column.name.toLowerCase() === name.toLowerCase()));

function isUnique(table: TablePlan, columns: readonly number[]): boolean {
  const same = (others: readonly number[]): boolean => others.length === columns.length && others.every(other => columns.includes(other));
  const indexes = table.indexes.filter(({ unique, terms }) => unique && terms.every(term => !term.fold));
  return same(table.key.columns) || indexes.some(({ terms }) => same(terms.map(term => term.column)));
}

/** The same type, and the same text for the same value. */
export function agree(child: TablePlan, column: number, parent: TablePlan, parentColumn: number): boolean {
  const [own, other] = [at(child.columns, column), at(parent.columns, parentColumn)];
  return own.type === other.type && compatible(own.codec, other.codec);
}

function comparesLoosely({ table, source }: Planned, index: number): boolean {
  const { name, type } = at(table.columns, index);
  return type === 'text' && source.columns.some(column => column.name === name && column.collation !== 'BINARY');
}
