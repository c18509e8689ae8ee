/* What lasts is said when it begins and when it is over: the log of a long outage can still be read. */
import { expect, test } from 'vitest';
import { ownPostgres } from '../support/postgres.ts';
import { buildShop } from '../support/shop.ts';
import { caughtUp, openWorld } from '../support/world.ts';

test('while Postgres is away for many attempts each reason is said once, and so is the journal that fills; then that it is over [G7]', async () => {
  await using server = await ownPostgres();
  await using world = await openWorld(buildShop(300), { journal: { maxMarks: 2_000 } }, { server });
  const daemon = world.start();
  await world.until(caughtUp);
  const said = (what: string): string[] => daemon.log().match(new RegExp(`^.*"msg":"${what}"`, 'gm')) ?? [];
  await server.crash();
  await expect.poll(() => said('restarting until it works').length).toBeGreaterThan(0); // from here on marks count as waiting
  for (let n = 0; n < 6; n++) world.app.exec('update log set message = message || 1'); // 1,800 marks: nearly full
  await expect.poll(() => said('restarting').length).toBeGreaterThan(6);
  expect(said('the journal is nearly full')).toHaveLength(1);

  await server.start();
  await world.until(caughtUp);
  for (const over of ['the journal is no longer nearly full', 'it works again']) await expect.poll(() => said(over)).toHaveLength(1);
  const reasons = said('restarting until it works').map(line => JSON.parse(`${line}}`).err.message.replaceAll(/\d+/g, '#'));
  expect(new Set(reasons).size).toBe(reasons.length);
  expect(await world.differences()).toEqual([]);
});
