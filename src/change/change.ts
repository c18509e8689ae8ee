/*
 * The language both ends speak. Imports nothing but its own folder; knows no database.
 *
 * (1) A Seq orders one journal, an Lsn one WAL; they are never compared with each other.
 * (2) Between the databases a row is an array of Postgres texts in the plan's column order: what COPY and
 *     bound parameters take, and what the WAL gives. Codecs (plan/) translate to and from SQLite's values.
 */

/** A place in the SQLite journal. Commit order: SQLite has one writer. */
export type Seq = bigint & { readonly brand: 'Seq' };

/**
 * The forward position: a seq and the random nonce of the journal row that stands there. A file that was restored, or lost
 * its last commits, may use the same seq again, never the same nonce: a reader that finds another one must not go on.
 */
export type Mark = { readonly seq: Seq; readonly nonce: bigint };

/** A place in the Postgres WAL; always the end of a commit. */
export type Lsn = bigint & { readonly brand: 'Lsn' };

/** One column in Postgres's text format; null is NULL. */
export type PgText = string | null;

/** A row in the plan's column order. */
export type PgRow = readonly PgText[];

/** The key columns of a row, in the key's column order. */
export type PgKey = readonly PgText[];

/**
 * A row that cannot cross. `key` names it for people and for retries: the tagged values of its key as a JSON array; where one of
 * them is NULL with the rowid behind them, since others may have the same key.
 * `target` is the key in Postgres form where it has one, so that an older version of the row can be removed there.
 */
export type Misfit = {
  readonly key: string;
  readonly target: PgKey | undefined;
  readonly column: string;
  readonly reason: string;
  /** The refused value, tagged (`tag` in value.ts); a JSON array of the whole row where nobody knows which it was; never logged. */
  readonly raw: string | null;
};

/**
 * Rows of one table as they are at the batch's position: `rows` exist, `gone` do not, `misfits` exist but do not fit.
 */
export type Slice = {
  /** TablePlan.id */
  readonly table: number;
  readonly rows: readonly PgRow[];
  readonly gone: readonly PgKey[];
  readonly misfits: readonly Misfit[];
  /**
   * Names (Misfit.key) of rows that are gone and whose key has no Postgres form: they may still stand in quarantine. A key with NULL,
   * without a rowid, means every row that had it; those that still have it are among `misfits`.
   */
  readonly vanished?: readonly string[];
};

/** Changes that become visible in the target together, and the position reached once they are: final when `changes` has been read. */
export type Batch<P, C> = { readonly position: P; readonly changes: C };

/** Forward: SQLite rows as they are now. Can be iterated more than once: a refused attempt is tried another way. */
export type Rows = {
  /** Marks read, for lag and logs. */
  readonly marks: number;
  /** How many rows and absences `slices` yields in total. */
  readonly size: number;
  /** Tables that `slices` holds whole: the sink empties them first (after VACUUM, a rebuild, or on request). */
  readonly replaced: readonly number[];
  slices(): Iterable<Slice> | AsyncIterable<Slice>;
};

/** Reverse: what one Postgres transaction did, in order. `undefined` in a row means "unchanged": leave the column alone. */
export type RowChange =
  | { readonly op: 'insert'; readonly table: number; readonly row: readonly (PgText | undefined)[] }
  | { readonly op: 'update'; readonly table: number; readonly key: PgKey; readonly row: readonly (PgText | undefined)[] }
  | { readonly op: 'delete'; readonly table: number; readonly key: PgKey }
  | { readonly op: 'truncate'; readonly tables: readonly number[] };

/** The table id under which watermarks travel: their tokens are of interest, their going away is not. */
export const WATERMARK = 0;
