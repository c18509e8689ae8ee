import { expect, test } from 'vitest';
import type { VerifyDocument } from '../../src/server/documents.ts';
import { mirroringWorld } from '../support/mirroring.ts';
import { connect } from '../support/postgres.ts';
import { buildShop } from '../support/shop.ts';
import { openWorld } from '../support/world.ts';

test('while Postgres is primary and never rests, a comparison finds what is equal equal: both sides are taken at one state [G9]', async () => {
  await using world = await openWorld(buildShop(40));
  await mirroringWorld(world);
  const over = new AbortController();
  const write = async (id: number): Promise<void> => {
    const client = await connect(world.pg.url);
    while (!over.signal.aborted) await client.query('update orders set total = total + 1 where id = $1', [id]);
    await client.end();
  };
  const writers = [1, 2, 3].map(write);
  const compared = async (): Promise<boolean> => (await world.json<VerifyDocument>(0, 'verify')).ok;
  expect([await compared(), await compared(), await compared()]).toEqual([true, true, true]);
  over.abort();
  await Promise.all(writers);
});
