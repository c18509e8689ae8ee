import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Seq } from '../../src/change/change.ts';
import { captureTriggers, expectedTriggers } from '../../src/sqlite/capture.ts';
import { install, uninstall } from '../../src/sqlite/install.ts';
import { openSource } from '../../src/sqlite/open.ts';
import { prune } from '../../src/sqlite/prune.ts';
import { readSchema } from '../../src/sqlite/tables.ts';
import { median } from '../bench/support/report.ts';
import { planOf, scratch } from './planned.ts';
import { waitsDuring } from './probed.ts';

const ME = { install: 'i', target: 't' };
const TABLES = Array.from(
  { length: 200 },
  (_, n) => `create table t${n} (id integer primary key, a text unique, b text, c real, d text, e text);
    create index b${n} on t${n} (b); create unique index c${n} on t${n} (c, d) where c > 0;`,
);
const marks = (count: number): string => /* sql */ `with recursive n (i) as (values (1) union all select i + 1 from n where i < ${count})
  insert into _attacca_journal (tbl, k1) select 1, i from n`;

let many: ReturnType<typeof scratch>;
beforeAll(() => {
  many = scratch(TABLES.join(''));
});
afterAll(() => many[Symbol.dispose]());

test('installing on 200 tables never holds the write lock for 50 ms [G6]', async () => {
  const plan = planOf(readSchema(many.db));
  const db = openSource(many.path);
  const waits = [];
  for (let round = 0; round < 2; round++) {
    waits.push(...(await waitsDuring(many.path, () => install(db, plan, ME, 5_000))));
    expect(captureTriggers(db)).toEqual([...expectedTriggers(plan, readSchema(db)).keys()].sort());
    await uninstall(db, 5_000);
  }
  db.close();
  expect(waits).not.toEqual([]);
  expect(median(waits)).toBeLessThan(50);
});

test.each([
  ['WAL', 500_000],
  ['rollback-journal', 50_000],
] as const)('in %s mode pruning %i marks holds the lock for less than 5 ms at a time [G6]', async (mode, count) => {
  using world = scratch('create table t (id integer primary key)', { wal: mode === 'WAL' });
  const db = openSource(world.path);
  await install(db, planOf(readSchema(db)), ME, 1_000);
  db.exec(marks(count));
  // What a commit costs here, whoever makes it: in rollback-journal mode its fsyncs.
  const own = [0, 1, 2, 3, 4].map(() => {
    const since = performance.now();
    world.db.exec('insert into t default values');
    return performance.now() - since;
  });
  let pruned = 0;
  const waits = await waitsDuring(world.path, async () => {
    pruned = await prune(db, BigInt(count) as Seq);
  });
  db.close();
  expect(pruned).toBe(count - 1);
  expect(median(waits)).toBeLessThan(5 + 2 * median(own));
});
