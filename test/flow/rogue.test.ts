import { expect, test } from 'vitest';
import type { VerifyDocument } from '../../src/server/documents.ts';
import { connect } from '../support/postgres.ts';
import { buildShop } from '../support/shop.ts';
import { caughtUp, openWorld } from '../support/world.ts';

const settled = { verify: { everySeconds: 3600, fullEveryMinutes: 0 } };

test('what somebody else writes in Postgres before a cutover is refused; past the fence it is found, named a rogue write, and mended [G8] [G9]', async () => {
  await using world = await openWorld(buildShop(40), settled);
  world.start();
  await world.until(caughtUp);
  const client = await connect(world.pg.url);
  for (const role of ['origin', 'replica', 'local']) {
    await client.query(`set session_replication_role = ${role}`);
    await expect(client.query("update log set message = 'psql' where at = 1")).rejects.toThrow('ATTACCA_FENCED');
    await expect(client.query('truncate log')).rejects.toThrow('ATTACCA_FENCED');
  }
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, objects: [] });
  const upTo = () => client.query('select verified_seq from attacca.control').then(({ rows }) => rows);
  const verified = await upTo();
  world.app.exec("update log set message = 'app' where at = 3");

  await client.query('set session_replication_role = origin; alter table log disable trigger _attacca_fence');
  await client.query(
    "update log set message = 'psql' where at = 1; delete from log where at = 2; insert into log values ('psql', 900, 900)",
  );
  await client.query('alter table log enable always trigger _attacca_fence'); // as if nothing had been
  await world.json(4, 'verify', '--table', 'log');
  const ok = await client.query('select full_verified_ok as ok from attacca.control').then(({ rows }) => rows);
  expect(ok, 'what one table shows refuses a cutover too').toEqual([{ ok: 'f' }]);
  const report = await world.json<VerifyDocument>(4, 'verify');
  expect(report.objects).toMatchObject([{ kind: 'fence', table: 'log', problem: 'changed' }]);
  expect(await upTo(), 'nothing later was found equal').toEqual(verified);
  expect(report.tables.flatMap(({ samples }) => samples).map(({ key, kind, rogue }) => [key, kind, rogue])).toEqual([
    ['["i:1"]', 'different', true],
    ['["i:2"]', 'missing', true],
    ['["i:900"]', 'extra', true],
  ]);
  expect((await world.run('verify')).stdout).toContain('log ["i:1"]: different in message (ROGUE: written in Postgres by somebody else)');
  expect(
    await client.query("select detail -> 'rows' as rows from attacca.audit where event = 'rogue writes'").then(({ rows }) => rows[0]),
  ).toEqual({ rows: '3' });
  const { blockers } = await world.json<{ blockers: { code: string }[] }>(3, 'cutover', '--yes');
  expect(blockers.map(({ code }) => code)).toContain('differences');

  expect(await world.json<VerifyDocument>(0, 'verify', '--repair')).toMatchObject({ ok: true, repaired: 3, objects: [] });
  expect(await world.differences()).toEqual([]);
  await expect(client.query('truncate log')).rejects.toThrow('ATTACCA_FENCED');

  await client.query('create or replace function attacca.fence() returns trigger language plpgsql as $$ begin return null; end $$');
  await client.query('delete from log where at = 3');
  expect((await world.json<VerifyDocument>(4, 'verify')).objects).toMatchObject([
    { kind: 'fence', name: 'attacca.fence()', problem: 'changed' },
  ]);
  await world.json(0, 'verify', '--repair');
  await expect(client.query('truncate log')).rejects.toThrow('ATTACCA_FENCED');
  await client.end();
});

test('while Postgres is primary constraints, views and sequences are compared too, and what is amiss there keeps nobody from going back [G9]', async () => {
  await using world = await openWorld(db => {
    buildShop(20)(db);
    db.exec(
      'create table small (id integer primary key, n integer check (n < 10)); create view big as select id from orders where total > 1',
    );
  }, settled);
  world.start();
  await world.until(caughtUp);
  expect((await world.json<VerifyDocument>(0, 'verify')).ok).toBe(true);
  await world.json(0, 'cutover', '--yes');
  expect((await world.json<VerifyDocument>(0, 'verify')).objects).toEqual([]);
  const names = async (kind: string) =>
    (
      await world.pg.query(
        `select conname, conrelid::regclass::text as t from pg_constraint where contype = '${kind}' and connamespace = 'public'::regnamespace order by 2, 1`,
      )
    ).map(({ conname, t }) => [String(t), String(conname)]);
  const [[checked, check]] = (await names('c')) as [[string, string]];
  const [[child, key]] = (await names('f')) as [[string, string]];
  await world.pg.query(`alter table ${checked} drop constraint "${check}", add constraint "${check}" check (n < 11)`);
  await world.pg.query(`alter table ${child} drop constraint "${key}"`);
  await world.pg.query('drop view big');
  await world.pg.query("select setval(pg_get_serial_sequence('orders', 'id'), 5)");
  const { objects, differences } = await world.json<VerifyDocument>(4, 'verify');
  expect(differences).toBe(0);
  const repair = await world.run('verify', '--repair');
  expect(repair.code).toBe(3);
  expect(repair.stderr).toMatch(/nothing is repaired while Postgres is primary[\s\S]+the rows are equal[\s\S]+DDL of your own/);
  expect((await world.run('verify')).stdout).toMatch(/0 rows, 4 objects; .*while PostgreSQL is, `attacca resync` copies the rows again/);
  expect(objects.map(({ kind, table, name, problem }) => [kind, table, name, problem]).sort()).toEqual(
    [
      ['CHECK', checked, check, 'changed'],
      ['foreign key', child, key, 'missing'],
      ['sequence', 'orders', 'id', 'changed'],
      ['view', 'big', 'big', 'missing'],
    ].sort(),
  );
  expect(await world.json(0, 'rollback', '--dry-run')).toMatchObject({ ok: true });
  await world.json(0, 'rollback', '--yes');
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, objects: [] });
});

test('a column that somebody has dropped is named, and the other tables are compared all the same', async () => {
  await using world = await openWorld(buildShop(5), settled);
  await world.json(0, 'sync', '--once');
  await world.pg.query('alter table log drop column message');
  const report = await world.json<VerifyDocument>(4, 'verify');
  expect(report.objects).toMatchObject([{ kind: 'column', table: 'log', name: 'message', problem: 'missing' }]);
  expect(report.tables.map(({ table }) => table).sort()).toEqual(['customer', 'line', 'orders']);
});

test("of tables that the application's own migrations made, everything has to be as it was when attacca came", async () => {
  await using world = await openWorld(
    db => db.exec("create table item (id integer primary key, name text); insert into item values (1, 'one'), (2, 'two')"),
    settled,
  );
  await world.pg.query('create table item (id bigserial primary key, name text, constraint named check (length(name) < 100))');
  await world.pg.query('create index item_name on item (name)');
  await world.json(0, 'sync', '--once');
  expect(await world.json(0, 'verify')).toMatchObject({ ok: true, objects: [] });
  await world.pg.query('drop index item_name');
  await world.pg.query('alter table item drop constraint named');
  await world.pg.query("select nextval('item_id_seq')");
  const { objects } = await world.json<VerifyDocument>(4, 'verify');
  expect(objects.map(({ kind, name, problem }) => [kind, name, problem]).sort()).toEqual([
    ['CHECK', 'named', 'missing'],
    ['index', 'item_name', 'missing'],
    ['sequence', 'id', 'changed'],
  ]);
});
