/* Rows that hold megabytes: whatever reads them in one go reads a few of them only. */
import { expect, test } from 'vitest';
import type { PgRow, Seq } from '../../src/change/change.ts';
import { decide } from '../../src/plan/decide.ts';
import type { Plan, TablePlan } from '../../src/plan/plan.ts';
import { install } from '../../src/sqlite/capture/install.ts';
import { headMark, markTables } from '../../src/sqlite/capture/marking.ts';
import { readMarks } from '../../src/sqlite/journal/marks.ts';
import type { Database } from '../../src/sqlite/open.ts';
import { profile } from '../../src/sqlite/profile/profile.ts';
import { chunk, rowsBetween } from '../../src/sqlite/read/chunk.ts';
import { stretch } from '../../src/sqlite/read/digest.ts';
import { readPortion } from '../../src/sqlite/read/portion.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { scratch } from './planned.ts';

const LARGE = 1_000_000;
const EMPTY = 3_000;
const ROWS = EMPTY + 10;
/** Rows that hold nothing, and behind them rows that hold a megabyte each. */
const SCHEMA = `create table t (id integer primary key, b blob);
  with recursive n(i) as (select 1 union all select i + 1 from n where i < ${ROWS})
  insert into t select i, case when i > ${EMPTY} then zeroblob(${LARGE}) end from n`;

function planned(db: Database): { readonly plan: Plan; readonly table: TablePlan } {
  const schema = readSchema(db);
  const { plan } = decide(schema, profile(db, schema));
  return { plan, table: plan.tables[0]! };
}

const holdsLarge = (rows: readonly PgRow[]): number => rows.filter(row => row[1] !== null).length;

test('a chunk ends before it holds too much, and the next one goes on there', () => {
  using world = scratch(SCHEMA);
  const { table } = planned(world.db);
  let seen = 0;
  let cursor: string | null = null;
  do {
    const part = chunk(world.db, table, cursor, 2_000);
    expect(holdsLarge(part.rows)).toBeLessThanOrEqual(4);
    seen += part.rows.length;
    cursor = part.cursor;
  } while (cursor !== null);
  expect(seen).toBe(ROWS);
});

test('one row is read, however large it is', () => {
  using world = scratch('create table t (id integer primary key, b blob); insert into t values (1, zeroblob(9000000)), (2, null)');
  const { table } = planned(world.db);
  expect(chunk(world.db, table, null, 10)).toMatchObject({ rows: [['1', expect.anything()]], cursor: '["i:1"]' });
  expect(chunk(world.db, table, '["i:1"]', 10)).toMatchObject({ rows: [['2', null]], cursor: null });
});

test('a piece of the first copy follows from the rows in it, not from those before it', () => {
  using world = scratch(SCHEMA);
  const { table } = planned(world.db);
  const portion = readPortion(world.db, table, null, { rows: 100_000, bytes: 1e9, ms: 1e9 });
  expect(portion).toMatchObject({ size: ROWS, cursor: null, rows: [] });
  for (const piece of portion.csv) expect(piece.length).toBeLessThan(9 * LARGE); // twice, in hex
  expect(rowsBetween(world.db, table, null, null).rows).toHaveLength(ROWS);
});

test('the digest of a stretch is one of few large rows', () => {
  using world = scratch(SCHEMA);
  const { table } = planned(world.db);
  expect(stretch(world.db, table, `["i:${EMPTY}"]`, 1_000)).toMatchObject({ rows: 4, cursor: `["i:${EMPTY + 4}"]` });
  expect(stretch(world.db, table, `["i:${EMPTY + 8}"]`, 1_000)).toMatchObject({ rows: 2, cursor: null });
});

test.each([
  ['row by row', (db: Database) => db.exec(`update t set b = b`)],
  ['as a whole', (db: Database) => markTables(db, [1])],
])('a batch of large rows comes in slices that can be held: marked %s', async (_, mark) => {
  using world = scratch(SCHEMA);
  const { plan } = planned(world.db);
  await install(world.db, plan, { install: 'x', target: 'y' }, 1_000);
  mark(world.db);
  using rows = readMarks(world.db, plan, 0n as Seq, headMark(world.db).seq);
  const slices = [...rows.slices()];
  for (const slice of slices) expect(holdsLarge(slice.rows)).toBeLessThanOrEqual(4);
  expect(slices.reduce((sum, slice) => sum + slice.rows.length, 0)).toBe(ROWS);
});

test('a table of many columns is measured too', () => {
  const columns = Array.from({ length: 1_500 }, (_, index) => `c${index}`);
  using world = scratch(`create table t (id integer primary key, ${columns.map(name => `${name} text`).join(', ')});
    insert into t (id, c1499) values (1, 'a'), (2, 'b')`);
  const { table } = planned(world.db);
  expect(chunk(world.db, table, null, 10).rows.map(row => row.at(-1))).toEqual(['a', 'b']);
});

test('a row that no string can hold is a misfit that says so, and is never loaded [G4]', async () => {
  using world = scratch(`create table t (id integer primary key, a text, b blob);
    insert into t values (1, 'x', null), (2, 'y', zeroblob(260000000)), (3, 'z', x'00')`);
  const { plan, table } = planned(world.db);
  const fitting = [
    ['1', 'x', null],
    ['3', 'z', '\\x00'],
  ];
  const reason = 'it holds 260 MB, and a row of more than 250 MB cannot cross';
  const misfits = [{ key: '["i:2"]', target: ['2'], column: 'b', reason, raw: null }];
  expect(rowsBetween(world.db, table, null, null)).toEqual({ rows: fitting, misfits });
  expect(readPortion(world.db, table, null, { rows: 10, bytes: 1e9, ms: 1e9 })).toMatchObject({ size: 2, misfits, cursor: null });
  expect(stretch(world.db, table, '["i:1"]', 10)).toBeUndefined();
  await install(world.db, plan, { install: 'x', target: 'y' }, 1_000);
  world.db.exec('update t set a = a');
  using rows = readMarks(world.db, plan, 0n as Seq, headMark(world.db).seq);
  const slices = [...rows.slices()];
  expect(slices.flatMap(slice => slice.rows)).toEqual(fitting);
  expect(slices.flatMap(slice => slice.misfits)).toEqual(misfits);
});
