import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkLedgers, type Query } from '../../src/demo/check.ts';
import { type Line, readLedger } from '../../src/demo/ledger.ts';
import { buildApplication } from '../../src/demo/seed.ts';
import type { WriterMessage, WriterOptions } from '../../src/demo/writer.ts';

const folder = mkdtempSync(join(tmpdir(), 'attacca-writers-'));
const source = join(folder, 'shop.db');
const flag = { path: join(folder, 'app.env') };
const ledgers = [1, 2, 3].map(writer => join(folder, `writer-${writer}.ndjson`));
const WRITER = new URL('../../src/demo/writer.ts', import.meta.url);
const WRITES = 250;

function start(writer: number): ChildProcess {
  const options: WriterOptions = {
    writer,
    source,
    target: 'postgresql://localhost:1/none',
    flag,
    ledger: ledgers[writer - 1]!,
    writesPerSecond: 250,
  };
  return fork(WRITER, [JSON.stringify(options)], { execArgv: ['--disable-warning=ExperimentalWarning'] });
}

/** Lets a writer make at least `WRITES` writes, stops it, and gives its last message. */
async function run(writer: number): Promise<WriterMessage> {
  const child = start(writer);
  const gone = new AbortController();
  const exit = once(child, 'exit').finally(() => gone.abort());
  const message = async (): Promise<WriterMessage> => (await once(child, 'message', { signal: gone.signal }))[0];
  const ready = await message();
  expect(ready).toEqual({ kind: 'ready' });
  while (readLedger(ledgers[writer - 1]!).length < WRITES) await new Promise(resolve => setImmediate(resolve));
  child.send('stop');
  const stopped = await message();
  expect((await exit)[0]).toBe(0);
  return stopped;
}

let db: InstanceType<typeof Database>;
const query: Query = async sql => db.prepare<[], Record<string, unknown>>(sql).all();
const check = () => checkLedgers(ledgers, query);

beforeAll(async () => {
  buildApplication(source);
  writeFileSync(flag.path, 'DB_TYPE=sqlite\n');
  db = new Database(source);
  const stopped = await Promise.all([run(1), run(2), run(3)]);
  for (const message of stopped) expect(message).toMatchObject({ kind: 'stopped', unknown: 0, failed: 0, error: null });
});
afterAll(() => {
  db.close();
  rmSync(folder, { recursive: true });
});

describe('the ledgers of writers on one SQLite file', () => {
  test('agree with it', async () => {
    const { acknowledgedWrites, ...wrong } = await check();
    expect(acknowledgedWrites).toBeGreaterThanOrEqual(3 * WRITES);
    expect(wrong).toEqual({ lostWrites: 0, duplicatedWrites: 0 });
  });

  test('cover every kind of write', () => {
    const kinds = ledgers
      .flatMap(readLedger)
      .flatMap(line => line.entries.map(entry => (entry[0] === 'put' || entry[0] === 'del' ? `${entry[0]} ${entry[1]}` : entry[0])));
    const all = ['add', 'del orders', 'del sessions', 'log', 'put coupons', 'put customers', 'put orders', 'put reviews', 'put sessions'];
    expect([...new Set(kinds)].sort()).toEqual(all);
  });

  const FIRST = "(select min(product_id) from stock where warehouse = 'writer-1')";
  const LAST = 'select max(id) from orders where revision is not null';
  test.each([
    ['a missing row', `delete from orders where id = (${LAST})`, { lostWrites: 1, duplicatedWrites: 0 }],
    ['an older row', `update orders set revision = 'w1-0' where id = (${LAST})`, { lostWrites: 1, duplicatedWrites: 0 }],
    [
      'a lost count',
      `update stock set quantity = quantity - 2 where warehouse = 'writer-1' and product_id = ${FIRST}`,
      { lostWrites: 2, duplicatedWrites: 0 },
    ],
    [
      'a double count',
      `update stock set quantity = quantity + 3 where warehouse = 'writer-1' and product_id = ${FIRST}`,
      { lostWrites: 0, duplicatedWrites: 3 },
    ],
    [
      'a lost row without a key',
      'delete from activity where rowid = (select max(rowid) from activity)',
      { lostWrites: 1, duplicatedWrites: 0 },
    ],
    [
      'a double row without a key',
      'insert into activity select * from activity where rowid = (select max(rowid) from activity)',
      { lostWrites: 0, duplicatedWrites: 1 },
    ],
    [
      'an order placed twice',
      `insert into orders (customer_id, revision) select customer_id, revision from orders where id = (${LAST})`,
      { lostWrites: 0, duplicatedWrites: 1 },
    ],
  ])('find %s', async (_, sql, wrong) => {
    db.exec(`begin; pragma defer_foreign_keys = on; ${sql}`);
    const found = await check();
    db.exec('rollback');
    expect(found).toMatchObject(wrong);
  });

  test('count an unknown outcome neither as lost nor as doubled, whichever way it went', async () => {
    const unknown = (entries: Line['entries']): string =>
      `${JSON.stringify({ start: 0, end: 0, outcome: 'unknown', entries } satisfies Line)}\n`;
    const claims: Line['entries'] = [
      ['put', 'orders', '?', 'maybe'],
      ['log', 'maybe'],
      ['add', `writer-1:${db.prepare(`select ${FIRST}`).pluck().get()}`, 1],
      ['put', 'sessions', 'writer-1-new', 'maybe'],
    ];
    appendFileSync(ledgers[0]!, unknown(claims));
    expect(await check()).toMatchObject({ lostWrites: 0, duplicatedWrites: 0 });
    db.exec("begin; insert into orders (customer_id, revision) values (1, 'maybe'); insert into activity (token) values ('maybe')");
    db.exec("insert into sessions (token, expires_at, revision) values ('writer-1-new', 1, 'maybe')");
    db.exec(`update stock set quantity = quantity + 1 where warehouse = 'writer-1' and product_id = ${FIRST}`);
    const found = await check();
    db.exec('rollback');
    expect(found).toMatchObject({ lostWrites: 0, duplicatedWrites: 0 });
  });
});
