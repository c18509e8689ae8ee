import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { StatusDocument, type SwitchDocument } from '../../src/server/documents.ts';
import { backAgain, mirroringWorld } from '../support/mirroring.ts';
import { buildShop } from '../support/shop.ts';
import { caughtUp, flagOf, openWorld } from '../support/world.ts';

test('a new installation goes on where the flag of an earlier one stands, so that its clients follow [G8] [G9]', async () => {
  await using world = await openWorld(buildShop(50));
  writeFileSync(world.flag, 'DB_TYPE=postgresql\nDB_TYPE_EPOCH=7\n');
  world.start();
  await world.until(caughtUp);
  await world.json(0, 'verify');
  const refused = await world.run('cutover', '--yes');
  expect(refused.code).toBe(3);
  expect(refused.stderr).toMatch(/names PostgreSQL since epoch 7, which another installation has written/);
  expect(refused.stderr, 'that it cannot be written is not what is the matter').toMatch(
    /→ correct what is named: .+ name the side that is primary/,
  );

  writeFileSync(world.flag, `DB_TYPE=sqlite\nDB_TYPE_EPOCH=${'9'.repeat(18)}\n`);
  expect((await world.run('cutover', '--yes')).stderr, 'the next one could not be read back').toMatch(
    /which no switch has given: set it to \d/,
  );

  writeFileSync(world.flag, 'DB_TYPE=sqlite\nDB_TYPE_EPOCH=8\n');
  const { epoch } = await world.json<SwitchDocument>(0, 'cutover', '--yes');
  expect(epoch).toBe('9');
  expect(flagOf(world)).toBe('postgresql');
});

test('a rollback too goes on where a flag stands that somebody has moved further, and is not left half done [G8] [G9]', async () => {
  await using world = await openWorld(buildShop(50));
  await mirroringWorld(world);
  writeFileSync(world.flag, 'DB_TYPE=postgresql\nDB_TYPE_EPOCH=9\n');
  expect(await backAgain(world)).toEqual([]);
  expect(flagOf(world)).toBe('sqlite');
  const { epoch } = StatusDocument.parse(await world.json(0, 'status'));
  expect(epoch).toBe('10');
});

test('a zero whose sign SQLite cannot keep is no difference after a rollback, which would refuse the next cutover [G9]', async () => {
  await using world = await openWorld(buildShop(50));
  await mirroringWorld(world);
  await world.pg.query(`update orders set total = '-0' where id = 3`);
  expect(await backAgain(world)).toEqual([]);
  await world.json(0, 'verify');
  await world.json(0, 'cutover', '--dry-run');
});
