/* A schema in Postgres whose name has to be quoted [G7] [G9]. */
import { expect, test } from 'vitest';
import type { VerifyDocument } from '../../src/server/documents.ts';
import { mirrored, mirroringWorld } from '../support/mirroring.ts';
import { buildShop } from '../support/shop.ts';
import { openWorld } from '../support/world.ts';

test('objects and sequences in a schema with blanks and capitals are compared, there and back [G7] [G9]', async () => {
  await using world = await openWorld(buildShop(5), { schema: 'My Shop' });
  await world.pg.query('create schema "My Shop"');
  await mirroringWorld(world);
  await world.pg.query('drop index "My Shop".orders_by_customer; alter sequence "My Shop".orders_id_seq increment by 7');
  await world.until(mirrored);
  const { objects } = await world.json<VerifyDocument>(4, 'verify');
  expect(objects.map(({ kind, name, problem }) => [kind, name, problem])).toEqual([
    ['index', 'orders_by_customer', 'missing'],
    ['sequence', 'id', 'changed'],
  ]);
  await world.pg.query(
    'create index orders_by_customer on "My Shop".orders (customer_id); alter sequence "My Shop".orders_id_seq increment by 1',
  );
  await world.pg.query(`insert into "My Shop".orders (customer_id, total) values (1, 5)`);
  await world.until(mirrored);
  await world.json(0, 'rollback', '--yes');
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true });
  expect(world.app.prepare('select max(id), total from orders').raw().get()).toEqual([6, 5]);
});
