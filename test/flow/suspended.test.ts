/* A table whose rows do not fit, in the real daemon: the others go on, and it comes back when they are corrected. */
import { expect, test } from 'vitest';
import type { Blocker } from '../../src/change/errors.ts';
import type { QuarantineDocument, VerifyDocument } from '../../src/server/documents.ts';
import { buildShop } from '../support/shop.ts';
import { caughtUp, openWorld } from '../support/world.ts';

test('a suspended table is named, stands in the way of a cutover, stops nothing else, and comes back whole [G4] [G9]', async () => {
  await using world = await openWorld(buildShop(50), { quarantine: { policy: 'suspend', afterRows: 1 } });
  world.start();
  await world.until(caughtUp);

  world.app.exec(`insert into log values ('bad', 'no number'), ('worse', 'none either')`);
  const { suspended, verification } = await world.until(status => status.suspended.length > 0);
  expect(suspended).toEqual([{ table: 'log', reason: '2 rows are in quarantine, more than 1' }]);

  world.app.exec(`insert into log values ('while suspended', 1); update orders set total = 77 where id = 7`);
  const after = Number(verification.upTo ?? 0);
  await world.until(({ lag, verification }) => lag?.changes === '0' && Number(verification.upTo ?? 0) > after);
  expect(await world.pg.query(`select total from orders where id = 7`)).toEqual([{ total: '77' }]);
  expect(await world.pg.query(`select count(*) from log where message = 'while suspended'`)).toEqual([{ count: '0' }]);
  const { blockers } = await world.json<{ blockers: Blocker[] }>(3, 'cutover', '--dry-run');
  expect(blockers.find(({ code }) => code === 'suspended')?.reason).toContain('log');

  world.app.exec(`update log set at = 5 where message in ('bad', 'worse')`);
  await world.json<QuarantineDocument>(0, 'quarantine', 'retry');
  await world.until(status => status.suspended.length === 0 && status.quarantine === 0);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, differences: 0 });
  expect(await world.differences()).toEqual([]);
});
