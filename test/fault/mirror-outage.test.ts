/* The mirror outlives what happens to Postgres and to the network between: it goes on by itself, and loses nothing [G2] [G10]. */
import { expect, test } from 'vitest';
import { backAgain, mirrored, mirroringWorld, writeInPostgres } from '../support/mirroring.ts';
import { connect, ownPostgres } from '../support/postgres.ts';
import { startProxy } from '../support/proxy.ts';
import { buildShop } from '../support/shop.ts';
import { isRunning, openWorld } from '../support/world.ts';

const LARGE = /* sql */ `insert into log (message, at) select 'large ' || n, 1000000 + n from generate_series(1, 20000) n`;

test('Postgres that crashes and a network that cuts, in small and large transactions: the mirror is equal in the end [G2] [G10]', async () => {
  await using server = await ownPostgres();
  const direct = new URL(server.url);
  await using proxy = await startProxy({ host: direct.hostname, port: Number(direct.port) });
  const target = Object.assign(new URL(server.url), { port: String(proxy.port) }).href;
  await using world = await openWorld(buildShop(60), { target }, { server });
  const daemon = await mirroringWorld(world);
  let id = 7_000_000;
  const write = async (): Promise<void> => {
    const client = await connect(server.url);
    for (let n = 0; n < 20; n++) {
      await client.query(`insert into customer (id, email, vip) values ($1, $2, true)`, [++id, `out${id}@example.org`]);
      await client.query(`update orders set total = total + 1 where id = $1`, [1 + (id % 60)]);
    }
    await client.end();
  };
  for (let round = 0; round < 3; round++) {
    await write();
    if (round % 2 === 0) await server.query(LARGE);
    proxy.cut();
    await write();
    await server.crash();
    await server.start();
    if (round === 1) await world.until(mirrored);
  }
  await write();
  await expect.poll(() => world.differences(), { interval: 500 }).toEqual([]);
  expect(isRunning(daemon), 'it went on by itself').toBe(true);
  expect(await backAgain(world)).toEqual([]);
  expect(world.app.prepare('select count(*) from customer where id > 7000000').pluck().get()).toBe(id - 7_000_000);
});

const END = /* sql */ `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like $1`;

test.each(['attacca sync %', 'attacca side of %'])(
  'whose session %s was ended while nothing was asked of it: opened anew [G9] [G10]',
  async name => {
    await using world = await openWorld(buildShop(20));
    const daemon = await mirroringWorld(world);
    const before = daemon.log().split('restarting').length;
    expect(await world.pg.query(END, [name])).toHaveLength(1);
    await expect.poll(() => daemon.log().split('restarting').length, { timeout: 30_000 }).toBeGreaterThan(before);
    expect(await backAgain(world)).toEqual([]);
  },
);

const READ_ONLY = (on: 'on' | 'off'): string =>
  `do $$ begin execute format('alter database %I set default_transaction_read_only = ${on}', current_database()); end $$`;

test('where new sessions may not write, as hosts do it with a full disk, the comparison waits and the mirror goes on [G7]', async () => {
  await using world = await openWorld(buildShop(20));
  const daemon = await mirroringWorld(world);
  await world.pg.query(READ_ONLY('on'));
  await writeInPostgres(world, 1);
  await expect.poll(() => daemon.log(), { timeout: 30_000 }).toContain('the mirror cannot be compared now');
  await world.pg.query(READ_ONLY('off'));
  await expect.poll(() => daemon.log(), { timeout: 30_000 }).toContain('the mirror is compared again');
  expect(await backAgain(world)).toEqual([]);
});
