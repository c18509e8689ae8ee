/*
 * What a switch needs of the two databases and of the flag. One rule carries everything: a side is opened only after reading,
 * in the other database, a durable record that it is closed at this epoch [G8].
 */
import type { Batch, Lsn, Mark, Rows } from '../change/change.ts';
import type { SourceState, TargetState } from '../change/ports.ts';
import type { FlagProvider } from '../flag/flag.ts';

/** SQLite's write lock, held. Nothing another connection does can change the file until it ends. */
export interface HeldSqlite {
  /** The state under the lock, read on the holding connection: any other may be older. */
  state(): SourceState;
  /** The largest id in use for each table with an identity; null for an empty one. By TablePlan.id. */
  usedIds(): ReadonlyMap<number, bigint | null>;
  /** Puts up the fence under the lock, where nobody sees it before it is closed. What is read afterwards may not be what it was. */
  raise(epoch: bigint): Promise<RaisedFence>;
  /** Takes the fence away and captures again, under the lock, where nobody sees it before it is opened. */
  lower(epoch: bigint): Promise<LoweredFence>;
  /** Gives the lock back; whatever was not committed did not happen. */
  release(): void;
}

export interface RaisedFence {
  /** Records the switch and commits durably: from here no application can write a row of a replicated table. */
  close(record: { readonly head: Mark; readonly lsn: Lsn }): Promise<void>;
}

export interface LoweredFence {
  /** Numbers on after the ids that Postgres has used, and commits durably. Returns the journal's head at that moment. */
  open(usedIds: ReadonlyMap<number, bigint>): Promise<Mark>;
}

export interface SqliteSide {
  /** Takes the lock of the file that has been applied up to `checkpoint`; throws where it is another one. */
  hold(budgetMs: number, checkpoint: Mark): Promise<HeldSqlite>;
  /** Keeps every writer out while `work` runs, whatever has become of the file. Writes nothing. */
  still<T>(budgetMs: number, work: () => Promise<T>): Promise<T>;
  /** The durable record in the file; `head` is the journal's head at the last switch. */
  record(): { readonly primary: 'sqlite' | 'postgres'; readonly epoch: bigint; readonly head: Mark };
}

/** The replicated Postgres tables, locked against writers in one transaction. */
export interface LockedPostgres {
  /** Closes the fence and moves the phase from `verifying_back` to `switching_back` in the locking transaction; durable when it resolves. */
  close(epoch: bigint): Promise<void>;
  release(): Promise<void>;
}

export interface PostgresSide {
  checkpoint(): Promise<Mark>;
  apply(batch: Batch<Mark, Rows>): Promise<void>;
  /** The newest committed state. */
  state(): Promise<TargetState>;
  /**
   * Sequences, foreign keys that had to wait, and where the reverse stream begins. Fails unless the phase is `verifying` at `epoch`;
   * everything before is on disk then.
   */
  prepare(epoch: bigint, usedIds: ReadonlyMap<number, bigint | null>): Promise<Lsn>;
  /** The highest number of each sequence. The phase that was sent before stands then: `LockedPostgres.close` looks for it, and brings all to disk. */
  usedIds(): Promise<ReadonlyMap<number, bigint>>;
  /** Opens the tables for the application, in one transaction that checks phase and checkpoint against SQLite's closed record. */
  open(closed: { readonly epoch: bigint; readonly head: Mark }): Promise<void>;
  lock(budgetMs: number): Promise<LockedPostgres>;
  /** Forward replication goes on from here: everything before is the same on both sides. */
  resumeAt(head: Mark): Promise<void>;
  writeWatermark(token: string): Promise<void>;
  /** Everything marked up to here was compared and found equal. */
  verifiedUpTo(): Promise<Mark>;
  setVerified(position: Mark): Promise<void>;
}

export type SwitchPorts = {
  readonly sqlite: SqliteSide;
  readonly postgres: PostgresSide;
  readonly flag: Pick<FlagProvider, 'write'>;
};
