import type { Side } from '../flag/flag.ts';

/** What can be bound to a `?`. A boolean is 0 or 1 on both sides, whatever the column is there. */
export type Param = null | number | bigint | string | boolean | Uint8Array;

/** A row as the application's driver gives it: node-postgres gives bigint columns as text unless it is told otherwise. */
export type Row = Record<string, unknown>;

/**
 * One transaction. Statements have `?` placeholders on both sides. Once the transaction was refused, every further statement
 * rejects with the same refusal: none of them can land outside of it.
 */
export interface Tx {
  /** The database this attempt runs on, for statements that differ between the two. */
  readonly side: Side;
  run(sql: string, ...params: readonly Param[]): Promise<{ changes: number }>;
  get(sql: string, ...params: readonly Param[]): Promise<Row | undefined>;
  all(sql: string, ...params: readonly Param[]): Promise<Row[]>;
}

export type Work<T> = (tx: Tx) => Promise<T> | T;

/** One database behind the router. Each call is exactly one attempt; a `Refusal` means nothing of it was kept. */
export interface Database {
  write<T>(work: Work<T>): Promise<T>;
  read<T>(work: Work<T>): Promise<T>;
  /** Makes the next transaction's start quick; a failure to do so shows there. */
  warm?(): void;
  close(): Promise<void>;
}
