import { expect, test } from 'vitest';
import type { Portion } from '../../src/change/ports.ts';
import { readProgress, resetProgress, writeChunk } from '../../src/postgres/apply/chunk.ts';
import { count, drop, keys, list } from '../../src/postgres/apply/quarantine.ts';
import { targetState } from '../../src/postgres/compare/state.ts';
import { addForeignKeys, buildIndexes, buildKeys, dropForeignKeys, validateForeignKeys } from '../../src/postgres/installed/constraints.ts';
import { readSequences, setSequences } from '../../src/postgres/installed/sequence.ts';
import { isPoison, PostgresError } from '../../src/postgres/session/errors.ts';
import { connect, type Session } from '../../src/postgres/session/open.ts';
import { item, mark, misfit, PLAN, WRITER, world } from './world.ts';

const ITEMS = PLAN.tables[0]!;
const portion = (more: Partial<Portion>): Portion => ({
  csv: [],
  rows: [],
  misfits: [],
  size: more.rows?.length ?? 0,
  cursor: null,
  ...more,
});
const atOnce = async (): Promise<void> => undefined;

test('a chunk and its progress arrive together, once, however often it is written [G2]', async () => {
  await using w = await world();
  await using other = await connect(w.postgres.url, { applicationName: 'attacca test' });
  const write = (from: string | null, what: Portion, session = w.session) =>
    writeChunk({ session, plan: PLAN, writer: WRITER }, { table: ITEMS, from, portion: what }, atOnce);
  const first = portion({ rows: [item(1), item(2, null, null), item(3)], misfits: [misfit('["i:4"]', ['4'])], cursor: '["i:4"]' });
  const twice = await Promise.allSettled([write(null, first), write(null, first, other)]);
  expect(twice.map(outcome => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
  expect((await readProgress(w.session)).get(1)).toEqual({ cursor: '["i:4"]', rows: 3, done: false, total: null });
  await expect(write('["i:3"]', portion({}))).rejects.toMatchObject({ disposition: 'retry' });
  await write('["i:4"]', portion({}));
  await expect(write(null, portion({}))).rejects.toMatchObject({ disposition: 'retry' });
  expect(await w.postgres.query('select id from items order by id')).toEqual([{ id: '1' }, { id: '3' }]);
  expect((await list(w.session)).map(row => row.key)).toEqual(['["i:4"]', '["i:2"]']);
});

test('a chunk is not there before its turn; CSV with a row that Postgres refuses leaves nothing [G2]', async () => {
  await using w = await world();
  const options = { session: w.session, plan: PLAN, writer: WRITER };
  const csv = [Buffer.from('1,\x01one\x01,,,,\n'), Buffer.from('2,\x01t\x01\x01wo\n\\.\n\x01,,,,\n')];
  const rows = () => w.postgres.query('select id, name from items order by id');
  const refused = portion({ csv: [...csv, Buffer.from('3,\x01a\0b\x01,,,,\n')], size: 3 });
  const failure = await writeChunk(options, { table: ITEMS, from: null, portion: refused }, atOnce).catch((error: unknown) => error);
  expect(isPoison(failure)).toBe(true);
  await writeChunk(options, { table: ITEMS, from: null, portion: portion({ csv, size: 2 }) }, async () => {
    expect(await rows()).toEqual([]);
  });
  expect(await rows()).toEqual([
    { id: '1', name: 'one' },
    { id: '2', name: 't\x01wo\n\\.\n' },
  ]);
});

test('beginning the copy again empties tables and quarantine and sets the checkpoint', async () => {
  await using w = await world();
  await w.apply(5, [
    { rows: [item(1)], misfits: [misfit('["i:4"]', ['4'])] },
    { table: 4, rows: [['1', '1']] },
  ]);
  await addForeignKeys(w.session, PLAN, () => undefined);
  await resetProgress(w.session, { plan: PLAN, writer: WRITER, mark: mark(9), totals: new Map([[1, 50]]) });
  expect(
    await w.postgres.query('select (select count(*) from items) as i, (select count(*) from notes) as n, seq from attacca.control'),
  ).toEqual([{ i: '0', n: '0', seq: '9' }]);
  expect(await count(w.session)).toBe(0);
  expect((await readProgress(w.session)).get(1)).toEqual({ cursor: null, rows: 0, done: false, total: 50 });
});

test('quarantined rows can be listed and dropped; a very long key is no obstacle', async () => {
  await using w = await world();
  const misfits = [1, 2, 3].map(n => misfit(`["t:${String(n).repeat(9_000)}"]`, undefined));
  await w.apply(5, [{ misfits }]);
  await w.apply(6, [{ misfits }]);
  expect(await count(w.session)).toBe(3);
  const [first, ...rest] = await list(w.session, 2);
  expect(rest).toHaveLength(1);
  expect(await drop(w.session, [first!.id])).toBe(1);
  expect(await drop(w.session, [first!.id])).toBe(0);
  expect(await count(w.session)).toBe(2);
  expect((await keys(w.session, 1)).size, 'given up, but still known to be absent').toBe(3);
  await w.apply(7, [{ misfits }]);
  expect(await count(w.session), 'it changed and still does not fit: somebody must look again').toBe(3);
});

test('an index that fails for another reason than its rows is not left out [G7]', async () => {
  await using w = await world();
  const ending: Session = {
    ...w.session,
    query: (query, values) => {
      if (typeof query !== 'string' && query.text.startsWith('create'))
        throw new PostgresError('retry', 'the server has gone', { hint: '' });
      return w.session.query(query, values);
    },
  };
  const refused: unknown[] = [];
  await expect(buildIndexes(ending, PLAN, (...each) => refused.push(each))).rejects.toMatchObject({ disposition: 'retry' });
  expect(refused).toEqual([]);
});

test('constraints can be built again and again; what rows violate is reported, a key that they violate is fatal', async () => {
  await using w = await world();
  await w.apply(5, [{ rows: [item(1, 'same'), item(2, 'same')] }, { table: 4, rows: [['1', '77']] }]);
  const refused: string[] = [];
  const note = (_table: unknown, statement: string) => void refused.push(statement.split(' ').slice(0, 3).join(' '));
  for (let round = 0; round < 2; round++) {
    await buildKeys(w.session, PLAN);
    await addForeignKeys(w.session, PLAN, () => undefined);
    await buildIndexes(w.session, PLAN, note);
    await validateForeignKeys(w.session, PLAN, note);
  }
  expect(refused).toEqual(['create unique index', 'alter table "public"."notes"', 'create unique index', 'alter table "public"."notes"']);
  await w.postgres.query('create table public.other (x text); create index items_u on public.other (x)');
  await buildIndexes(w.session, PLAN, (_table, _statement, error) => void refused.push(error.sqlstate ?? ''));
  expect(refused.at(-1)).toBe('42P07');
  await dropForeignKeys(w.session, PLAN);
  await dropForeignKeys(w.session, PLAN);
  await w.session.query(
    'alter table public.items drop constraint items_pkey; begin; set local attacca.token = a1b2c3d4e5f60718; update public.items set id = 1; commit',
  );
  await expect(buildKeys(w.session, PLAN)).rejects.toMatchObject({ name: 'Refused', blockers: [{ code: 'key-refused' }] });
});

test.each([
  ['is of some rows only', `create unique index half on pairs (b, a) where v is not null`],
  ['has an expression too', `create unique index half on pairs (b, a, lower(v))`],
  [
    'is not valid',
    `create unique index half on pairs (b, a); update pg_index set indisvalid = false where indexrelid = 'public.half'::regclass`,
  ],
  ['has the columns in another order', `create unique index half on pairs (a, b)`],
])('a unique index that %s is no key: one is built [G1]', async (_, ddl) => {
  await using w = await world();
  await w.postgres.query(`alter table pairs drop constraint pairs_pkey; ${ddl}`);
  await buildKeys(w.session, PLAN);
  expect(await w.postgres.query(`select indkey from pg_index where indisprimary and indrelid = 'public.pairs'::regclass`)).toEqual([
    { indkey: '2 1' },
  ]);
});

test('sequences go on after the highest number used, and start at 1 where none was', async () => {
  await using w = await world();
  const highest = 9_223_372_036_854_775_806n;
  await setSequences(
    w.session,
    PLAN,
    new Map([
      [1, highest],
      [3, null],
      [4, -7n],
    ]),
    { phase: 'preparing', epoch: 0n },
  );
  await expect(setSequences(w.session, PLAN, new Map([[1, 7n]]), { phase: 'preparing', epoch: 1n })).rejects.toThrow('no longer preparing');
  expect(await readSequences(w.session, PLAN, 'durably')).toEqual(
    new Map([
      [1, highest],
      [3, 0n],
      [4, 0n],
    ]),
  );
  await w.postgres.query(`set attacca.token = 'a1b2c3d4e5f60718'`);
  expect(await w.postgres.query(`insert into items (name) values ('x') returning id`)).toEqual([{ id: String(highest + 1n) }]);
  expect(await w.postgres.query(`insert into notes (item) values (1) returning id`)).toEqual([{ id: '1' }]);
  await setSequences(w.session, PLAN, new Map([[3, 1n]]), { phase: 'preparing', epoch: 0n });
  expect(await w.postgres.query(`insert into log (line) values ('x') returning _attacca_rowid as id`)).toEqual([{ id: '2' }]);
  expect(await w.postgres.query('select last_value, log_cnt from notes_id_seq')).toEqual([{ last_value: '1', log_cnt: '32' }]);
  const witness = () => w.postgres.query(`select state from attacca.witness where object = 'sequence:4'`);
  const before = await witness();
  expect((await readSequences(w.session, PLAN, 'not yet')).get(4)).toBe(1n);
  expect(await w.postgres.query('select log_cnt from notes_id_seq'), 'only looked at').toEqual([{ log_cnt: '32' }]);
  expect(await witness()).toEqual(before);
  expect((await readSequences(w.session, PLAN, 'durably')).get(4)).toBe(1n);
  expect(await witness()).toEqual([{ state: '1' }]);
  // None is written ahead any more: a crash of the server leaves it where the witness says.
  expect(await w.postgres.query('select last_value, is_called, log_cnt from notes_id_seq')).toEqual([
    { last_value: '1', is_called: 't', log_cnt: '0' },
  ]);
});

test('a target state stays as it was when the promise resolved, whatever is applied since [G3]', async () => {
  await using w = await world();
  const before = [item(1, 'a'), item(2, 'b'), item(3)];
  await w.apply(5, [
    { rows: before, misfits: [misfit('["i:8"]', ['8'])] },
    {
      table: 2,
      rows: [
        ['x', '1', 'v'],
        ['w', '2', null],
      ],
    },
  ]);
  const state = await targetState(w.postgres.url, PLAN);
  await w.apply(6, [
    { rows: [item(1, 'changed')], gone: [['2']] },
    { table: 2, gone: [['1', 'x']] },
  ]);
  const rows = await state.rows(1, [['1'], ['2'], ['3'], ['4']]);
  expect(rows.toSorted((a, b) => Number(a[0]) - Number(b[0]))).toEqual(before);
  expect(await state.rows(1, [])).toEqual([]);
  expect(await state.rows(2, [['1', 'x']])).toEqual([['x', '1', 'v']]);
  expect(await state.keys(2, null, 1)).toEqual([['1', 'x']]);
  expect(await state.keys(2, ['1', 'x'], 9)).toEqual([['2', 'w']]);
  expect([await state.count(1), await state.count(2)]).toEqual([3, 2]);
  expect(await state.quarantined(1)).toEqual(new Set(['["i:8"]']));
  await state.close();
  const now = await targetState(w.postgres.url, PLAN);
  expect(await now.count(1)).toBe(2);
  await now.close();
});

test('a state locks no table of attacca that a comparison goes on to ask for elsewhere: it would wait behind whoever maintains that one', async () => {
  await using w = await world();
  const state = await targetState(w.postgres.url, PLAN);
  await w.postgres.query('begin; lock table attacca.control in access exclusive mode nowait; rollback');
  await state.close();
});
