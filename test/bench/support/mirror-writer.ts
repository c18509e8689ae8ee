/*
 * An application that writes to Postgres after a cutover: single rows at a pace, each in a transaction of its own, from several
 * connections. Started by `startMirrorWriter` with MirrorWriterOptions; sends one Committed when its time is up.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'pg';
import { now } from './clock.ts';

export type MirrorWriterOptions = { readonly target: string; readonly perSecond: number; readonly seconds: number; readonly from: number };

/** Row `ids[n]` was committed, and acknowledged to the application, at `at[n]` (ms of the common clock). */
export type Committed = { readonly ids: readonly number[]; readonly at: readonly number[] };

const CONNECTIONS = 8;
const INSERT = {
  name: 'insert',
  text: /* sql */ `insert into events (id, session, type, created_at, payload, score, flagged) values ($1, 'sess', 'bench', $2, '{"ms":12}', 1.5, true)`,
};

async function main({ target, perSecond, seconds, from }: MirrorWriterOptions): Promise<Committed> {
  const pool = new Pool({ connectionString: target, max: CONNECTIONS });
  const committed = { ids: [] as number[], at: [] as number[] };
  const under = new Set<Promise<void>>();
  const since = now();
  for (let n = 0; now() - since < seconds * 1_000; n++) {
    const wait = since + (n * 1_000) / perSecond - now();
    if (wait > 0.5) await delay(wait);
    const id = from + n;
    const write = pool.query({ ...INSERT, values: [id, new Date().toISOString()] }).then(() => {
      committed.ids.push(id);
      committed.at.push(now());
    });
    const done = write.finally(() => under.delete(done));
    under.add(done);
    if (under.size >= CONNECTIONS * 4) await Promise.race(under);
  }
  await Promise.all(under);
  await pool.end();
  return committed;
}

process.send?.(await main(JSON.parse(process.argv[2] ?? '{}') as MirrorWriterOptions), () => process.disconnect());
