/*
 * A reader of the mirror: asks SQLite again and again for rows it has not seen, and remembers when it first saw each. Started by
 * `startMirrorReader` with MirrorReaderOptions; sends `ready`, then one Arrived when it is sent any message.
 */
import { setImmediate } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { now } from './clock.ts';

export type MirrorReaderOptions = { readonly source: string; readonly from: number };

/** Row `ids[n]` was seen at `at[n]`. */
export type Arrived = { readonly ids: readonly number[]; readonly at: readonly number[] };

const PAUSE_MS = 0.2;

async function main({ source, from }: MirrorReaderOptions): Promise<Arrived> {
  const db = new Database(source, { readonly: true, timeout: 10_000 });
  const newer = db.prepare<[number], number>('select id from events where id >= ?').pluck();
  const seen = new Map<number, number>();
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  let next = from;
  let stopped = false;
  process.on('message', () => {
    stopped = true;
  });
  process.send?.('ready');
  while (!stopped) {
    for (const id of newer.all(next)) if (!seen.has(id)) seen.set(id, now());
    while (seen.has(next)) next++;
    Atomics.wait(sleeper, 0, 0, PAUSE_MS);
    await setImmediate();
  }
  db.close();
  return { ids: [...seen.keys()], at: [...seen.values()] };
}

process.send?.(await main(JSON.parse(process.argv[2] ?? '{}') as MirrorReaderOptions), () => process.disconnect());
