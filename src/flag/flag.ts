/*
 * The feature flag: which side is primary, and since which switch.
 *
 * (1) A switch is over only when the flag was written durably and read back.
 * (2) The epoch counts switches and never goes back: whoever knows a newer one does not believe an older flag [G8].
 */
export type Side = 'sqlite' | 'postgres';

/** The side that a value found in a flag's place stands for; undefined for one that means neither. */
export const meant = (value: string, by: Readonly<Record<Side, string>>): Side | undefined =>
  (['sqlite', 'postgres'] as const).find(side => by[side] === value);

export type FlagState = { readonly primary: Side; readonly epoch: bigint };

/** One place where a flag can live. A new kind of place is one more file that implements this. */
export interface FlagProvider {
  /** undefined where the flag was never set. Throws ReplicationError where it is there and cannot be understood. */
  read(): Promise<FlagState | undefined>;
  /** Atomic, durable, read back; writing the same state again is a no-op. Throws ReplicationError: `halt` for an older epoch. */
  write(state: FlagState): Promise<void>;
  /**
   * Why it could not be written or read back now: one sentence, or undefined when nothing stands in the way. The flag is afterwards
   * what it was; where only a write proves that one may write, its present state is written again, if that names `primary`: a place
   * that shows an older state, from a cache, would be set back to it.
   */
  check(primary: Side): Promise<string | undefined>;
  /** The flag's place, for people. */
  describe(): string;
  /** Calls `wake` soon after a change, and soon after `ahead`. A hint only: it may be late, missed or false, so readers poll as well. */
  watch?(wake: () => void, signal: AbortSignal): void;
  /**
   * A write of `state` is near: does now what of it nobody sees, and tells those who watch. The flag stays what it is. Never fails, and
   * promises nothing: `write` does what is missing.
   */
  ahead?(state: FlagState): void;
  /** Takes away what is left of a write that did not come. Never fails. */
  tidy?(): void;
}

/** What attacca lends to a place that is not a file. */
export type FlagContext = {
  /** The epoch in force by Postgres: it counts for places that cannot hold one. */
  epoch(): Promise<bigint>;
  readonly env: NodeJS.ProcessEnv;
  readonly sql: FlagSql;
};

/** One statement in the target database, every value as text. */
export type FlagSql = {
  run(text: string, values: readonly string[]): Promise<readonly Readonly<Record<string, string | null>>[]>;
  /** The same on a connection of its own, in a transaction that is rolled back: proves that it could be done. */
  trial(text: string, values: readonly string[]): Promise<void>;
};
