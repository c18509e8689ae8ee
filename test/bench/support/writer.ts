/*
 * A writing application: one autocommit statement after the other. Started by `startWriter` with WriterOptions; sends one Written
 * when its time is up, or when it is sent any message.
 */
import { setImmediate } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { now } from './clock.ts';

export type WriterOptions = {
  readonly source: string;
  /** 0: as fast as it can. */
  readonly perSecond: number;
  readonly seconds: number;
  /** Also updates rows that are there already. */
  readonly updates: boolean;
};

/** `ids` were committed at `at` (ms of the common clock), and that took `took` ms each. Of the fastest writer a sample. */
export type Written = {
  readonly ids: readonly number[];
  readonly at: readonly number[];
  readonly took: readonly number[];
  readonly writes: number;
  readonly seconds: number;
};

const INSERT = /* sql */ `insert into events (session, type, created_at, payload, score, flagged) values (?, 'bench', ?, ?, ?, ?)`;
const UPDATE = /* sql */ `update events set score = ? where id = ?`;
const PAYLOAD = JSON.stringify({ path: '/checkout', ms: 12, tags: ['a', 'b'], ok: true });
const SAMPLE_MS = 5;
const LOOK_UP_EVERY_MS = 20;

async function main({ source, perSecond, seconds, updates }: WriterOptions): Promise<Written> {
  const db = new Database(source, { timeout: 10_000 });
  const insert = db.prepare(INSERT);
  const update = db.prepare(UPDATE);
  const most = db.prepare<[], number>('select max(id) from events').pluck().get() ?? 1;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const written = { ids: [] as number[], at: [] as number[], took: [] as number[] };
  let stopped = false;
  process.on('message', () => {
    stopped = true;
  });
  let writes = 0;
  let [sampled, lookedUp] = [0, 0];
  const since = now();
  const end = since + seconds * 1_000;
  for (let due = since; !stopped && now() < end; due += perSecond === 0 ? 0 : 1_000 / perSecond) {
    const wait = due - now();
    if (perSecond > 0 && wait > 0) Atomics.wait(sleeper, 0, 0, wait);
    const created = new Date().toISOString();
    const before = now();
    let id = 0;
    if (updates && writes % 2 === 1) update.run(writes / 3, 1 + ((writes * 7919) % most));
    else id = Number(insert.run(`sess-${writes % 1_000}`, created, PAYLOAD, writes / 7, writes % 2).lastInsertRowid);
    const after = now();
    writes++;
    if (perSecond > 0 || after - sampled > SAMPLE_MS) {
      sampled = after;
      written.ids.push(id);
      written.at.push(after);
      written.took.push(after - before);
    }
    if (after - lookedUp > LOOK_UP_EVERY_MS) {
      lookedUp = after;
      await setImmediate(); // a message may be waiting
    }
  }
  db.close();
  return { ...written, writes, seconds: (now() - since) / 1_000 };
}

process.send?.(await main(JSON.parse(process.argv[2] ?? '{}') as WriterOptions), () => process.disconnect());
