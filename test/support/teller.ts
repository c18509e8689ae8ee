/* A process of the bank's application: `node teller.ts '{"writer":1,…}'`. Told `pause` it finishes what is in flight and says how many transactions were acknowledged. */
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { Pool } from 'pg';
import { createDatabase } from '../../src/client/client.ts';
import { transact } from './bank.ts';
import { numbersFrom } from './random.ts';

export type TellerOptions = {
  readonly writer: number;
  readonly source: string;
  readonly url: string;
  readonly flag: string;
  readonly everyMs: number;
};

const { writer, source, url, flag, everyMs } = JSON.parse(process.argv[2] ?? '') as TellerOptions;
const db = await createDatabase({
  flag: { path: flag },
  sqlite: () => new Database(source),
  postgres: () => new Pool({ connectionString: url, max: 2, options: '-c search_path=public' }).on('error', () => undefined),
  waitMs: 120_000,
});
const numbers = numbersFrom(Number(process.env.ATTACCA_SEED ?? 1) + writer);
const pick = (below: number): number => numbers() % below;
let acknowledged = 0;
let paused: (() => void) | undefined;
let resume: () => void = () => undefined;

process.on('message', message => {
  if (message === 'pause') paused = () => process.send?.({ paused: acknowledged });
  else resume();
});
process.on('disconnect', () => process.exit(0));

for (let n = 1; ; n++) {
  const sqlite = db.primary() === 'sqlite';
  await db.transaction(tx => transact(tx, { writer, n, pick, sqlite: sqlite && db.primary() === 'sqlite' }));
  acknowledged++;
  if (n === 1) process.send?.({ ready: true });
  if (paused !== undefined) {
    const resumed = new Promise<void>(resolve => {
      resume = resolve;
    });
    paused();
    paused = undefined;
    await resumed;
  }
  await delay((everyMs * 2 * numbers()) / 2 ** 32);
}
