import { expect, test } from 'vitest';
import type { Lsn, RowChange } from '../../src/change/change.ts';
import type { Source } from '../../src/change/ports.ts';
import { awaitWatermark } from '../../src/postgres/wal/canary.ts';
import { dropSlot, slotState, writeWatermark } from '../../src/postgres/wal/slot.ts';
import { wal } from '../../src/postgres/wal/wal.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { connect } from '../support/postgres.ts';
import { currentLsn, type Reverse, reader, reverse, thing } from './reverse.ts';

test('transactions arrive whole, in commit order, with every kind of change', async () => {
  await using world = await reverse();
  const { pg, options } = world;
  await pg.query(`insert into "Things" (id, name) values (1, 'one'), (2, 'two')`);
  await pg.query(`update "Things" set name = 'ONE' where id = 1; delete from "Things" where id = 2; insert into pairs values ('x', 7)`);
  await pg.query(`update "Things" set id = 10 where id = 1`);
  await pg.query(`update pairs set a = 'y'; delete from pairs`);
  await pg.query(`truncate pairs, "Things"`);

  await using stream = reader(wal(options));
  expect((await stream.next()).changes).toEqual([thing(1, 'one'), thing(2, 'two')]);
  expect((await stream.next()).changes).toEqual([
    { op: 'update', table: 1, key: ['1'], row: ['ONE', '1', null, null, null] },
    { op: 'delete', table: 1, key: ['2'] },
    { op: 'insert', table: 2, row: ['x', '7'] },
  ]);
  expect((await stream.next()).changes).toEqual([{ op: 'update', table: 1, key: ['1'], row: ['ONE', '10', null, null, null] }]);
  expect((await stream.next()).changes).toEqual([
    { op: 'update', table: 2, key: ['7', 'x'], row: ['y', '7'] },
    { op: 'delete', table: 2, key: ['7', 'y'] },
  ]);
  expect((await stream.next()).changes).toEqual([{ op: 'truncate', tables: expect.toSatisfy(ids => ids.toSorted().join() === '1,2') }]);
});

test('transactions that have arrived are one batch, up to a watermark, and its position is that of the last [G2]', async () => {
  await using world = await reverse();
  const { pg, session, options } = world;
  for (let id = 1; id <= 50; id++) await pg.query(`insert into "Things" (id) values ($1)`, [id]);
  await writeWatermark(session, 'here');
  await pg.query(`insert into "Things" (id) values (51)`);
  const source = wal({ ...options, together: 1_000 });
  const [batches, last] = await readAll(pg, source);
  expect(batches.length).toBeLessThan(51);
  expect(batches.flat().slice(0, 50)).toEqual(Array.from({ length: 50 }, (_, index) => thing(index + 1, null)));
  expect(batches.at(-1)!.at(-1), 'the watermark ends its batch').toMatchObject({ table: 0, row: ['here'] });
  await using again = reader(source, last);
  expect((await again.next()).changes, 'nothing twice, nothing left out').toEqual([thing(51, null)]);
});

test('a transaction that the sink has already, and does not read, takes nothing of the next with it [G2]', async () => {
  await using world = await reverse();
  const { pg, options } = world;
  for (const id of [1, 2]) await pg.query(`insert into "Things" (id) values ($1)`, [id]);
  const ended = new AbortController();
  const batches = wal(options)
    .read(0n as Lsn, ended.signal)
    [Symbol.asyncIterator]();
  await batches.next();
  const { value } = await batches.next();
  const changes: RowChange[] = [];
  for await (const change of value.changes) changes.push(change);
  expect(changes).toEqual([thing(2, null)]);
  ended.abort();
  await batches.return?.();
});

const SENT = /* sql */ `select coalesce(bool_or(sent_lsn >= pg_current_wal_lsn()), false)::text as all from pg_stat_replication`;

/** Reads 51 changes; holds the first until the server has sent the others, so that they arrive while somebody is busy. */
async function readAll(pg: TestPostgres, source: Source<Lsn, AsyncIterable<RowChange>>): Promise<[RowChange[][], Lsn]> {
  const batches: RowChange[][] = [];
  for await (const batch of source.read(0n as Lsn, new AbortController().signal)) {
    const changes: RowChange[] = [];
    batches.push(changes);
    for await (const change of batch.changes) {
      if (batches.length === 1 && changes.length === 0) await expect.poll(() => pg.query(SENT)).toEqual([{ all: 'true' }]);
      changes.push(change);
    }
    if (batches.flat().length === 51) return [batches, batch.position];
  }
  throw new Error('the stream has ended');
}

/** What was said right before a connection ends may never be read: then it comes again, which the position stored with the data sorts out. */
const acknowledged = ({ session, options }: Reverse, position: Lsn) =>
  expect.poll(async () => (await slotState(session, options.slot)).confirmedFlush).toBeGreaterThanOrEqual(position);

