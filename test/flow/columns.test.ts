import { expect, test } from 'vitest';
import { caughtUp, openWorld, type World } from '../support/world.ts';

const blockers = async (world: World): Promise<string[]> =>
  JSON.parse((await world.run('cutover', '--dry-run', '--json')).stdout).blockers.map(({ code }: { code: string }) => code);

/** A world that was found equal, and whose cutover nothing stands in the way of. */
async function verified(): Promise<World> {
  const world = await openWorld(db =>
    db.exec('create table t (id integer primary key, a int, c int); insert into t values (1, 1, 1), (2, 2, 2); create table u (a)'),
  );
  world.start();
  await world.until(caughtUp);
  expect((await world.run('verify', '--json')).code).toBe(0);
  expect(await blockers(world)).toEqual([]);
  return world;
}

const AGAIN = 'alter table t drop column c; alter table t add column c int';

/** No cutover before a comparison, which finds it and mends it. */
async function doubted(world: World): Promise<void> {
  await expect.poll(() => blockers(world), { timeout: 20_000 }).toEqual(['not-verified']);
  expect((await world.run('verify', '--json')).code).toBe(4);
  expect((await world.run('verify', '--repair', '--json')).code).toBe(0);
  expect(await world.differences()).toEqual([]);
  expect(await blockers(world)).toEqual([]);
}

test('a column that is dropped and added again makes what was compared before void [G9]', async () => {
  await using world = await verified();
  world.app.exec(`begin; ${AGAIN}; commit`);
  await doubted(world);
});

test('the same in a transaction with a change that is followed [G9]', async () => {
  await using world = await verified();
  world.app.exec(`begin; ${AGAIN}; alter table u add column b; commit`);
  await doubted(world);
});

test('the same while no daemon runs [G9]', async () => {
  await using world = await verified();
  world.daemon().process.kill();
  await world.daemon().exited;
  world.app.exec(AGAIN);
  world.start();
  await world.until(caughtUp);
  await doubted(world);
});

test('the same where the daemon died while it followed the first half, whose copy brings it [G9]', async () => {
  await using world = await verified();
  world.daemon().process.kill();
  await world.daemon().exited;
  const dying = world.start('schema.adopt:after');
  await world.until(caughtUp);
  world.app.exec('alter table t drop column c');
  await dying.exited;
  world.app.exec('alter table t add column c int');
  world.start();
  await world.until(caughtUp);
  await expect.poll(() => blockers(world), { timeout: 20_000 }).toEqual(['not-verified']);
  await expect.poll(() => world.differences(), { timeout: 20_000 }).toEqual([]);
});

test.each([
  ['takes the name of one that was dropped', 'alter table t drop column a; alter table t rename column c to a'],
  ['is renamed beside a new one', 'alter table t rename column c to d; alter table t add column e int'],
  ['hands its name on', 'alter table t rename column a to b; alter table t rename column c to a; alter table t add column c int'],
])('a column that %s brings its values [G1]', async (_what, sql) => {
  await using world = await verified();
  world.app.exec(`update t set c = 10 * id; begin; ${sql}; commit; insert into t (id) values (3)`);
  await world.until(caughtUp);
  await expect.poll(() => world.differences(), { timeout: 20_000 }).toEqual([]);
  expect(await world.pg.query('select count(*) as n from t')).toEqual([{ n: '3' }]);
});

test('changes that can be told leave what was compared as it is, and so does a cutover and its way back', async () => {
  await using world = await verified();
  for (const sql of [
    'begin; alter table t add column d; alter table t add column e; alter table u add column f; alter table u add column g; alter table u add column h; alter table u rename to v; create index i on t (a); create index j on t (c); commit',
    'begin; create table n (id integer primary key, a int, c int, f); insert into n (id, a, c) select id, a, c from t; drop table t; alter table n rename to t; create index i on t (a); commit',
    'create view w as select 1',
    'analyze',
    'vacuum',
    'create trigger x after insert on v begin select 1; end',
    'begin; drop table v; create table v (a, b); commit',
  ]) {
    world.app.exec(sql);
    await world.until(caughtUp);
    await expect.poll(() => blockers(world), { timeout: 20_000 }).toEqual([]);
  }
  expect((await world.run('cutover', '--yes')).code).toBe(0);
  expect((await world.run('rollback', '--yes')).code).toBe(0);
  await world.until(caughtUp);
  await expect.poll(() => world.differences()).toEqual([]);
  expect(await blockers(world)).toEqual([]);
});
