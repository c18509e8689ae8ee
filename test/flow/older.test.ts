/* An installation that an older version made is refused before anything is done with it, and can be given up [G7] [G11]. */
import { expect, test } from 'vitest';
import type { Blocker } from '../../src/change/errors.ts';
import { buildShop } from '../support/shop.ts';
import { openWorld } from '../support/world.ts';

test('what an older version has installed is refused by name, and goes with `uninstall` [G7] [G11]', async () => {
  await using world = await openWorld(buildShop(5));
  await world.json(0, 'sync', '--once');
  await world.pg.query('drop table attacca.round; alter table attacca.scheduled drop column approved_by');
  for (const command of [['sync', '--once'], ['status'], ['verify'], ['cutover', '--yes']]) {
    const { blockers } = await world.json<{ blockers: Blocker[] }>(3, ...command);
    expect(blockers.map(({ code }) => code)).toEqual(['older-version']);
    expect(blockers[0]?.reason).toMatch(/attacca\.round, attacca\.scheduled\.approved_by$/);
  }
  await world.json(0, 'uninstall', '--yes');
  expect(await world.pg.query(`select from pg_namespace where nspname = 'attacca'`)).toEqual([]);
});
