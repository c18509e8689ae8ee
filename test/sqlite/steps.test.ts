import { expect, test } from 'vitest';
import { dropCapture } from '../../src/sqlite/capture/capture.ts';
import { examine } from '../../src/sqlite/capture/health.ts';
import { install, placeCanary } from '../../src/sqlite/capture/install.ts';
import { headMark } from '../../src/sqlite/capture/marking.ts';
import { retake } from '../../src/sqlite/capture/retake.ts';
import { isDoubtful, isSettled, steps } from '../../src/sqlite/capture/steps.ts';
import { checkAnchor } from '../../src/sqlite/journal/journal.ts';
import { fenceState } from '../../src/sqlite/mirror/fence.ts';
import type { Database } from '../../src/sqlite/open.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { closed, fixture, INSTALL } from './mirrored.ts';
import { planOf, scratch } from './planned.ts';

const SCHEMA = 'create table t (id integer primary key, a, c int); create table u (a); create index u_a on u (a)';
const AGAIN = 'alter table t drop column c; alter table t add column c int';

test.each([
  ['', false],
  ['create view w as select 1', false],
  ['analyze; analyze', false],
  ['vacuum', false],
  ['create table s (a); create table s2 (a unique); create index s_a on s (a)', false],
  ['create table n (id integer primary key, a, c int); drop table t; alter table n rename to t; create index t_a on t (a)', false],
  ['alter table t rename to o; create table t (id integer primary key, a, c int); drop table o', false],
  ['drop table u; create table u (a); create index u_a on u (a); vacuum', false],
  ['create table k (id integer primary key autoincrement)', false],
  ['create virtual table f using fts5 (a)', false],
  [AGAIN, true],
  [`${AGAIN}; vacuum`, true],
  [`vacuum; ${AGAIN}`, true],
  [`create table s (a); create index s_a on s (a); ${AGAIN}`, true],
  [`create table n (a); drop table u; alter table n rename to u; create index u_a on u (a); ${AGAIN}`, true],
  [`create virtual table f using fts5 (a); ${AGAIN}`, true],
  [`create virtual table f using rtree (id, a, b); ${AGAIN}`, true],
  [`create table k (id integer primary key autoincrement); ${AGAIN}`, true],
  ['create table s (a); drop table s', true], // nothing tells it from the others
])('after %j a column may have gone and come back: %s', async (sql, doubtful) => {
  using world = scratch(SCHEMA);
  const { db } = world;
  const plan = planOf(readSchema(db));
  await install(db, plan, { install: 'i', target: 't' }, 1_000);
  expect(isSettled(db, plan)).toBe(true);
  db.exec(sql);
  expect(isDoubtful(steps(db, plan))).toBe(doubtful);
  placeCanary(db, plan);
  expect([isSettled(db, plan), isDoubtful(steps(db, plan))]).toEqual([true, false]);
});

test.each([
  { lost: 'our triggers', lose: dropCapture },
  ...['canary', 'control', 'journal'].map(lost => ({ lost, lose: (db: Database): void => void db.exec(`drop table _attacca_${lost}`) })),
])('a file that lost $lost and is taken as the truth again is settled, and leaves no doubt', async ({ lose }) => {
  using world = scratch(SCHEMA);
  const { db } = world;
  const plan = planOf(readSchema(db));
  const identity = { install: 'i', target: 't' };
  const mark = await install(db, plan, identity, 1_000);
  lose(db);
  await retake(db, plan, { identity, mark, epoch: 0n }, 1_000);
  checkAnchor(db, mark);
  expect([examine(db, plan).state, isSettled(db, plan), isDoubtful(steps(db, plan))]).toEqual(['fine', true, false]);
});

test('a copy from a time when Postgres was primary is not taken as the truth [G8]', async () => {
  using app = fixture(SCHEMA);
  const { db, plan } = app;
  await closed(app);
  const wanted = { identity: { install: INSTALL, target: 'pg' }, mark: headMark(db), epoch: 1n };
  await expect(retake(db, plan, wanted, 1_000)).rejects.toMatchObject({ blockers: [{ code: 'fenced-backup' }] });
  expect(fenceState(db, plan)).toEqual({ closed: true, epoch: 1n, intact: true });
});

test('triggers for a wider key than the plan has do not stay behind, where a row of theirs would fail [G6]', async () => {
  const wide = 'create table t (a int not null, b int not null, primary key (a, b)) without rowid';
  using world = scratch(wide);
  const { db } = world;
  const identity = { install: 'i', target: 't' };
  const mark = await install(db, planOf(readSchema(db)), identity, 1_000);
  using narrow = scratch('create table t (a integer primary key)');
  db.exec('drop table _attacca_canary');
  await retake(db, planOf(readSchema(narrow.db)), { identity, mark, epoch: 0n }, 1_000);
  db.exec('insert into t values (1, 2)');
});

test('a file that has also lost a table of the plan is taken as the truth: what it has become is followed next [G7]', async () => {
  using world = scratch(SCHEMA);
  const { db } = world;
  const plan = planOf(readSchema(db));
  const identity = { install: 'i', target: 't' };
  const mark = await install(db, plan, identity, 1_000);
  db.exec('drop table _attacca_canary; drop table u');
  await retake(db, plan, { identity, mark, epoch: 0n }, 1_000);
  checkAnchor(db, mark);
  expect(examine(db, plan)).toEqual({ state: 'drifted', tables: ['u'] });
});

test('a canary from before there was a version says nothing, and is to be placed anew', async () => {
  using world = scratch(SCHEMA);
  const { db } = world;
  const plan = planOf(readSchema(db));
  await install(db, plan, { install: 'i', target: 't' }, 1_000);
  db.exec('update _attacca_canary set x = 1');
  expect([isSettled(db, plan), isDoubtful(steps(db, plan))]).toEqual([false, false]);
});

test('capture of a plan that Postgres never got: what led there has been forgotten, and may be half of a pair', async () => {
  using world = scratch(SCHEMA);
  const { db } = world;
  const plan = planOf(readSchema(db));
  await install(db, plan, { install: 'i', target: 't' }, 1_000);
  db.exec('alter table t drop column c');
  placeCanary(db, planOf(readSchema(db)));
  db.exec('alter table t add column c int');
  expect([isSettled(db, plan), isDoubtful(steps(db, plan))]).toEqual([false, true]);
});
