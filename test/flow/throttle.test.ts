import { expect, test } from 'vitest';
import { buildShop } from '../support/shop.ts';
import { openWorld } from '../support/world.ts';

test('a copy that would take hours is let go while it runs [G6]', async () => {
  await using world = await openWorld(buildShop(2_000), { snapshot: { rowsPerSecond: 1 } });
  expect((await world.run('throttle', '--rows-per-second', '5')).code, 'nobody is there to be throttled').toBe(3);
  world.start();
  await world.until(({ phase, tables }) => phase === 'copying' && tables.some(({ rows }) => rows > 0));
  expect(await world.json(0, 'throttle')).toEqual({ rowsPerSecond: 1, nice: 0 });
  expect(await world.json(0, 'throttle', '--rows-per-second', 'off', '--nice', '0.1')).toEqual({ rowsPerSecond: null, nice: 0.1 });
  const { throttle } = await world.until(({ phase, lag }) => phase === 'shadowing' && lag?.changes === '0');
  expect(throttle).toEqual({ rowsPerSecond: null, nice: 0.1 });
  expect(await world.differences()).toEqual([]);
});
