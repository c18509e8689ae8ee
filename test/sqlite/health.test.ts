import { expect, test } from 'vitest';
import { SourceMoved } from '../../src/change/errors.ts';
import { checkFit, checkUndoubted, examine, needsMending } from '../../src/sqlite/capture/health.ts';
import { install } from '../../src/sqlite/capture/install.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { planOf, scratch } from './planned.ts';

/** An installed file, after which `sql` was done to it. */
async function after(sql: string) {
  const world = scratch('create table t (id integer primary key, a, c int)');
  const plan = planOf(readSchema(world.db));
  await install(world.db, plan, { install: 'i', target: 't' }, 1_000);
  world.db.exec(sql);
  return { db: world.db, plan, [Symbol.dispose]: () => world[Symbol.dispose]() };
}

test.each([
  ['VACUUM, which may number rows anew', 'vacuum'],
  ['a copy made of its SQL, which numbers rows anew and may stand at the same schema_version', 'update _attacca_canary set rowid = 1'],
  ['a column that may have gone and come back', 'alter table t drop column c; alter table t add column c int'],
  ['a journal that is gone', 'drop table _attacca_journal'],
])('%s: nothing is switched before the controller has looked [G9]', async (_, sql) => {
  using file = await after(sql);
  expect(needsMending(file.db, file.plan)).toBe(true);
  expect(() => checkUndoubted(file.db, file.plan)).toThrow(SourceMoved);
});

test('nobody copies from a file whose journal is gone: what is written meanwhile would be marked nowhere [G1]', async () => {
  using file = await after('drop table _attacca_journal');
  expect(() => checkFit(file.db, file.plan)).toThrow(SourceMoved);
});

test('a connection that has found one plan to fit says nothing of another, nor of what the file becomes [G7]', async () => {
  using file = await after('');
  checkFit(file.db, file.plan);
  using other = scratch('create table t (id integer primary key, b)');
  expect(() => checkFit(file.db, planOf(readSchema(other.db)))).toThrow(SourceMoved);
  checkFit(file.db, file.plan);
  file.db.exec('alter table t add column later');
  expect(() => checkFit(file.db, file.plan)).toThrow(SourceMoved);
});

test('while Postgres is primary capture is missing on purpose', async () => {
  using file = await after(`update _attacca_control set "primary" = 'postgres'; drop trigger _attacca_insert_1`);
  expect(examine(file.db, file.plan)).toEqual({ state: 'fine' });
});
