import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { z } from 'zod';
import type { Plan } from '../../src/plan/plan.ts';
import type { DoneDocument, PlanDocument, VerifyDocument } from '../../src/server/documents.ts';
import { mirrored, mirroringWorld } from '../support/mirroring.ts';
import { caughtUp, openWorld, type World } from '../support/world.ts';

/* What becomes of a value that does not fit, column by column, as the plan file says it. */

async function worldWith(sql: string, columns: object): Promise<World> {
  const world = await openWorld(db => db.exec(sql), { plan: 'attacca.plan.yaml' });
  writeFileSync(join(world.folder, 'attacca.plan.yaml'), JSON.stringify({ version: 1, tables: { t: { columns } } }));
  return world;
}

test('widen: values that do not fit make their column wider without anybody; other columns stay as they are [G4]', async () => {
  const schema =
    "create table t (id integer primary key, n int, m int, at datetime); insert into t values (1, 1, 1, '2024-01-01 10:00:00')";
  await using world = await worldWith(schema, { n: { misfits: 'widen' }, at: { misfits: 'widen' } });
  world.start();
  await world.until(caughtUp);
  world.app.exec("insert into t values (2, 'many', 2, '2024-01-02 10:00:00'), (3, 3, 'few', '2024-01-03 10:00:00')");
  await world.until(status => caughtUp(status) && status.quarantine === 1);
  world.app.exec("insert into t values (4, 4, 4, 'some day')");
  const status = await world.until(
    status =>
      caughtUp(status) && status.tables[0]?.rows !== undefined && status.timeline.filter(({ event }) => event === 'widened').length === 2,
  );
  expect(status.misfits).toEqual([{ table: 't', column: 'm', rows: 1, reason: 'not an integer', proposal: 'tagged' }]);
  expect(world.daemon().log()).toContain('attacca plan --widen --table t');
  world.app.exec('update t set m = 3 where id = 3');
  await world.until(status => caughtUp(status) && status.quarantine === 0);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, rows: 4, quarantined: 0 });
  expect(await world.pg.query('select n, m, at from t where id = 2')).toEqual([{ n: 't:many', m: '2', at: '2024-01-02 10:00:00' }]);
});

test.each(['schema.adopt:after', 'schema.evolve:after'])(
  'widen: killed at %s, the next daemon widens, and nothing is lost [G2]',
  async point => {
    await using world = await worldWith('create table t (id integer primary key, n int); insert into t values (1, 1)', {
      n: { misfits: 'widen' },
    });
    const first = world.start();
    await world.until(caughtUp);
    first.process.kill('SIGTERM');
    await first.exited;
    world.app.exec("insert into t values (2, 'two')");
    expect(await world.start(point).exited, 'it was killed').toBe(null);
    world.app.exec("insert into t values (3, 'three')");
    world.start();
    await world.until(status => caughtUp(status) && status.quarantine === 0);
    expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, rows: 3, quarantined: 0 });
  },
);

test('refuse: a value that does not fit halts before anything is committed, and its correction goes on from there [G7]', async () => {
  await using world = await worldWith('create table t (id integer primary key, n int); insert into t values (1, 1)', {
    n: { misfits: 'refuse' },
  });
  const first = world.start();
  await world.until(caughtUp);
  world.app.exec("begin; insert into t values (2, 2); insert into t values (3, 'three'); commit");
  expect(await first.exited).not.toBe(0);
  expect(first.log()).toMatch(/a row of \\?"t\\?" does not fit, and its plan says refuse: key \["i:3"\], column \\?"n\\?": not an integer/);
  expect(first.log()).not.toContain('three');
  expect(await world.pg.query('select id from t')).toEqual([{ id: '1' }]);
  world.app.exec('update t set n = 3 where id = 3');
  const second = world.start();
  await world.until(caughtUp);
  expect(await world.differences()).toEqual([]);

  world.app.exec("insert into t values (4, 'four')");
  expect(await second.exited).not.toBe(0);
  expect(await world.json<DoneDocument>(0, 'plan', '--widen', '--table', 't')).toMatchObject({ detail: 't.n: integer → tagged' });
  world.start();
  await world.until(caughtUp);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, rows: 4, quarantined: 0 });
});

