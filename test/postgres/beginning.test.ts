import { expect, test } from 'vitest';
import { at } from '../../src/plan/plan.ts';
import { type Beginning, beginAgain } from '../../src/postgres/wal/beginning.ts';
import { slotState } from '../../src/postgres/wal/slot.ts';
import { wal } from '../../src/postgres/wal/wal.ts';
import { PLAN, type Reverse, reader, reverse, thing } from './reverse.ts';

const begin = ({ session, options }: Reverse): Promise<Beginning> =>
  beginAgain({ url: options.url, plan: PLAN, session }, options.slot, 10_000);

const ids = async (beginning: Beginning): Promise<unknown[]> => {
  const rows = [];
  for await (const [, id] of beginning.rows(at(PLAN.tables, 0))) rows.push(id);
  return rows;
};

const slots = async ({ pg, options: { slot } }: Reverse): Promise<unknown[]> =>
  (await pg.query(`select slot_name as name from pg_replication_slots where slot_name like '${slot}%'`)).map(({ name }) => name);

test('no commit is in both the rows and the stream, and none in neither; a slot in order stays where it is [G10]', async () => {
  await using world = await reverse();
  const { pg, session, options } = world;
  await pg.query(`insert into "Things" (id) values (1)`);
  const { confirmedFlush } = await slotState(session, options.slot);
  await using beginning = await begin(world);
  await pg.query(`insert into "Things" (id) values (2)`);
  expect(await ids(beginning)).toEqual(['1']);
  expect((await slotState(session, options.slot)).confirmedFlush).toBe(confirmedFlush);
  expect(await slots(world), 'the one that lent its snapshot is gone').toEqual([options.slot]);
  await using stream = reader(wal(options), beginning.position);
  expect((await stream.next()).changes).toEqual([thing(2, null)]);
});

test('a table is read to its last row, however often that takes another look [G10]', async () => {
  await using world = await reverse();
  await world.pg.query(`insert into "Things" (id) select generate_series(1, 4000)`);
  await using beginning = await begin(world);
  expect(await ids(beginning)).toEqual(Array.from({ length: 4_000 }, (_, index) => String(index + 1)));
});

// Other tests of a shared server would find no room either.
test.skipIf((process.env.ATTACCA_TEST_PG ?? '') !== '')('where there is no room for another slot, its own is made anew [G10]', async () => {
  await using world = await reverse();
  const { pg, options } = world;
  await pg.query(`insert into "Things" (id) values (1)`);
  const full = `select pg_create_physical_replication_slot('full_' || n) from generate_series(1, (
    select current_setting('max_replication_slots')::integer - count(*) from pg_replication_slots)) n`;
  await pg.query(full);
  try {
    await using beginning = await begin(world);
    await pg.query(`insert into "Things" (id) values (2)`);
    expect([await ids(beginning), await slots(world)]).toEqual([['1'], [options.slot]]);
    await using stream = reader(wal(options), beginning.position);
    expect((await stream.next()).changes).toEqual([thing(2, null)]);
  } finally {
    await pg.query(`select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name like 'full\\_%'`);
  }
});
