import { expect, test } from 'vitest';
import type { PgRow } from '../../src/change/change.ts';
import { at } from '../../src/plan/plan.ts';
import { writeChunk } from '../../src/postgres/apply/chunk.ts';
import { suspensions } from '../../src/postgres/apply/policy.ts';
import { count, drop, list } from '../../src/postgres/apply/quarantine.ts';
import { readAudit } from '../../src/postgres/installed/audit.ts';
import { item, misfit, PLAN, type World, WRITER, world } from './world.ts';

const ids = async (w: World) => (await w.postgres.query('select id from items order by id')).map(row => Number(row.id));
const pairs = async (w: World) => (await w.postgres.query('select b from pairs order by b')).map(row => Number(row.b));
const raws = async (w: World) => (await w.postgres.query('select raw from attacca.quarantine')).map(row => row.raw as string | null);
const bad = (id: number): PgRow => item(id, null, null);
const pair = (b: number) => ({ table: 2, rows: [['k', String(b), null]] });

test('one row that Postgres refuses among 100,000 stops none of the others, and is kept with its value [G4]', async () => {
  await using w = await world();
  const poison: PgRow = ['70001', 'x', null, 'no number', null, null];
  const rows = Array.from({ length: 100_000 }, (_, index) => (index === 70_000 ? poison : item(index + 1)));
  const slices = Array.from({ length: 100 }, (_, index) => ({ rows: rows.slice(index * 1_000, index * 1_000 + 1_000) }));
  await w.apply(5, slices);
  expect(await w.postgres.query('select count(*), min(id), max(id) from items')).toEqual([{ count: '99999', min: '1', max: '100000' }]);
  expect(await list(w.session)).toEqual([
    { id: 1n, table: 1, tableName: 'items', key: '["i:70001"]', column: 'f', reason: expect.any(String), at: expect.any(String) },
  ]);
  expect(await raws(w)).toEqual(['t:no number']);

  await w.apply(6, [{ rows: [item(70_001)] }]);
  expect(await count(w.session)).toBe(0);
  expect(await w.postgres.query('select count(*) from items')).toEqual([{ count: '100000' }]);
});

test('where Postgres does not say which value it refused, the whole row is kept', async () => {
  await using w = await world();
  await w.postgres.query('alter table items add check (id <> 7)');
  await w.apply(5, [{ rows: [['7', 'seven', null, '1.5', '\\x00ff', 't']] }]);
  const [raw] = await raws(w);
  expect(JSON.parse(raw ?? '')).toEqual(['i:7', 't:seven', null, 'r:1.5', 'b:00ff', 'i:1']);
});

test('stop: more rows than are borne halt before anything is committed, with what goes on [G7]', async () => {
  await using w = await world({ policy: { policy: 'stop', afterRows: 2 } });
  await w.apply(5, [{ rows: [item(1), bad(2)] }, { table: 2, misfits: [misfit('["i:1","x:00"]', undefined)] }]);
  expect(await ids(w)).toEqual([1]);
  await expect(w.apply(6, [{ rows: [item(3), bad(4)] }])).rejects.toMatchObject({
    disposition: 'halt',
    message: expect.stringContaining('3 rows'),
    hint: expect.stringContaining('attacca sync'),
  });
  expect(await ids(w)).toEqual([1]);
  expect(await count(w.session)).toBe(2);
  expect(await w.postgres.query('select seq from attacca.control')).toEqual([{ seq: '5' }]);

  await w.apply(6, [{ rows: [item(3), item(4)] }]); // corrected meanwhile
  expect(await ids(w)).toEqual([1, 3, 4]);
});

test('rows that were given up count for no limit', async () => {
  await using w = await world({ policy: { policy: 'stop', afterRows: 1 } });
  await w.apply(5, [{ rows: [bad(1)] }]);
  expect(await drop(w.session, [1n])).toBe(1);
  await w.apply(6, [{ rows: [bad(2)] }]);
  expect(await count(w.session)).toBe(1);
});

test.each([
  { way: 'small', more: {} },
  { way: 'large', more: { size: 5_000 } },
])('suspend: a table with too many of them is left alone, the others go on, until it is copied whole: $way [G4]', async ({ more }) => {
  await using w = await world({ policy: { policy: 'suspend', afterRows: 1 } });
  await w.apply(5, [{ rows: [item(1), bad(2)] }, pair(1)], more);
  expect(await suspensions(w.session)).toEqual(new Map());
  await w.apply(6, [{ rows: [item(3), bad(4)] }, pair(2)], more);
  expect([...(await suspensions(w.session))]).toEqual([[1, '2 rows are in quarantine, more than 1']]);
  expect((await readAudit(w.session, 1)).map(({ event }) => event)).toEqual(['items suspended']);

  await w.apply(7, [{ rows: [item(5)], gone: [['1']] }, pair(3)], more);
  await w.apply(8, [pair(4)], more);
  expect([await ids(w), await pairs(w)]).toEqual([
    [1, 3],
    [1, 2, 3, 4],
  ]);

  await w.apply(9, [{ rows: [item(2), item(3), item(4), item(5)] }], { replaced: [1] });
  expect([await suspensions(w.session), await count(w.session), await ids(w)]).toEqual([new Map(), 0, [2, 3, 4, 5]]);
  await w.apply(10, [{ rows: [item(6)] }], more);
  expect(await ids(w)).toEqual([2, 3, 4, 5, 6]);
});

test('suspend: a copy of the whole that is no better is suspended again', async () => {
  await using w = await world({ policy: { policy: 'suspend', afterRows: 0 } });
  await w.apply(5, [{ rows: [item(1), bad(2)] }]);
  await w.apply(6, [{ rows: [item(1), bad(2), item(3)] }], { replaced: [1] });
  expect([...(await suspensions(w.session)).keys()]).toEqual([1]);
  expect([await ids(w), await count(w.session)]).toEqual([[1, 3], 1]);
});

test('the first copy follows the policy too [G4] [G7]', async () => {
  await using w = await world();
  const rows = [item(1), bad(2), item(3)];
  const portion = { csv: [], rows, misfits: [], size: rows.length, cursor: null };
  const write = (policy: 'stop' | 'suspend') =>
    writeChunk(
      { session: w.session, plan: PLAN, writer: WRITER, policy: { policy, afterRows: 0 } },
      { table: at(PLAN.tables, 0), from: null, portion },
      async () => undefined,
    );
  await expect(write('stop')).rejects.toMatchObject({ disposition: 'halt' });
  expect([await ids(w), await count(w.session)]).toEqual([[], 0]);
  await write('suspend');
  expect([await ids(w), await count(w.session), [...(await suspensions(w.session)).keys()]]).toEqual([[1, 3], 1, [1]]);
});
