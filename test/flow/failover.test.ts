import { expect, test } from 'vitest';
import type { StatusDocument } from '../../src/server/documents.ts';
import { backAgain, mirrored, mirroringWorld, writeInPostgres } from '../support/mirroring.ts';
import { buildShop } from '../support/shop.ts';
import { hasStandby, standbyPair } from '../support/standby.ts';
import { openWorld } from '../support/world.ts';

test.skipIf(!hasStandby)(
  'a failover to a standby without the slot, and without the last commits, is noticed and resynced [G7] [G10]',
  async () => {
    await using pair = await standbyPair();
    await using world = await openWorld(buildShop(50), {}, { server: pair });
    const daemon = await mirroringWorld(world);
    await writeInPostgres(world, 3);
    await pair.caughtUp();
    await pair.cutOff();
    await writeInPostgres(world, 3); // these reach the mirror, not the standby
    await world.until(mirrored);
    await expect.poll(() => world.differences()).toEqual([]);

    await pair.failOver();
    expect(await daemon.exited, daemon.log()).toBe(1);
    expect(daemon.log()).toMatch(/the mirror follows server \d+ on timeline 1, this is \d+ on 2/);
    expect((await world.json<StatusDocument>(0, 'status')).slot?.alarm).toContain('not there');
    expect(await world.differences()).not.toEqual([]);

    await world.json(0, 'resync', '--yes');
    expect(await world.differences()).toEqual([]);
    world.start();
    await writeInPostgres(world, 3);
    expect(await backAgain(world)).toEqual([]);
  },
);
