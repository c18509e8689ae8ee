import { expect, test } from 'vitest';
import type { StatusDocument } from '../../src/server/documents.ts';
import { buildShop } from '../support/shop.ts';
import { caughtUp, flagOf, openWorld } from '../support/world.ts';

const REFUSES = /* sql */ `
  create function public.refuse() returns trigger language plpgsql as $$ begin raise 'injected: no room'; end $$;
  create trigger refuse before insert on attacca.audit for each row when (new.event = '%') execute function public.refuse()`;
const NO_MORE = /* sql */ `drop function public.refuse cascade`;

const mirroring = ({ phase, lag }: StatusDocument): boolean => phase === 'mirroring' && lag?.ms != null;

test('a phase on the way that could not be stored is waited for by nobody, and nothing is closed: the side that is open stays open [G8] [G9]', async () => {
  await using world = await openWorld(buildShop(20));
  world.start();
  await world.until(caughtUp);
  await world.json(0, 'verify');
  for (const step of ['fencing → draining', 'draining → verifying']) {
    await world.pg.query(REFUSES.replace('%', step));
    expect((await world.run('cutover', '--yes')).stderr).toMatch(/no longer verifying at epoch/);
    await world.pg.query(NO_MORE);
    await world.until(caughtUp);
    world.app.exec(`insert into log (message, at) values ('written', 1)`);
    expect(world.daemon().log()).toContain('the phase could not be stored');
  }
  await world.json(0, 'cutover', '--yes');
  for (const step of ['fencing_back → draining_back', 'draining_back → verifying_back']) {
    await world.until(mirroring);
    await world.pg.query(REFUSES.replace('%', step));
    expect((await world.run('rollback', '--yes')).stderr).toMatch(/no longer verifying_back at epoch/);
    await world.pg.query(NO_MORE);
    await world.until(mirroring);
    await world.pg.query(`insert into log (message, at) values ('written', 1)`);
    expect(flagOf(world)).toBe('postgresql');
  }
  await world.json(0, 'rollback', '--yes');
  await world.until(caughtUp);
  expect(await world.differences()).toEqual([]);
});
