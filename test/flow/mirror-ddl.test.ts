/* DDL in Postgres while it is primary: the stream does not carry it, and none of it goes by unseen [G7] [G10]. */
import { expect, test } from 'vitest';
import type { SwitchDocument } from '../../src/server/documents.ts';
import { backAgain, mirrored, mirroringWorld } from '../support/mirroring.ts';
import { buildShop } from '../support/shop.ts';
import { openWorld, type World } from '../support/world.ts';

const blocked = async (world: World): Promise<string[]> =>
  (await world.json<SwitchDocument>(3, 'rollback', '--dry-run')).blockers.map(({ code }) => code);

test('new columns and tables, TRUNCATE, a rewrite: the mirror goes on, and a rollback knows; a dropped column halts it [G7] [G9] [G10]', async () => {
  await using world = await openWorld(buildShop(40));
  const daemon = await mirroringWorld(world);
  const { pg, app } = world;
  await pg.query(`alter table orders add column channel text default 'web'; create table voucher (code text primary key)`);
  await pg.query(`insert into orders (id, customer_id, total, channel) values (9001, 1, 5, 'app')`);
  await pg.query('truncate log');
  const orders = app.prepare('select count(*) from orders where id = 9001').pluck();
  const logs = app.prepare('select count(*) from log').pluck();
  await expect.poll(() => [orders.get(), logs.get()]).toEqual([1, 0]);
  await expect.poll(() => daemon.log()).toContain('Postgres has what SQLite has not');
  expect(await blocked(world)).toEqual(['new-tables', 'new-columns']);
  await world.json(0, 'resync', '--yes'); // which has no place for them either
  await world.until(mirrored);
  expect(await blocked(world)).toEqual(['not-verified', 'new-tables', 'new-columns']);
  await world.json(0, 'verify');
  await pg.query('drop table voucher; alter table orders drop column channel');
  await world.json(0, 'rollback', '--dry-run');

  await pg.query(`alter table line alter column sku type text using sku || '!'`);
  await expect.poll(() => daemon.log()).toMatch(/"tables":\["line"\][^\n]*rewritten in Postgres/);
  const refused = await world.run('rollback', '--yes', '--json');
  expect([refused.code, refused.stdout], refused.stderr).toEqual([3, expect.stringContaining('"differences"')]);
  await world.json(0, 'resync', '--yes');
  await world.until(mirrored);
  await world.json(0, 'verify');
  expect(app.prepare(`select count(*) from line where sku like '%!'`).pluck().get()).toBe(40);

  await pg.query('alter table orders drop column photo');
  expect(await daemon.exited).toBe(1);
  expect(daemon.log()).toMatch(/Postgres no longer has orders.photo as SQLite has it[\s\S]+attacca sync[\s\S]+attacca finish/);
  expect(await blocked(world)).toContain('schema'); // `stopped` too, where the stream has come to it again by then
  await pg.query('alter table orders add column photo bytea; alter table orders replica identity full');
  await pg.query(`update orders set photo = decode('00', 'hex')`);
  world.start();
  await world.until(mirrored);
  await world.json(0, 'resync', '--yes');
  expect(await backAgain(world)).toEqual([]);
});

const PAIRS = /* sql */ `
  create table pair (id integer primary key, a text, b text, w text);
  insert into pair values (1, 'a1', 'b1', 'word'), (2, 'a2', 'b2', 'word');`;
/** As migrations of the application have made it. */
const OWN = /* sql */ `create type w as enum ('word'); create table pair (id bigserial primary key, a text, b text, w w)`;
const SWAP = 'alter table pair rename a to c; alter table pair rename b to a; alter table pair rename c to b';
const RELABEL = `alter type w rename value 'word' to 'term'`;
const ANEW = 'alter table pair drop column b; alter table pair add column b text';

test('columns that change names, one that is added again, an enum with another label, a publication that lacked a table: none of it passes [G7] [G9] [G10]', async () => {
  await using world = await openWorld(db => db.exec(PAIRS));
  await world.pg.query(OWN);
  const daemon = await mirroringWorld(world);
  const [published] = await world.pg.query('select pubname from pg_publication');
  const publication = `alter publication ${published!.pubname}`;
  const unseen = [`${publication} drop table pair`, `update pair set a = 'unseen' where id = 1`, `${publication} add table pair`].join(
    '; ',
  );
  for (const [times, statements] of [SWAP, ANEW, RELABEL, unseen].entries()) {
    await world.pg.query(statements);
    await expect.poll(() => daemon.log().split('they are compared whole').length - 1, { timeout: 30_000 }).toBe(times + 1);
    const refused = await world.run('rollback', '--yes', '--json');
    expect([refused.code, refused.stdout], refused.stderr).toEqual([3, expect.stringContaining('"differences"')]);
    await world.json(0, 'resync', '--yes');
    await world.until(mirrored);
    await world.json(0, 'verify');
  }
  expect(world.app.prepare('select a, b, w from pair').raw().all()).toEqual([
    ['unseen', null, 'term'],
    ['b2', null, 'term'],
  ]);
  await world.json(0, 'rollback', '--yes');
});

test('tables whose fence was dropped, switched off or went with a table that was made anew are fenced again by a rollback [G8]', async () => {
  await using world = await openWorld(buildShop(20));
  await mirroringWorld(world);
  const { pg } = world;
  await pg.query('drop trigger _attacca_fence on orders; alter table customer disable trigger _attacca_fence');
  await pg.query('alter table log rename to old_log; create table log (like old_log including all); insert into log select * from old_log');
  await pg.query('alter table log replica identity full; drop table old_log');
  await world.json(0, 'resync', '--yes');
  await world.until(mirrored);
  await world.json(4, 'verify'); // its sequence is another one now, which refuses no rollback
  await world.json(0, 'rollback', '--yes');
  expect(await world.differences()).toEqual([]);
  for (const table of ['orders', 'customer', 'log', 'line'])
    await expect(pg.query(`delete from ${table}`), table).rejects.toThrow(/ATTACCA_FENCED epoch=2 primary=sqlite/);
});
