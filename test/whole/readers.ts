import { broken, RULES_SQL } from '../support/bank.ts';
import { connect } from '../support/postgres.ts';

export type Readers = {
  readonly reads: () => number;
  /** What readers saw that no committed state of the bank is. */
  readonly violations: readonly string[];
  /** Resolves when they have made `count` reads, or seen a violation. */
  until(count: number): Promise<void>;
  stop(): Promise<void>;
};

/** `count` sessions that ask Postgres for the bank's invariants, one statement and so one snapshot at a time. A lost server is waited for. */
export function startReaders(url: string, count: number): Readers {
  const violations: string[] = [];
  const stop = new AbortController();
  let reads = 0;
  let wake = (): void => undefined;
  const read = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const client = await connect(url).catch(() => undefined);
      try {
        while (client !== undefined && !stop.signal.aborted) {
          const found = broken((await client.query(`select ${RULES_SQL}`)).rows[0]);
          reads++;
          violations.push(...found);
          wake();
        }
      } catch {
        // The server is away.
      }
      await client?.end().catch(() => undefined);
      await new Promise(resolve => setTimeout(resolve, 10));
    }
  };
  const running = Array.from({ length: count }, read);
  return {
    reads: () => reads,
    violations,
    async until(wanted) {
      while (reads < wanted && violations.length === 0) {
        await new Promise<void>(resolve => {
          wake = resolve;
        });
      }
    },
    async stop() {
      stop.abort();
      await Promise.all(running);
    },
  };
}
