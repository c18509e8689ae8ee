/* `kill -9` while a change of the schema is followed, then another change and a restart: it is repeated, or was complete. */
import { expect, test } from 'vitest';
import { buildShop } from '../support/shop.ts';
import { caughtUp, openWorld, type World } from '../support/world.ts';

async function equal(world: World): Promise<void> {
  await world.until(caughtUp);
  await expect.poll(() => world.differences()).toEqual([]);
}

const REBUILD = `pragma foreign_keys = off; begin;
  create table n (order_id integer not null, n text not null, sku text not null default '', primary key (order_id, n));
  insert into n select * from line; drop table line; alter table n rename to line; commit`;

test.each(['schema.adopt:before', 'schema.adopt:after', 'schema.evolve:before', 'schema.evolve:after', 'postgres.apply:after'])(
  'killed at %s while it follows ADD COLUMN and a rebuild, a restart repeats or completes it [G2]',
  async point => {
    await using world = await openWorld(buildShop(100));
    const first = world.start();
    await equal(world);
    first.process.kill('SIGTERM');
    await first.exited;
    const second = world.start(point);
    world.app.exec(`alter table log add column level text default 'info'; ${REBUILD}`);
    world.app.exec(`insert into log (message, at) values ('since', 7); insert into line values (7, 'x', 'y')`);
    await second.exited;
    expect(second.process.signalCode).toBe('SIGKILL');
    world.app.exec(`alter table log rename column level to severity; insert into log (message, at) values ('again', 8)`);
    world.start();
    await equal(world);
    expect(await world.pg.query(`select count(*)::text as n from log where severity = 'info'`)).not.toEqual([{ n: '0' }]);
  },
);

test('the schema changes, and the journal is dropped, while the first copy runs [G1] [G6]', async () => {
  await using world = await openWorld(buildShop(2_000), { snapshot: { parallelChunks: 2, chunkRows: 100 } });
  world.start();
  await world.until(({ phase }) => phase === 'copying');
  world.app.exec(`alter table customer add column points integer default 5; alter table log rename to journal;
    create table tag (name text primary key); insert into tag values ('a'); update customer set points = 6 where id > 1900; ${REBUILD}`);
  world.app.exec('drop table _attacca_journal');
  const write = (): string => {
    world.app.prepare('select count(*) from tag').get(); // a connection that saw it go looks at the schema again when it reads
    try {
      world.app.exec(`insert into tag values ('b') on conflict do nothing`);
      return 'written';
    } catch (error) {
      return String(error);
    }
  };
  await expect.poll(write).toBe('written');
  await equal(world);
  expect(await world.pg.query(`select points::text, count(*)::text as n from customer group by 1 order by 1`)).toEqual([
    { points: '5', n: '1900' },
    { points: '6', n: '100' },
  ]);
});
