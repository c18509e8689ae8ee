import Database from 'better-sqlite3';
import { Pool } from 'pg';
import { createDatabase, type Side, type Work } from '../../src/client/client.ts';

/**
 * `ms`: from the last acknowledged write on the old side to the first one on the new side, with the rest between them and all that the
 * transaction does. `waitedMs`: what of it the transaction had to wait until a side took it.
 */
export type Gap = { readonly to: Side; readonly ms: number; readonly waitedMs: number };

export type Run = {
  write(work: Work<void>): Promise<void>;
  read<T>(work: Work<T>): Promise<T>;
  /** What comes next begins a new account: a rest is no gap. */
  paused(): void;
};

/** An instance that uses attacca/client, and measures what a switch costs it. */
export async function obedient(
  { source, url, flag }: { readonly source: string; readonly url: string; readonly flag: string },
  onGap: (gap: Gap) => void,
): Promise<Run> {
  const db = await createDatabase({
    flag: { path: flag },
    sqlite: () => new Database(source),
    postgres: () => new Pool({ connectionString: url, max: 2, options: '-c search_path=public' }),
    waitMs: 120_000,
  });
  let last: { readonly side: Side; readonly at: number } | undefined;
  return {
    async write(work) {
      let side: Side = 'sqlite';
      const asked = performance.now();
      let begun = asked;
      await db.transaction(tx => {
        side = tx.side;
        begun = performance.now();
        return work(tx);
      });
      const at = performance.now();
      if (last !== undefined && last.side !== side) onGap({ to: side, ms: at - last.at, waitedMs: begun - asked });
      last = { side, at };
    },
    read: work => db.read(work),
    paused() {
      last = undefined;
    },
  };
}