test('what was not acknowledged comes again, what was does not [G2]', async () => {
  await using world = await reverse();
  const { pg, options } = world;
  for (const id of [1, 2, 3]) await pg.query(`insert into "Things" (id) values ($1)`, [id]);
  const source = wal(options);
  {
    await using stream = reader(source);
    const first = await stream.next();
    await stream.next();
    await source.acknowledge(first.position);
    await acknowledged(world, first.position);
  }
  await using stream = reader(source);
  expect((await stream.next()).changes).toEqual([thing(2, null)]);
  expect((await stream.next()).changes).toEqual([thing(3, null)]);
});

test('it starts behind the position that it is given, even if that was never acknowledged [G2]', async () => {
  await using world = await reverse();
  const { pg, options } = world;
  for (const id of [1, 2]) await pg.query(`insert into "Things" (id) values ($1)`, [id]);
  let position: Lsn;
  {
    await using stream = reader(wal(options));
    ({ position } = await stream.next());
  }
  await using stream = reader(wal(options), position);
  expect((await stream.next()).changes).toEqual([thing(2, null)]);
});

test('commits that stand side by side in the WAL are not lost when the first is acknowledged [G2]', async () => {
  await using world = await reverse();
  const { options } = world;
  const [first, second] = [await connect(options.url), await connect(options.url)];
  for (let id = 2; id <= 20; id += 2) {
    await second.query(`begin; insert into "Things" (id) values (${id})`);
    await first.query(`begin; insert into "Things" (id) values (${id - 1})`);
    // Without waiting in between: nothing else comes between the two commit records.
    await Promise.all([first.query('commit'), second.query('commit')]);
  }
  await Promise.all([first.end(), second.end()]);
  const ids: string[] = [];
  for (let after = 0n as Lsn; ids.length < 20; ) {
    const source = wal(options);
    await using stream = reader(source, after);
    const { position, changes } = await stream.next();
    ids.push(...changes.map(change => (change.op === 'insert' ? String(change.row[1]) : change.op)));
    await source.acknowledge(position);
    await acknowledged(world, position);
    after = ids.length % 2 === 0 ? position : (0n as Lsn);
  }
  expect(ids.map(Number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
});

test('an idle slot moves on, through the sink, so that it keeps no WAL', async () => {
  await using world = await reverse();
  const { pg, session, options } = world;
  const source = wal({ ...options, idleMs: 0 });
  await using stream = reader(source);
  await pg.query(`insert into unpublished values ('nobody hears this')`);
  const wanted = await currentLsn(session);
  for (let position = 0n as Lsn; position < wanted; ) {
    const batch = await stream.next('empty too');
    expect(batch.changes).toEqual([]);
    position = batch.position;
    expect((await slotState(session, options.slot)).confirmedFlush).toBeLessThanOrEqual(position);
    await source.acknowledge(position);
  }
  await pg.query(`insert into "Things" (id) values (1)`);
  await expect.poll(() => stream.next()).toMatchObject({ changes: [thing(1, null)] });
  await acknowledged(world, wanted);
});

test('a slot that is gone, or ahead of the position, is not taken for a quiet one [G10]', async () => {
  await using world = await reverse();
  const { pg, session, options } = world;
  const early = await currentLsn(session);
  await pg.query(`insert into "Things" (id) values (1)`);
  await pg.query(`select pg_replication_slot_advance($1, pg_current_wal_lsn())`, [options.slot]);
  await using ahead = reader(wal(options), early);
  await expect(ahead.next()).rejects.toMatchObject({ disposition: 'halt', message: expect.stringContaining('ahead of SQLite') });
  await dropSlot(session, options.slot);
  await using gone = reader(wal(options), early);
  await expect(gone.next()).rejects.toMatchObject({ disposition: 'halt', message: expect.stringContaining('does not exist') });
});

test('a watermark is a change of table 0, and its removal is nobody’s business', async () => {
  await using world = await reverse();
  const { session, options } = world;
  await writeWatermark(session, 'a');
  await writeWatermark(session, 'b');
  await using stream = reader(wal(options));
  expect((await stream.next()).changes).toEqual([{ op: 'insert', table: 0, row: ['a'] }]);
  expect((await stream.next()).changes).toEqual([{ op: 'insert', table: 0, row: ['b'] }]);
});

test('the canary proves the way back, and moves nothing [G9]', async () => {
  await using world = await reverse();
  const { pg, session, options } = world;
  await pg.query(`insert into "Things" (id) values (1)`);
  const before = await slotState(session, options.slot);
  await awaitWatermark({ ...options, session });
  expect((await slotState(session, options.slot)).confirmedFlush).toBe(before.confirmedFlush);
  await pg.query(`alter publication "Attacca's ""publication""" drop table attacca.watermark`);
  await expect(awaitWatermark({ ...options, session }, 500)).rejects.toMatchObject({ disposition: 'retry' });
  expect((await slotState(session, options.slot)).confirmedFlush).toBe(before.confirmedFlush); // nor when it has reported for a while
});
