/*
 * Schema changes while a daemon shadows and an application writes: each is followed, both sides are equal afterwards, and no
 * write of the application ever failed.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { buildShop } from '../support/shop.ts';
import { caughtUp, openWorld, type World } from '../support/world.ts';

/** Writes a row at a time into `log`, whatever its other columns are; keeps what failed. */
function writer(world: World) {
  let on = true;
  let n = 0;
  const failed: string[] = [];
  const running = (async () => {
    for (; on; n++) {
      try {
        world.app.prepare('insert into log (message, at) values (?, ?)').run(`row ${n}`, BigInt(n));
        world.app.prepare('update log set at = at + 1000 where at = ?').run(BigInt(n - 3));
        world.app.prepare('delete from log where at = ?').run(BigInt(n - 9 + 1000));
      } catch (error) {
        failed.push(String(error));
      }
      await new Promise(resolve => setTimeout(resolve, 2));
    }
  })();
  return {
    written: () => n,
    async stop(): Promise<void> {
      on = false;
      await running;
      expect(failed).toEqual([]);
    },
  };
}

let world: World;
beforeAll(async () => {
  world = await openWorld(buildShop(200));
  world.start();
  await world.until(caughtUp);
});
afterAll(() => world[Symbol.asyncDispose]());

const columnsOf = async (table: string): Promise<unknown[]> =>
  (
    await world.pg.query(
      `select column_name as name from information_schema.columns where table_schema = 'public' and table_name = $1 order by ordinal_position`,
      [table],
    )
  ).map(({ name }) => name);
const tables = async (): Promise<unknown[]> =>
  (await world.pg.query(`select tablename as name from pg_tables where schemaname = 'public' order by 1`)).map(({ name }) => name);
const indexes = async (): Promise<unknown[]> =>
  (await world.pg.query(`select indexname as name from pg_indexes where schemaname = 'public' order by 1`)).map(({ name }) => name);

const REBUILD = /* sql */ `
  pragma foreign_keys = off; begin;
  create table line_new (order_id text not null, n integer not null, sku text not null default 'none', extra real, primary key (order_id, n));
  insert into line_new (order_id, n, sku) select order_id, n, sku from line;
  drop table line; alter table line_new rename to line; commit`;

/** In this order on one database, as an application grows: [what, SQL, what Postgres has then]. */
const STEPS: readonly (readonly [string, string, () => Promise<void>])[] = [
  [
    'ADD COLUMN',
    `alter table log add column level text not null default 'info'`,
    async () => expect(await columnsOf('log')).toContain('level'),
  ],
  [
    'ADD COLUMN without a default',
    'alter table customer add column phone text; update customer set phone = id where id < 50',
    async () => expect(await columnsOf('customer')).toContain('phone'),
  ],
  [
    'ADD COLUMN of a number',
    'alter table customer add column points integer default -7',
    async () => expect(await world.pg.query('select distinct points::text as p from customer')).toEqual([{ p: '-7' }]),
  ],
  [
    'RENAME COLUMN',
    'alter table customer rename column phone to telephone',
    async () => expect(await columnsOf('customer')).toContain('telephone'),
  ],
  [
    'RENAME of a key column',
    'alter table orders rename column id to order_no',
    async () => expect(await columnsOf('orders')).toContain('order_no'),
  ],
  ['DROP COLUMN', 'alter table customer drop column telephone', async () => expect(await columnsOf('customer')).not.toContain('telephone')],
  ['CREATE INDEX', 'create index log_by_level on log (level, at)', async () => expect(await indexes()).toContain('log_by_level')],
  [
    'CREATE UNIQUE INDEX',
    'create unique index order_by_place on orders (customer_id, placed, order_no)',
    async () => expect(await indexes()).toContain('order_by_place'),
  ],
  ['DROP INDEX', 'drop index log_by_level', async () => expect(await indexes()).not.toContain('log_by_level')],
  [
    'CREATE TABLE with rows',
    `begin; create table tag (name text primary key, weight real); insert into tag values ('a', 1.5), ('b', null); commit`,
    async () => expect(await tables()).toContain('tag'),
  ],
  [
    'CREATE TABLE, empty, and a wider key',
    'create table wide (a integer, b integer, c integer, d text, primary key (a, b, c)) without rowid; insert into wide values (1, 2, 3, 4)',
    async () => expect(await tables()).toContain('wide'),
  ],
  [
    'RENAME TABLE',
    `alter table tag rename to label; insert into label values ('c', 2)`,
    async () => expect(await tables()).not.toContain('tag'),
  ],
  [
    'two tables that change names',
    'begin; alter table label rename to aside; alter table wide rename to label; alter table aside rename to wide; commit',
    async () => expect(await columnsOf('label')).toContain('d'),
  ],
  [
    'a rebuild that leaves the schema as it was',
    `begin; create table n (message text, at integer, level text not null default 'info'); insert into n select * from log; drop table log; alter table n rename to log; commit`,
    async () => undefined,
  ],
  [
    'a rebuild with another key and another type',
    REBUILD,
    async () => expect(await columnsOf('line')).toEqual(['order_id', 'n', 'sku', 'extra']),
  ],
  ['VACUUM with a table that has no key', `delete from log where rowid % 2 = 0; vacuum`, async () => undefined],
  ['DROP TABLE', 'drop table label', async () => expect(await tables()).not.toContain('label')],
  [
    'several at once',
    `begin; alter table log add column host text; drop table wide; create table label (x); insert into label values (1); alter table customer add column vat text; commit`,
    async () => expect(await columnsOf('log')).toContain('host'),
  ],
  [
    'our triggers dropped by hand',
    `drop trigger _attacca_insert_2; drop trigger _attacca_update_2; insert into label values (2)`,
    async () => undefined,
  ],
  ['the canary dropped by hand', 'drop table _attacca_canary', async () => undefined],
  ['the control table dropped by hand', 'drop table _attacca_control', async () => undefined],
];

test.each(STEPS)('%s is followed while the application writes [G1] [G3] [G6]', async (_what, sql, then) => {
  const writing = writer(world);
  world.app.exec(sql);
  const after = writing.written() + 20;
  await expect.poll(() => writing.written()).toBeGreaterThan(after);
  await writing.stop();
  await world.until(caughtUp);
  await expect.poll(() => world.differences()).toEqual([]);
  await vi.waitFor(then, { timeout: 60_000 }); // indexes come after the rows
});

test('after all of them the catalog of Postgres is what the plan makes anew: verification finds nothing amiss', async () => {
  expect(await world.json(0, 'verify')).toMatchObject({ ok: true, objects: [] });
});
