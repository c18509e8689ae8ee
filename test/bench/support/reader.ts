/*
 * A reader in Postgres: asks again and again for the newest event, and remembers when it first saw each. Started by `startReader`
 * with ReaderOptions; sends `ready`, then one Seen when it is sent any message.
 */
import { setImmediate } from 'node:timers/promises';
import { Client } from 'pg';
import { now } from './clock.ts';

export type ReaderOptions = { readonly target: string; readonly pauseMs: number };

/** Everything up to `ids[n]` was visible at `at[n]`, ms of the common clock. */
export type Seen = { readonly ids: readonly number[]; readonly at: readonly number[] };

const NEWEST = { name: 'newest', text: 'select max(id)::text as id from events' };

async function main({ target, pauseMs }: ReaderOptions): Promise<Seen> {
  const client = new Client({ connectionString: target });
  await client.connect();
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const seen = { ids: [] as number[], at: [] as number[] };
  let stopped = false;
  process.on('message', () => {
    stopped = true;
  });
  process.send?.('ready');
  while (!stopped) {
    const { rows } = await client.query<{ id: string | null }>(NEWEST);
    const id = Number(rows[0]?.id ?? 0);
    if (id > (seen.ids.at(-1) ?? -1)) {
      seen.ids.push(id);
      seen.at.push(now());
    }
    Atomics.wait(sleeper, 0, 0, pauseMs);
    await setImmediate();
  }
  await client.end();
  return seen;
}

process.send?.(await main(JSON.parse(process.argv[2] ?? '{}') as ReaderOptions), () => process.disconnect());
