/*
 * A process of the demo's application: writes through attacca/client at its pace and keeps a ledger of what was acknowledged.
 * Started as `node dist/demo/writer.js '{"writer":1,…}'`. `stop` on the IPC channel (or its end, or SIGTERM) lets it finish the
 * transaction in flight; it then sends its counts and exits 0.
 */
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { Pool } from 'pg';
import { type AppDatabase, createDatabase, type FlagOptions, OutcomeUnknown } from '../client/client.ts';
import { openLedger } from './ledger.ts';
import { workload } from './workload.ts';

export type WriterOptions = {
  /** From 1 to 8; each has keys of its own. */
  readonly writer: number;
  readonly source: string;
  readonly target: string;
  readonly flag: FlagOptions;
  readonly ledger: string;
  readonly writesPerSecond: number;
};

/** Sent to the parent: `ready` after the first acknowledged write, `stopped` at the end. `failed` were refused and not written. */
export type WriterMessage =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'stopped';
      readonly acknowledged: number;
      readonly unknown: number;
      readonly failed: number;
      readonly error: string | null;
    };

async function main(options: WriterOptions): Promise<void> {
  const stop = new AbortController();
  process.on('message', () => stop.abort());
  for (const event of ['disconnect', 'SIGTERM', 'SIGINT'] as const) process.on(event, () => stop.abort());
  const app = await createDatabase({
    flag: options.flag,
    sqlite: () => new Database(options.source, { fileMustExist: true }),
    postgres: () => new Pool({ connectionString: options.target, max: 2 }),
  });
  const counts = await write(app, options, stop.signal);
  await app.close();
  send({ kind: 'stopped', ...counts });
  if (process.connected) process.disconnect();
}

const send = (message: WriterMessage): void => {
  if (process.connected) process.send?.(message);
};

/** Comparable between processes, and steady within one. */
const now = (): number => performance.timeOrigin + performance.now();

/** One transaction after the other. A tick that was missed while waiting is left out, so a pause is seen as one. */
async function write(app: AppDatabase, options: WriterOptions, signal: AbortSignal) {
  const work = workload(options.writer, Math.random);
  const ledger = openLedger(options.ledger);
  const counts = { acknowledged: 0, unknown: 0, failed: 0, error: null as string | null };
  const interval = 1_000 / options.writesPerSecond;
  for (let due = now(); !signal.aborted; due = Math.max(due + interval, now())) {
    await delay(Math.max(0, due - now()), undefined, { signal }).catch(() => {}); // stopped: the loop ends
    if (signal.aborted) break;
    const { claims, run } = work.next();
    const start = now();
    try {
      const entries = await app.transaction(run);
      ledger.append({ start, end: now(), outcome: 'acknowledged', entries });
      work.done(entries);
      if (++counts.acknowledged === 1) send({ kind: 'ready' });
    } catch (error) {
      if (error instanceof OutcomeUnknown) {
        ledger.append({ start, end: now(), outcome: 'unknown', entries: claims });
        counts.unknown++;
      } else {
        counts.failed++; // rolled back: the application knows that nothing was written
        counts.error ??= String(error);
      }
    }
  }
  ledger.close();
  return counts;
}

await main(JSON.parse(process.argv[2] ?? '{}') as WriterOptions);