test('repair: almost JSON is JSON in Postgres, and comes back byte for byte [G4]', async () => {
  const texts = ["{'name': 'Zoë', 'tags': [True, None],}", '{"a": NaN}', '{ "b":1,   "a":2 }', '{"a": 1'];
  const schema = `create table t (id integer primary key, meta text, n int); ${texts.map((text, index) => `insert into t values (${index}, '${text.replaceAll("'", "''")}', 0)`).join(';')}`;
  const refused = await openWorld(db => db.exec(schema), { plan: 'attacca.plan.yaml' });
  await using _refused = refused;
  writeFileSync(
    join(refused.folder, 'attacca.plan.yaml'),
    JSON.stringify({ version: 1, tables: { t: { columns: { meta: { misfits: 'repair' } } } } }),
  );
  expect((await refused.run('assess')).stderr).toContain(
    '1 values that do not fit jsonb(repaired): a text that is not valid JSON, and not one that the stated rules repair',
  );

  await using world = await worldWith(`${schema}; update t set meta = '[]' where id = 3`, { meta: { misfits: 'repair' } });
  const { plan } = await world.json<z.infer<typeof PlanDocument>>(0, 'plan', '--plan', join(world.folder, 'attacca.plan.yaml'));
  expect((plan as Plan).tables[0]?.columns[1]).toMatchObject({ type: 'jsonb', codec: 'jsonb(repaired)', misfits: 'repair' });
  world.start();
  await world.until(caughtUp);
  world.app.exec(`insert into t values (4, '{''late'': True}', 0), (5, '{"cut', 0)`);
  await world.until(status => caughtUp(status) && status.quarantine === 1);
  world.app.exec('delete from t where id = 5');
  await world.until(status => caughtUp(status) && status.quarantine === 0);
  expect(await world.pg.query('select meta::text as meta from t order by id')).toEqual(
    ['{"name": "Zoë", "tags": [true, null]}', '{"a": null}', '{"a": 2, "b": 1}', '[]', '{"late": true}'].map(meta => ({ meta })),
  );
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, differences: 0 });

  await world.json(0, 'cutover', '--yes');
  await world.pg.query(`update t set n = 1; update t set id = 10 where id = 0; update t set meta = '{"new": 1}' where id = 1`);
  await world.json(0, 'rollback', '--yes');
  expect(world.app.prepare('select id, meta, n from t order by id').raw().all()).toEqual([
    [1, '{"new": 1}', 1],
    [2, texts[2], 1],
    [3, '[]', 1],
    [4, "{'late': True}", 1],
    [10, texts[0], 1],
  ]);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, differences: 0 });
});

test('repair: what arithmetic in floating point left behind the places of a numeric is no part of it, and stays in SQLite; other digits are [G4]', async () => {
  const schema =
    'create table t (id integer primary key, total decimal, n int); insert into t values (1, 0.1 + 0.2, 0), (2, 1000.1 - 1000, 0)';
  const world = await openWorld(db => db.exec(schema), { plan: 'attacca.plan.yaml' });
  await using _world = world;
  await world.pg.query('create table t (id bigint generated by default as identity primary key, total numeric(10,2), n int)');
  const planFile = (columns: object): void =>
    writeFileSync(join(world.folder, 'attacca.plan.yaml'), JSON.stringify({ version: 1, tables: { t: { columns } } }));
  planFile({});
  expect((await world.run('assess')).stdout).toContain('misfits: repair, said in the plan file, rounds it');
  planFile({ total: { misfits: 'repair' } });
  world.start();
  await world.until(caughtUp);
  world.app.exec('insert into t values (3, 5.1 - 5, 0), (4, 0.301, 0); update t set total = total - 0.1');
  await world.until(status => caughtUp(status) && status.quarantine === 1);
  world.app.exec('delete from t where id = 4');
  await world.until(status => caughtUp(status) && status.quarantine === 0);
  const stored = world.app.prepare('select total from t order by id').pluck().all();
  expect(stored).toEqual([0.1 + 0.2 - 0.1, 1000.1 - 1000 - 0.1, 5.1 - 5 - 0.1]);
  expect(await world.pg.query('select total::text from t order by id')).toEqual(['0.20', '0.00', '0.00'].map(total => ({ total })));
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, differences: 0 });
  world.app.exec('update t set total = total + 0.05 where id = 3');
  await world.until(caughtUp);

  await world.json(0, 'cutover', '--yes');
  await world.pg.query('update t set n = 1; update t set id = 10 where id = 1; update t set total = total + 0.07 where id = 2');
  await world.json(0, 'rollback', '--yes');
  expect(world.app.prepare('select id, total, n from t order by id').raw().all()).toEqual([
    [2, 0.07, 1],
    [3, 5.1 - 5 - 0.1 + 0.05, 1],
    [10, 0.1 + 0.2 - 0.1, 1],
  ]);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, differences: 0 });
});

test('quarantine: a codec that a few stored values do not fit sends their rows there, with a warning [G4]', async () => {
  const schema =
    "create table t (id integer primary key, at datetime); insert into t values (1, '2024-01-01 10:00:00'), (2, 'n/a'), (3, '2024-01-03 10:00:00')";
  const codec = 'timestamp(YYYY-MM-DD hh:mm:ss)';
  await using strict = await worldWith(schema, { at: { codec } });
  expect((await strict.run('assess')).code).toBe(2);
  await using world = await worldWith(schema, { at: { codec, misfits: 'quarantine' } });
  const { findings } = await world.json<z.infer<typeof PlanDocument>>(0, 'plan', '--plan', join(world.folder, 'attacca.plan.yaml'));
  expect(findings.find(({ code }) => code === 'misfits-expected')).toMatchObject({ level: 'warning', table: 't', column: 'at', count: 1 });
  world.start();
  const status = await world.until(caughtUp);
  expect(status.misfits).toEqual([
    { table: 't', column: 'at', rows: 1, reason: 'a text in another format than the column’s', proposal: 'text' },
  ]);
  expect(await world.pg.query('select id from t order by id')).toHaveLength(2);
  expect((await world.run('cutover', '--dry-run')).code).toBe(3);
});

