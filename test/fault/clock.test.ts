import { expect, test } from 'vitest';
import { buildShop, writeSome } from '../support/shop.ts';
import { caughtUp, flagOf, openWorld } from '../support/world.ts';

/** Loaded before the daemon: its clock jumps to and fro by up to two days, many times a second. */
const JUMPING = `
  const Real = Date;
  let shift = 0;
  setInterval(() => { shift = (Math.random() * 2 - 1) * 172_800_000; }, 30).unref();
  globalThis.Date = class extends Real {
    constructor(...given) { if (given.length === 0) super(Real.now() + shift); else super(...given); }
    static now() { return Real.now() + shift; }
  };`;
const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(JUMPING)}` };

test('a clock that jumps changes nothing: copied, compared, switched and back, both sides equal [G2] [G9]', async () => {
  await using world = await openWorld(
    buildShop(300),
    { snapshot: { parallelChunks: 2, chunkRows: 100 }, cutover: { maxClockSkewMs: 1_000_000_000 } },
    { env },
  );
  const daemon = world.start();
  await world.until(caughtUp);
  writeSome(world.app, 30);
  expect((await world.until(caughtUp)).lag?.ms).toBeLessThan(30_000);
  await world.json(0, 'verify');
  await world.json(0, 'cutover', '--yes');
  expect(flagOf(world)).toBe('postgresql');
  await world.pg.query(`insert into log (message, at) values ('in postgres', 77)`);
  await world.until(({ phase, lag }) => phase === 'mirroring' && lag?.ms != null && lag.ms < 3_000);
  await world.json(0, 'verify');
  await world.json(0, 'rollback', '--yes');
  writeSome(world.app, 5);
  await world.until(caughtUp);
  expect(await world.differences()).toEqual([]);
  expect(daemon.log()).not.toContain('restarting');
});
