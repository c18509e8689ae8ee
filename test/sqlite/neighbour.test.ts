/* What the application feels of work that needs its write lock: how it is divided. How long each piece takes is measured by `npm run bench -- locks`. */
import { setTimeout } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { Seq } from '../../src/change/change.ts';
import { captureTriggers, expectedTriggers } from '../../src/sqlite/capture/capture.ts';
import { install } from '../../src/sqlite/capture/install.ts';
import { mark } from '../../src/sqlite/capture/marking.ts';
import { nextStep, prune } from '../../src/sqlite/journal/prune.ts';
import { openSource } from '../../src/sqlite/open.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { inShortTransactions } from '../../src/sqlite/short-transactions.ts';
import { fillJournal, manyTables } from '../bench/support/locks.ts';
import { planOf, scratch } from './planned.ts';

const ME = { install: 'i', target: 't' };

test('installing reads the schema before it takes the lock; under it only triggers are made and tried [G6]', async () => {
  using world = scratch(manyTables(40));
  const plan = planOf(readSchema(world.db));
  const db = openSource(world.path);
  const under: string[] = [];
  const prepare = db.prepare.bind(db);
  vi.spyOn(db, 'prepare').mockImplementation((sql: string) => {
    if (db.inTransaction) under.push(sql);
    return prepare(sql);
  });
  await install(db, plan, ME, 5_000);
  vi.restoreAllMocks();
  expect(captureTriggers(db)).toEqual([...expectedTriggers(plan, readSchema(db)).keys()].sort());
  const tried = under.filter(sql => /^(insert into|update|delete from) "t\d+"/.test(sql));
  expect(tried).toHaveLength(40 * 3);
  expect(under.length - tried.length, 'whatever the number of tables').toBeLessThanOrEqual(4);
  db.close();
});

test('a transaction of the installation begins nothing once its time is up, and in between the application writes [G6]', async () => {
  using world = scratch('create table t (id integer primary key)');
  const db = openSource(world.path);
  const app = openSource(world.path, { waitMs: 0 });
  const committed = (): unknown => app.prepare('select count(*) from done').pluck().get();
  app.exec('create table done (n)');
  let clock = 0;
  const seen: unknown[] = [];
  const steps = [1, 3, 3, 1, 1, 20, 1].map(ms => () => {
    seen.push(committed()); // steps of the same transaction see the same
    db.exec('insert into done values (1)');
    clock += ms;
  });
  await inShortTransactions(db, 1_000, steps, () => clock);
  expect(seen).toEqual([0n, 0n, 0n, 0n, 4n, 4n, 6n]);
  app.exec('insert into t default values');
  app.close();
  db.close();
});

test('rows are marked by hand with one statement for all of them, and in between the application writes [G6]', async () => {
  const rows = 30_000;
  using world = scratch('create table t (id integer primary key)');
  const db = openSource(world.path);
  const app = openSource(world.path, { waitMs: 0 });
  const plan = planOf(readSchema(db));
  await install(db, plan, ME, 1_000);
  const prepare = vi.spyOn(db, 'prepare');
  let marking = true;
  const marked = mark(
    db,
    1_000,
    Array.from({ length: rows }, (_, id) => ({ table: plan.tables[0]!, key: [BigInt(id)] })),
  ).finally(() => {
    marking = false;
  });
  let between = 0;
  for (await setTimeout(1); marking; await setTimeout(1)) {
    app.exec('insert into t default values');
    between++;
  }
  await marked;
  expect(prepare).toHaveBeenCalledTimes(1);
  expect(between).toBeGreaterThan(1);
  expect(app.prepare('select count(*) from _attacca_journal where k1 is not null').pluck().get()).toBe(BigInt(rows + between));
  vi.restoreAllMocks();
  app.close();
});

test('a large schema is left alone for long enough to be read, or statements of the application would find it moved again and again [G6]', async () => {
  using world = scratch(manyTables(1_500));
  const reading = (): number => {
    const began = performance.now();
    openSource(world.path).close();
    return performance.now() - began;
  };
  const readings = (): number[] => Array.from({ length: 10 }, reading);
  const before = readings();
  const db = openSource(world.path);
  const begun: number[] = [];
  let clock = 0;
  const steps = [1, 2, 3].map(n => () => {
    begun.push(performance.now());
    db.exec(`create table step${n} (a)`);
    clock += 50;
  });
  await inShortTransactions(db, 1_000, steps, () => clock);
  const least = 3 * Math.min(...before, ...readings());
  expect(begun[1]! - begun[0]!).toBeGreaterThan(least);
  expect(begun[2]! - begun[1]!).toBeGreaterThan(least);
  db.close();
});

test.each(['WAL', 'rollback-journal'])('in %s mode marks are pruned in small steps, and the lock is free after each [G6]', async mode => {
  const count = 50_000;
  using world = scratch('create table t (id integer primary key)', { wal: mode === 'WAL' });
  const db = openSource(world.path);
  const app = openSource(world.path, { waitMs: 0 });
  await install(db, planOf(readSchema(db)), ME, 1_000);
  db.exec(fillJournal(count));
  const lowest = app.prepare<[], bigint>('select min(seq) from _attacca_journal').pluck();
  let from = lowest.get()!;
  const steps: number[] = [];
  let turns = 0;
  const pruned = await prune(db, BigInt(count) as Seq, () => {
    app.exec('begin immediate; rollback'); // it waits for nobody
    setImmediate(() => turns++);
    const next = lowest.get()!;
    steps.push(Number(next - from));
    from = next;
  });
  expect(pruned).toBe(count - 1);
  expect(turns, 'there is a gap after each but the last').toBeGreaterThanOrEqual(steps.length - 1);
  expect(steps[0]).toBe(500);
  expect(Math.max(...steps)).toBeLessThanOrEqual(10_000);
  steps.slice(0, -1).forEach((step, index) => {
    if (index > 0) expect([steps[index - 1]! / 2, steps[index - 1], steps[index - 1]! * 2, 500, 10_000]).toContain(step);
  });
  app.close();
  db.close();
});

test('steps become smaller when one has held the lock for long, and larger when it took next to nothing [G6]', () => {
  expect([0.5, 2, 3.5].map(held => nextStep(4_000, held))).toEqual([8_000, 4_000, 2_000]);
  expect([nextStep(8_000, 0), nextStep(10_000, 0), nextStep(500, 100)]).toEqual([10_000, 10_000, 500]);
});
