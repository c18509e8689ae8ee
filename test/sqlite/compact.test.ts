import { expect, test } from 'vitest';
import type { Seq } from '../../src/change/change.ts';
import { install } from '../../src/sqlite/capture/install.ts';
import { headMark } from '../../src/sqlite/capture/marking.ts';
import { compact, waitingMarks } from '../../src/sqlite/journal/compact.ts';
import { readMarks } from '../../src/sqlite/journal/marks.ts';
import { openSource } from '../../src/sqlite/open.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { readTransaction } from '../../src/sqlite/transaction.ts';
import { model } from './model.ts';
import { planOf, scratch, stored } from './planned.ts';

const SCHEMA = 'create table busy (id integer primary key, v); create table quiet (id integer primary key, v);';
const NONCES = 'select nonce from _attacca_journal where seq = ?';

const upTo = (most: number): string => `with recursive s (n) as (select 1 union all select n + 1 from s where n < ${most})`;

/** A file whose journal holds 20,000 marks of one table and ten of another, behind ones that are applied. */
async function full() {
  const world = scratch(SCHEMA);
  const { db, path } = world;
  const plan = planOf(readSchema(db));
  const start = await install(db, plan, { install: 'i', target: 't' }, 1_000);
  const target = model(plan);
  const reader = openSource(path);
  const pull = (after: Seq): Seq => {
    using _read = readTransaction(reader);
    const head = headMark(reader);
    using rows = readMarks(reader, plan, after, head.seq);
    target.apply(rows);
    return head.seq;
  };
  db.exec(`insert into quiet values (-1, 'first'); insert into busy values (-1, 'first')`); // the anchor is a mark of the table that is compacted
  const applied = pull(start.seq);
  // Of most rows the first marks are the only ones: whoever removes those must have said before that the table is to be copied.
  db.exec(`${upTo(15_000)} insert into busy select n, 'a' from s`);
  db.exec(`update busy set v = 'b' where id > 10000; delete from busy where id > 10000 and id % 3 = 0; delete from busy where id = -1`);
  db.exec(`${upTo(10)} insert into quiet select n, 'q' from s`);
  return {
    db,
    path,
    applied,
    pull,
    equal(): void {
      for (const table of plan.tables) expect(target.rows(table.id)).toEqual(stored(db, table));
    },
    [Symbol.dispose]() {
      reader.close();
      world[Symbol.dispose]();
    },
  };
}

test('too many marks of a table become one, and the table is copied anew: nothing is lost [G1]', async () => {
  using file = await full();
  const anchor = file.db.prepare(NONCES).get(file.applied);
  const done = await compact(file.db, file.applied, 1_000);
  expect(done?.tables).toEqual([1]);
  expect(done?.removed).toBeGreaterThan(20_000);
  expect(waitingMarks(file.db, file.applied)).toBeLessThanOrEqual(500);
  expect(file.db.prepare(NONCES).get(file.applied)).toEqual(anchor);
  expect(await compact(file.db, file.applied, 1_000)).toBeUndefined();
  for (const most of [1, 1, 1]) await compact(file.db, file.applied, most);
  expect(waitingMarks(file.db, file.applied), 'one for each table, however often').toBe(2);
  file.pull(file.applied);
  file.equal();
});

test('few marks are left alone', async () => {
  using file = await full();
  const before = file.db.prepare('select count(*) from _attacca_journal').get();
  expect(await compact(file.db, file.applied, 100_000)).toBeUndefined();
  expect(file.db.prepare('select count(*) from _attacca_journal').get()).toEqual(before);
});

test.each([1, 2, 3, 4, 5])(
  'dying after step %i of a compaction leaves a journal that can be read, and compacted again [G1] [G2]',
  async step => {
    using file = await full();
    let left = step;
    const dying = compact(file.db, file.applied, 1_000, () => {
      if (--left === 0) throw new Error('died');
    });
    await expect(dying).rejects.toThrow('died');
    file.db.exec(`update busy set v = 'c' where id < 50; insert into quiet values (99, 'late')`);
    const reached = file.pull(file.applied);
    file.equal();

    await compact(file.db, file.applied, 1_000);
    file.pull(file.applied);
    file.equal();
    expect(file.db.prepare(NONCES).get(reached), 'the newest row stays').toBeDefined();
  },
);

test('steps hold the write lock for a moment only, and writers come in between [G6]', async () => {
  using file = await full();
  const writer = openSource(file.path, { waitMs: 0 });
  let written = 0;
  await compact(file.db, file.applied, 1_000, () => {
    writer.exec(`update quiet set v = 'between'`);
    written++;
  });
  writer.close();
  expect(written).toBeGreaterThan(3);
  file.pull(file.applied);
  file.equal();
});