test('what stands for no point in time is -infinity in Postgres, and comes back as what it was [G4]', async () => {
  const rows = [
    [1, 1_700_000_000, '2024-01-01 10:00:00', '2024-01-01', 2_460_310.5],
    [2, 0, '', '0000-00-00', 0],
    [3, null, null, null, 2_460_310.25],
  ];
  const schema = `create table t (id integer primary key, s datetime, text datetime, day date, julian datetime);
    ${rows.map(row => `insert into t values (${row.map(value => (typeof value === 'string' ? `'${value}'` : String(value))).join(', ')})`).join(';')}`;
  await using world = await worldWith(schema, {
    s: { codec: 'timestamptz(s since 1970 or 0)' },
    text: { codec: "timestamp(YYYY-MM-DD hh:mm:ss or '')" },
    day: { codec: "date(YYYY-MM-DD or '0000-00-00')" },
    julian: { codec: 'timestamptz(julian day or 0)' },
  });
  world.start();
  await world.until(caughtUp);
  world.app.exec("insert into t values (4, 0, '', '0000-00-00', 0.0)");
  await world.until(status => caughtUp(status) && status.quarantine === 0);
  const held = await world.pg.query('select s, text, day, julian from t order by id');
  expect(held[0]).toEqual({
    s: '2023-11-14 22:13:20+00',
    text: '2024-01-01 10:00:00',
    day: '2024-01-01',
    julian: '2024-01-01 00:00:00+00',
  });
  const never = { s: '-infinity', text: '-infinity', day: '-infinity', julian: '-infinity' };
  expect([held[1], held[3]]).toEqual([never, never]);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, rows: 4, differences: 0 });

  await world.json(0, 'cutover', '--yes');
  await world.pg.query(`update t set s = '-infinity', text = '-infinity', day = '-infinity', julian = '-infinity' where id = 1;
    insert into t values (5, '2024-01-01 00:00:00.5+00', '2024-01-01 10:00:00.25', '9999-12-31', '2024-01-01 12:00:00+00')`);
  await world.json(0, 'rollback', '--yes');
  const last = world.app.prepare('select s, text, day, julian from t order by id').raw().all();
  expect(last).toEqual([
    rows[1]!.slice(1),
    rows[1]!.slice(1),
    rows[2]!.slice(1),
    rows[1]!.slice(1),
    [1_704_067_200.5, '2024-01-01 10:00:00.25', '9999-12-31', 2_460_311],
  ]);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, differences: 0 });
});

test('rows whose key became NULL are counted one by one, until each has a key or is gone [G4]', async () => {
  await using world = await openWorld(db => db.exec("create table t (k text primary key, v); insert into t values ('a', 1)"));
  world.start();
  await world.until(caughtUp);
  world.app.exec('insert into t values (null, 1), (null, 2), (null, 3), (null, 4), (null, 5)');
  const status = await world.until(status => caughtUp(status) && status.quarantine === 5);
  expect(status.misfits).toMatchObject([{ table: 't', column: 'k', rows: 5, reason: expect.stringContaining('in the application') }]);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, rows: 6, quarantined: 5 });
  await world.run('quarantine', 'retry');
  world.app.exec("update t set k = 'b' where v = 2; delete from t where v = 3");
  await world.until(status => caughtUp(status) && status.quarantine === 3);
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, rows: 5, quarantined: 3 });
  await world.run('quarantine', 'drop', '--yes');
  world.app.exec('delete from t where v = 4'); // a change of one is a change of all that share the key: they are not given up any more
  await world.until(status => caughtUp(status) && status.quarantine === 2);
});

test('a value that SQLite cannot hold halts the mirror; changing it is not enough, and the resync that it says is [G7] [G10]', async () => {
  await using world = await openWorld(db => db.exec('create table t (id integer primary key, score real); insert into t values (1, 1.5)'));
  const daemon = await mirroringWorld(world);
  await world.pg.query(`update t set score = 'NaN'`);
  expect(await daemon.exited).toBe(1);
  expect(daemon.log()).toMatch(/SQLite cannot hold a value[\s\S]+then run `attacca resync`/);
  await world.pg.query('update t set score = 2.5');
  expect(await world.start().exited, 'the old change comes again').toBe(1);
  await world.json(0, 'resync', '--yes');
  world.start();
  await world.until(mirrored);
  await world.json(0, 'verify');
  expect(world.app.prepare('select score from t').pluck().get()).toBe(2.5);
});
