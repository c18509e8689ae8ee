import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { Lsn } from '../../src/change/change.ts';
import { wal } from '../../src/postgres/wal/wal.ts';
import { reader, reverse, thing } from './reverse.ts';

const FILL = /* sql */ `insert into "Things" (id, name) select i, repeat('x', 500) from generate_series(1, $1::int) i`;
/** More than the sockets between us and the server hold. */
const MANY = 50_000;
const KILL = /* sql */ `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active_pid is not null`;

test('a lost connection is a reason to try again, and loses nothing [G2]', async () => {
  await using world = await reverse();
  const { pg, options } = world;
  await pg.query(`insert into "Things" (id) values (1)`);
  const source = wal(options);
  await using stream = reader(source);
  const { position } = await stream.next();
  const waiting = stream.next();
  const refused = expect(waiting).rejects.toMatchObject({ disposition: 'retry' });
  await expect.poll(() => pg.query(KILL, [options.slot])).toHaveLength(1);
  await refused;
  await pg.query(`insert into "Things" (id) values (2)`);

  await using again = reader(source, position);
  expect((await again.next()).changes).toEqual([thing(2, null)]);
});

test('a connection lost in the middle of a transaction is an error to the sink, not the end of the changes [G2]', async () => {
  await using world = await reverse();
  const { pg, options } = world;
  await pg.query(FILL, [MANY]);
  const source = wal(options);
  const signal = new AbortController().signal;
  let seen = 0;
  const run = (async () => {
    for await (const { changes } of source.read(0n as Lsn, signal))
      for await (const _ of changes) if (++seen === 1000) await pg.query(KILL, [options.slot]);
  })();
  await expect(run).rejects.toMatchObject({ disposition: 'retry' });
  expect(seen).toBeLessThan(MANY);
});

test('a cancelled reader ends, waiting or in the middle of a transaction', async () => {
  await using world = await reverse();
  const { pg, options } = world;
  const waiting = new AbortController();
  const idle = (async () => {
    for await (const _ of wal(options).read(0n as Lsn, waiting.signal));
  })();
  await expect.poll(() => pg.query(`select 1 from pg_replication_slots where slot_name = $1 and active`, [options.slot])).toHaveLength(1);
  waiting.abort();
  await idle;

  await pg.query(FILL, [MANY]);
  const busy = new AbortController();
  const partly = (async () => {
    for await (const { changes } of wal(options).read(0n as Lsn, busy.signal)) {
      for await (const _ of changes) busy.abort(new Error('cancelled'));
      throw new Error('half a transaction looked whole');
    }
  })();
  await expect(partly).rejects.toThrow('cancelled');
});

test('a reader that is cancelled while it connects ends too, whenever that is', async () => {
  await using world = await reverse();
  for (let ms = 0; ms < 40; ms++) {
    const stop = new AbortController();
    const reading = (async () => {
      for await (const _ of wal(world.options).read(0n as Lsn, stop.signal));
    })();
    await delay(ms / 2);
    stop.abort();
    await reading;
  }
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Memory that is in use, in bytes: garbage that a busy machine has not collected yet is none. */
function inUse(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test('a transaction of 100 MB passes a slow sink in bounded memory', async () => {
  await using world = await reverse();
  const { pg, options } = world;
  await pg.query(FILL, [200_000]);
  const before = inUse();
  let [rows, most] = [0, 0];
  const stop = new AbortController();
  for await (const { changes } of wal(options).read(0n as Lsn, stop.signal)) {
    for await (const _ of changes) {
      if (++rows % 200 === 0) await setImmediate();
      if (rows % 5_000 === 0) {
        await delay(5);
        most = Math.max(most, inUse() - before);
      }
    }
    if (rows > 0) stop.abort();
  }
  expect(rows).toBe(200_000);
  expect(most).toBeLessThan(64 << 20);
});

test('a sink that needs longer than wal_sender_timeout keeps its connection', async () => {
  await using world = await reverse();
  const { pg, options } = world;
  await pg.query(`alter database ${options.slot} set wal_sender_timeout = '4s'`);
  await pg.query(FILL, [MANY]);
  const stop = new AbortController();
  let rows = 0;
  for await (const { changes } of wal(options).read(0n as Lsn, stop.signal)) {
    for await (const _ of changes) if (++rows === 10) await delay(8_000); // twice the limit, with the socket paused
    if (rows > 0) stop.abort();
  }
  expect(rows).toBe(MANY);
});

test('a limit for transactions that the database sets is none for the stream [G10]', async () => {
  await using world = await reverse();
  const { pg, options } = world;
  for (const name of ['transaction_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout'])
    if ((await pg.query('select from pg_settings where name = $1', [name])).length > 0)
      await pg.query(`alter database ${options.slot} set ${name} = '500ms'`);
  await pg.query(FILL, [MANY]);
  const stop = new AbortController();
  let rows = 0;
  for await (const { changes } of wal(options).read(0n as Lsn, stop.signal)) {
    for await (const _ of changes) if (++rows === 10) await delay(2_000); // long past the limit, in the middle of a transaction
    if (rows > 0) stop.abort();
  }
  expect(rows).toBe(MANY);
});

test('the limit for queries that the URL sets is none for the stream', async () => {
  await using world = await reverse();
  const { pg, options } = world;
  await using stream = reader(wal({ ...options, url: `${options.url}?application_name=x&query_timeout=4000` }));
  const waiting = stream.next();
  await delay(8_000); // twice the limit
  await pg.query(`insert into pairs values ('a', 1)`);
  expect((await waiting).changes).toMatchObject([{ op: 'insert', row: ['a', '1'] }]);
});

test('an idle connection answers the keepalives of a server that asks often', async () => {
  await using world = await reverse();
  const { pg, options } = world;
  await pg.query(`alter database ${options.slot} set wal_sender_timeout = '4s'`);
  await using stream = reader(wal(options));
  const waiting = stream.next();
  await delay(8_000);
  await pg.query(`insert into "Things" (id) values (1)`);
  expect((await waiting).changes).toEqual([thing(1, null)]);
});
