/*
 * What the SQLite file looks like: its structure (from PRAGMAs, never from parsing CREATE TABLE) and what its columns
 * really hold. sqlite/schema/tables.ts and sqlite/profile/profile.ts fill these in; decide.ts turns them into a plan.
 */
import type { Value } from '../change/value.ts';

import type { Affinity } from './codecs/affinity.ts';

/** What SQLite calls a rowid, where no column has the name. */
export const ROWID_NAMES: readonly string[] = ['rowid', '_rowid_', 'oid'];

export type SourceSchema = {
  /** PRAGMA encoding: 'UTF-8', 'UTF-16le' or 'UTF-16be'. */
  readonly encoding: string;
  /** Base tables an application can write to, in name order; without virtual and shadow tables, sqlite_* and our own. */
  readonly tables: readonly SourceTable[];
  /** Every row of sqlite_schema that is not ours, each of which gets a stated disposition. */
  readonly objects: readonly SourceObject[];
};

export type SourceObject = {
  readonly type: 'table' | 'index' | 'view' | 'trigger';
  readonly name: string;
  /** The table it belongs to; for tables and views its own name. */
  readonly table: string;
  /** 'base' for ordinary tables; PRAGMA table_list says which are 'virtual' or 'shadow'. undefined for other types. */
  readonly kind: 'base' | 'virtual' | 'shadow' | undefined;
  readonly sql: string | null;
};

export type SourceTable = {
  readonly name: string;
  readonly withoutRowid: boolean;
  readonly strict: boolean;
  readonly autoincrement: boolean;
  /** A name by which the rowid can be read and no column hides it (`rowid`, `_rowid_` or `oid`); null if there is none. */
  readonly rowid: string | null;
  readonly columns: readonly SourceColumn[];
  readonly indexes: readonly SourceIndex[];
  readonly foreignKeys: readonly SourceForeignKey[];
};

/** Names of the declared primary key's columns, in key order. */
export const primaryKey = (table: SourceTable): string[] =>
  table.columns
    .filter(column => column.primaryKey > 0)
    .toSorted((a, b) => a.primaryKey - b.primaryKey)
    .map(column => column.name);

export type SourceColumn = {
  readonly name: string;
  /** The declared type as written; '' where there is none. */
  readonly declared: string;
  readonly affinity: Affinity;
  readonly notNull: boolean;
  /** The default as an SQL expression; null where there is none. */
  readonly default: string | null;
  /** 1-based place in the declared PRIMARY KEY; 0 outside it. */
  readonly primaryKey: number;
  readonly generated: boolean;
  /** The column's own collation, upper case: 'BINARY', 'NOCASE', 'RTRIM' or an application's. */
  readonly collation: string;
};

export type SourceIndex = {
  readonly name: string;
  readonly unique: boolean;
  /** 'c' CREATE INDEX, 'u' UNIQUE constraint, 'pk' PRIMARY KEY. */
  readonly origin: 'c' | 'u' | 'pk';
  readonly terms: readonly SourceIndexTerm[];
  /** The WHERE expression of a partial index, as written; null where there is none. */
  readonly where: string | null;
};

/** Either a column (`column` set) or an expression (`expression` set, as written). `collation` is the index's, upper case. */
export type SourceIndexTerm = {
  readonly column: string | null;
  readonly expression: string | null;
  readonly descending: boolean;
  readonly collation: string;
};

export type SourceForeignKey = {
  readonly columns: readonly string[];
  readonly parent: string;
  /** Empty where the declaration leaves them out (the parent's primary key is meant). */
  readonly parentColumns: readonly string[];
  readonly onDelete: string;
  readonly onUpdate: string;
};

/** The columns that a foreign key refers to: without a list of them, the key of the parent. */
export const referenced = ({ parentColumns }: SourceForeignKey, parent: SourceTable): readonly string[] =>
  parentColumns.length > 0 ? parentColumns : primaryKey(parent);

/** What the stored values are. Counts are of values, not of distinct ones. */
export type TableStats = {
  readonly rows: number;
  /** In the order of SourceTable.columns. */
  readonly columns: readonly ColumnStats[];
  /** Rows whose declared or unique key holds a NULL, for each index by name; '' for the declared primary key. */
  readonly nullKeys: Readonly<Record<string, number>>;
  /** Orphans of each foreign key, in the order of SourceTable.foreignKeys, with sample keys. */
  readonly orphans: readonly { readonly count: number; readonly samples: readonly string[] }[];
  /** CHECKs that rows violate, as written. */
  readonly violated?: readonly { readonly check: string; readonly count: number; readonly samples: readonly string[] }[];
};

/** Counts of texts by `formatOf` (column/format.ts). */
export type Formats = Readonly<Record<string, number>>;

export type ColumnStats = {
  readonly name: string;
  readonly nulls: number;
  readonly integers: number;
  readonly reals: number;
  readonly texts: number;
  readonly blobs: number;
  /** Integers that are 0 or 1. */
  readonly zeroOne: number;
  /** Integers that no float64 holds exactly. */
  readonly inexact: number;
  /** Texts with a NUL or with bytes that are not UTF-8: Postgres's text cannot hold them. */
  readonly unclean: number;
  /** Smallest and largest integer; null where there is none. */
  readonly range: readonly [bigint, bigint] | null;
  /** BLOBs of 16 bytes, counted where there are none of another length. */
  readonly uuids: number;
  /**
   * Texts by what they look like: names of format.ts. Fewer than `texts` in a column that nobody expects a form of, once it
   * is certain that it has none.
   */
  readonly formats: Formats;
  /** Smallest and largest integer without zeros, where there are some. */
  readonly apartFromZero?: readonly [bigint, bigint];
  /** Codecs that every value was tried with, and what they did not take; beside them only counts can tell. */
  readonly trials?: Trials;
  /** Longest text or blob, in bytes. */
  readonly maxBytes: number;
  /** Keys of a few rows for each storage class that is in the minority, for findings; row values are never kept. */
  readonly samples: readonly string[];
  /** First and last value in SQLite's order, without those that stand for no point in time; only where partitions are asked for. */
  readonly ends?: readonly Value[];
  /** Keys of a few rows with NULL, where the column is NOT NULL or in a key. */
  readonly nullSamples?: readonly string[];
};

/** By codec: how many values it refuses, and why the first of them. */
export type Trials = Readonly<Record<string, { readonly misfits: number; readonly reason: string }>>;

/** By table name. */
export type Profile = Readonly<Record<string, TableStats>>;
