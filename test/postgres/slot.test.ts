import { expect, test } from 'vitest';
import { beginAgain } from '../../src/postgres/wal/beginning.ts';
import {
  createPublication,
  createSlot,
  dropPublication,
  dropSlot,
  insertWatermark,
  slotState,
  writeWatermark,
} from '../../src/postgres/wal/slot.ts';
import { wal } from '../../src/postgres/wal/wal.ts';
import { connect } from '../support/postgres.ts';
import { currentLsn, PLAN, reader, reverse } from './reverse.ts';

const TABLES = /* sql */ `select schemaname || '.' || tablename as name from pg_publication_tables where pubname = $1 order by 1`;

test('the publication is brought to exactly the plan’s tables', async () => {
  await using world = await reverse();
  const { pg, session, options } = world;
  const published = async () => (await pg.query(TABLES, [options.publication])).map(row => row.name);
  expect(await published()).toEqual(['attacca.watermark', 'public.Things', 'public.pairs']);
  await pg.query(`alter publication "Attacca's ""publication""" set table unpublished`);
  await pg.query(`alter publication "Attacca's ""publication""" set (publish = 'insert')`);
  await createPublication(session, PLAN, options.publication);
  expect(await published()).toEqual(['attacca.watermark', 'public.Things', 'public.pairs']);
  expect(await pg.query(`select pubinsert and pubupdate and pubdelete and pubtruncate as every from pg_publication`)).toEqual([
    { every: 't' },
  ]);
  await dropPublication(session, options.publication);
  await dropPublication(session, options.publication);
  expect(await pg.query(`select from pg_publication`)).toEqual([]);
});

test('a slot is made once, shown, and dropped even while it is read', async () => {
  await using world = await reverse();
  const { session, options } = world;
  const state = await slotState(session, options.slot);
  expect(state).toMatchObject({ exists: true, active: false, walStatus: 'reserved' });
  expect(await createSlot(session, options.slot)).toBe(state.confirmedFlush);
  expect(await currentLsn(session)).toBeGreaterThanOrEqual(state.confirmedFlush ?? 0n);
  expect(state.retainedBytes).toBeGreaterThan(0n);

  await writeWatermark(session, 'here');
  await using stream = reader(wal(options));
  await stream.next();
  const waiting = expect(stream.next()).rejects.toMatchObject({ disposition: 'retry' });
  await dropSlot(session, options.slot);
  await waiting;
  await dropSlot(session, options.slot);
  expect(await slotState(session, options.slot)).toMatchObject({ exists: false, active: false, confirmedFlush: null, retainedBytes: 0n });
});

test('a transaction that holds up the slot is named, and a second try works', async () => {
  await using world = await reverse();
  const { session, options } = world;
  await dropSlot(session, options.slot);
  const writer = await connect(options.url);
  await writer.query(`begin; insert into unpublished values ('slow')`);
  const { rows } = await writer.query('select pg_backend_pid() as pid');
  await session.query(`set lock_timeout = '100ms'; set statement_timeout = '7s'`);
  const named = {
    disposition: 'retry',
    message: expect.stringMatching(new RegExp(`pid ${rows[0].pid} .*"${options.slot}", open since`)),
    hint: expect.stringContaining(`pg_terminate_backend(${rows[0].pid})`),
  };
  await expect(createSlot(session, options.slot, 300)).rejects.toMatchObject(named);
  expect((await slotState(session, options.slot)).exists).toBe(false);
  const limits = (await session.query(`select current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement`))
    .rows;
  expect(limits).toEqual([{ lock: '100ms', statement: '7s' }]);
  await expect(beginAgain({ url: options.url, plan: PLAN, session }, options.slot, 300)).rejects.toMatchObject(named);
  expect((await slotState(session, options.slot)).exists, 'nobody waits on for it').toBe(false);
  await writer.query('commit');
  await createSlot(session, options.slot);
  await writer.end();
});

test('a slot of another kind, or of another database, is not taken for ours [G10]', async () => {
  await using world = await reverse();
  const { session, options } = world;
  const elsewhere = await connect(Object.assign(new URL(options.url), { pathname: '/postgres' }).href);
  for (const theirs of ['pg_create_physical_replication_slot($1)', `pg_create_logical_replication_slot($1, 'pgoutput')`]) {
    await dropSlot(session, options.slot);
    await elsewhere.query(`select ${theirs}`, [options.slot]);
    await expect(createSlot(session, options.slot), theirs).rejects.toMatchObject({ disposition: 'halt' });
    await elsewhere.query(`select pg_drop_replication_slot($1)`, [options.slot]);
  }
  await elsewhere.end();
});

test('only the newest watermark stays', async () => {
  await using world = await reverse();
  const { pg, session } = world;
  await insertWatermark(session, 'a');
  await writeWatermark(session, 'b');
  await writeWatermark(session, 'b');
  expect(await pg.query('select token from attacca.watermark')).toEqual([{ token: 'b' }]);
});
