import { expect, test } from 'vitest';
import { backAgain, mirrored, mirroringWorld, writeInPostgres } from '../support/mirroring.ts';
import { buildShop } from '../support/shop.ts';
import { looks, openWorld } from '../support/world.ts';

test('while mirroring, marks are forgotten once they were compared: the file does not grow for as long as it lasts [G10]', async () => {
  await using world = await openWorld(buildShop(20));
  const daemon = await mirroringWorld(world);
  await world.pg.query(`insert into log (message, at) select 'many ' || n, 100000 + n from generate_series(1, 3000) n`);
  await writeInPostgres(world, 5);
  await world.until(mirrored);
  const marks = world.app.prepare('select count(*) from _attacca_journal').pluck();
  await expect.poll(() => marks.get(), { interval: 50 }).toBeLessThan(10);

  // Nobody should; in one transaction, before the next look puts it back.
  world.app.exec(`begin immediate; drop trigger _attacca_fence_update_1; update customer set note = 'past the fence' where id = 3; commit`);
  await expect.poll(() => daemon.log(), { interval: 50 }).toContain('differs');
  expect(daemon.log()).toContain('SQLite fence was broken and is up again');
  await looks(world, 2);
  expect(daemon.log().match(/"differs"/g), 'said once, though every round finds it').toHaveLength(1);
  await world.json(0, 'resync', '--yes');
  expect(await backAgain(world)).toEqual([]);
});
