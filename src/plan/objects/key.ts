/*
 * Chooses by what a row is known on both sides.
 */
import { finding } from '../codes.ts';
import type { Finding } from '../finding.ts';
import { keyColumns, type TablePlan } from '../plan.ts';
import { primaryKey, type SourceColumn, type SourceIndex, type SourceTable, type TableStats } from '../schema.ts';
import { MOST_COLUMNS, tooWide, type Widths } from '../width.ts';
import { beyondKey } from './partition.ts';

/** `none`: rows cannot be told apart, the table cannot be replicated. `columns`: names, in key order. */
export type KeyChoice = {
  readonly kind: 'rowid' | 'declared' | 'hidden' | 'none';
  readonly columns: readonly string[];
  readonly findings: readonly Finding[];
};

type Candidate = {
  readonly columns: readonly string[];
  readonly nulls: number;
  readonly samples: readonly string[];
  readonly name: string;
};

/** INTEGER PRIMARY KEY; else a declared key that holds no NULL and fits a Postgres index; else the rowid itself. */
export function chooseKey(table: SourceTable, stats: TableStats, widths: Widths): KeyChoice {
  const alias = rowidAlias(table);
  if (alias !== undefined) return { kind: 'rowid', columns: [alias.name], findings: [] };
  const findings: Finding[] = [];
  for (const candidate of candidates(table, stats)) {
    const refusal = refuse(table, candidate, widths);
    if (refusal === undefined) return { kind: 'declared', columns: candidate.columns, findings };
    findings.push(refusal);
  }
  if (table.rowid !== null) {
    const message = 'Rows have no key of their own: the rowid becomes the hidden column _attacca_rowid until finish.';
    return { kind: 'hidden', columns: [], findings: [...findings, finding('hidden-key', { table: table.name, message })] };
  }
  const why = findings.map(({ message }) => ` ${message}`).join('');
  const message = `Rows have no key by which both sides can know them, and no usable rowid.${why}`;
  return { kind: 'none', columns: [], findings: [...findings, finding('no-key', { table: table.name, message })] };
}

/** The INTEGER PRIMARY KEY that is the rowid under another name: the one primary key that has no index. */
export function rowidAlias(table: SourceTable): SourceColumn | undefined {
  if (table.withoutRowid || table.indexes.some(index => index.origin === 'pk')) return undefined;
  return table.columns.find(column => column.primaryKey > 0);
}

/** The primary key first, then unique keys over NOT NULL columns, the shortest first. */
function candidates(table: SourceTable, stats: TableStats): Candidate[] {
  const primary = primaryKey(table);
  const candidate = (columns: readonly string[], name: string, nulls = 0): Candidate => {
    const samples = stats.columns.flatMap(column => (columns.includes(column.name) ? (column.nullSamples ?? []) : []));
    return { columns, name, nulls, samples };
  };
  const uniques = table.indexes
    .filter(index => index.origin !== 'pk' && isUniqueKey(index, table))
    .toSorted((a, b) => a.terms.length - b.terms.length)
    .map(index =>
      candidate(
        index.terms.flatMap(term => term.column ?? []),
        index.name,
        stats.nullKeys[index.name],
      ),
    );
  return primary.length === 0 ? uniques : [candidate(primary, 'PRIMARY KEY', stats.nullKeys['']), ...uniques];
}

function isUniqueKey(index: SourceIndex, table: SourceTable): boolean {
  const columns = index.terms.map(term => table.columns.find(column => column.name === term.column));
  return index.unique && index.where === null && columns.every(column => column?.notNull === true && !column.generated);
}

function refuse(table: SourceTable, { columns, nulls, samples, name }: Candidate, widths: Widths): Finding | undefined {
  if (nulls > 0) {
    const message = `${nulls} rows have a NULL in the key ${name}, so it cannot identify rows.`;
    return finding('null-key', { table: table.name, message, count: nulls, samples });
  }
  if (columns.length > MOST_COLUMNS) {
    const message = `The key ${name} has ${columns.length} columns, and an index in Postgres at most ${MOST_COLUMNS}.`;
    return finding('key-too-many-columns', { table: table.name, message });
  }
  if (tooWide(columns, widths)) {
    const message = `The key ${name} holds values that are too long for an index in Postgres.`;
    return finding('key-too-wide', { table: table.name, message });
  }
  return undefined;
}

/** The unique index that makes a declared key one. */
export function keyIndex(table: TablePlan, source: SourceTable): SourceIndex | undefined {
  const names = ownNames(table);
  return source.indexes.find(
    index =>
      index.unique &&
      index.where === null &&
      index.terms.length === names.length &&
      index.terms.every(({ column }) => names.includes(column ?? '')),
  );
}

/** Of the key's columns those that SQLite's own key has. */
const ownNames = (table: TablePlan): string[] => keyColumns(table).flatMap(({ name }) => (name === beyondKey(table) ? [] : name));

/** Whether the table still has the key by which its rows are known. */
export function keyFits(table: TablePlan, source: SourceTable): boolean {
  if (table.withoutRowid !== source.withoutRowid) return false;
  const beyond = beyondKey(table);
  if (beyond !== undefined) {
    const [own, ...more] = ownNames(table);
    const isAlias = more.length === 0 && rowidAlias(source)?.name === own;
    return source.columns.some(({ name }) => name === beyond) && (isAlias || keyIndex(table, source) !== undefined);
  }
  if (table.key.kind === 'declared') return keyIndex(table, source) !== undefined;
  if (table.key.kind === 'hidden') return source.rowid !== null;
  return rowidAlias(source)?.name === keyColumns(table)[0]?.name;
}
