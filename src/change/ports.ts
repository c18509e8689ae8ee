import type { Batch, Mark, Misfit, PgKey, PgRow, Rows, Seq } from './change.ts';

/** Where changes come from. `read` ends only by `signal` or by an error. */
export interface Source<P, C> {
  /** Batches after `after`, in order; waits for the next one itself. */
  read(after: P, signal: AbortSignal): AsyncIterable<Batch<P, C>>;
  /** The sink holds everything up to `position`, durably: the source may forget it. */
  acknowledge(position: P): Promise<void>;
}

/** Where changes go. */
export interface Sink<P, C> {
  /** The position up to which the sink holds everything. */
  checkpoint(): Promise<P>;
  /** Writes the batch and its position in one transaction [G2]. A batch at or below the checkpoint is a replay: a no-op. */
  apply(batch: Batch<P, C>): Promise<void>;
}

/** Rows of one table in key order, as they travel; `cursor` is where the next chunk begins, null when there is none. */
export type Chunk = {
  readonly rows: readonly PgRow[];
  readonly misfits: readonly Misfit[];
  readonly cursor: string | null;
};

/** Rows of one table in key order, as one digest; see plan/in-sql/digest.ts. */
export type Stretch = {
  readonly rows: number;
  /** Length of what was digested. */
  readonly bytes: number;
  readonly digest: string;
  /** How Postgres finds the same rows: every row between two keys (null: from the start, to the end), or these. */
  readonly keys: readonly PgKey[] | { readonly after: PgKey | null; readonly upTo: PgKey | null };
  /** Where the next stretch begins; null when there is none. */
  readonly cursor: string | null;
};

/** Rows of one table between two cursors, for the first copy. */
export type Portion = {
  /** Lines of CSV as COPY takes them (plan/in-sql/copy-field.ts): rows that SQLite has encoded itself. */
  readonly csv: readonly Uint8Array<ArrayBuffer>[];
  readonly rows: readonly PgRow[];
  readonly misfits: readonly Misfit[];
  /** Rows in `csv` and `rows` together. */
  readonly size: number;
  /** Where the next one begins; null when there is none. */
  readonly cursor: string | null;
};

/** How far the first copy of one table has come. */
export type TableProgress = {
  /** Where the next chunk begins; null at the start, and when it is done. */
  readonly cursor: string | null;
  /** Rows written so far, also those that Postgres then refused. */
  readonly rows: number;
  readonly done: boolean;
};

/** What one read of the first copy may take; the first that is used up ends it. */
export type Allowance = { readonly rows: number; readonly bytes: number; readonly ms: number };

/** One committed state of the SQLite file, held still by a read transaction until `close`. Tables go by TablePlan.id. */
export interface SourceState {
  readonly position: Mark;
  /** Up to `limit` rows after `cursor` (null: from the start). */
  chunk(table: number, cursor: string | null, limit: number): Chunk;
  /** The same rows as a digest; undefined where they must be compared one by one. */
  stretch(table: number, cursor: string | null, limit: number): Stretch | undefined;
  /** Every row and absence marked after `after`, as of this state. */
  marked(after: Seq): Rows;
  /** The same, read bit by bit while it is iterated; a row that was marked often may come often. */
  changed(after: Seq): Pick<Rows, 'slices'>;
  /** The rows that these names (Misfit.key) mean, or their absence. */
  named(table: number, names: readonly string[]): Rows;
  count(table: number): number;
  /** Those of `keys` (as Postgres has them) that no row here has. */
  absent(table: number, keys: readonly PgKey[]): readonly PgKey[];
  close(): void;
}

/** One committed state of the Postgres tables, held still by a repeatable-read transaction until `close`. */
export interface TargetState {
  /** Where the WAL ended when the state was taken, as Postgres writes it. */
  readonly lsn: string;
  /** The rows that have these keys, in any order; keys without a row are simply not among them. */
  rows(table: number, keys: readonly PgKey[]): Promise<readonly PgRow[]>;
  /** The digest of the rows that `keys` means, equal to the stretch's only if the rows are. */
  digest(table: number, keys: Stretch['keys']): Promise<string>;
  /** Up to `limit` keys in key order after `after` (null: from the start): how rows that only Postgres has are found. */
  keys(table: number, after: PgKey | null, limit: number): Promise<readonly PgKey[]>;
  count(table: number): Promise<number>;
  /** Names (Misfit.key) of the table's rows in quarantine. */
  quarantined(table: number): Promise<ReadonlySet<string>>;
  /** Tables that are not replicated any more. */
  suspended(): Promise<ReadonlySet<number>>;
  close(): Promise<void>;
}
