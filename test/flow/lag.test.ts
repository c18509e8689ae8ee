/* What `status` says of lag while somebody keeps the other side from taking anything: how much waits, and for how long. */
import { expect, test } from 'vitest';
import { callDaemon } from '../../src/server/call.ts';
import { StatusDocument } from '../../src/server/documents.ts';
import { mirrored, mirroringWorld } from '../support/mirroring.ts';
import { connect } from '../support/postgres.ts';
import { buildShop } from '../support/shop.ts';
import { caughtUp, openWorld, type World } from '../support/world.ts';

const LONG_MS = 5_000;

/** `write` commits what cannot be applied: from then on the lag is as old as that, and not older. */
async function ages(world: World, write: () => unknown): Promise<StatusDocument['lag']> {
  const before = performance.now();
  await write();
  const after = performance.now();
  for (;;) {
    const asked = performance.now();
    const { lag } = StatusDocument.parse((await callDaemon(world.source, { operation: 'status' }, () => undefined))?.result);
    expect(lag?.ms).toBeLessThanOrEqual(performance.now() - before + SLACK_MS);
    if ((lag?.ms ?? 0) < LONG_MS) continue;
    expect(asked - after, 'it had to be noticed, and this machine may be busy').toBeLessThan(2 * LONG_MS);
    return lag;
  }
}

/** Times are rounded, and while mirroring a heartbeat of before may be the last that came through. */
const SLACK_MS = 2_000;

test('with Postgres frozen for five seconds the lag says five seconds and how many changes; afterwards none', async () => {
  await using world = await openWorld(buildShop(20));
  world.start();
  await world.until(caughtUp);
  const freezer = await connect(world.pg.url);
  await freezer.query('begin; lock table public.log in access exclusive mode');
  const late = (): unknown => world.app.exec("insert into log values ('late', 1)");
  await ages(world, late);
  for (let n = 0; n < 3; n++) late(); // behind what it is applying already
  expect((await world.until(({ lag }) => lag?.changes !== '1')).lag?.changes).toBe('4');
  expect(world.daemon().log(), 'it has not begun anew, and looked then').not.toContain('restarting');
  await freezer.query('rollback');
  await freezer.end();
  expect((await world.until(caughtUp)).lag).toEqual({ changes: '0', ms: 0 });
});

test('with SQLite frozen the mirror’s lag says so too', async () => {
  await using world = await openWorld(buildShop(20));
  await mirroringWorld(world);
  world.app.exec('begin immediate');
  await ages(world, () => world.pg.query("insert into log (message, at) values ('late', 1)"));
  world.app.exec('rollback');
  await world.until(mirrored);
});
