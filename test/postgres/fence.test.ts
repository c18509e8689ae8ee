import { expect, test } from 'vitest';
import {
  fenceOpen,
  fencePostgres,
  isFenceOf,
  lockForReading,
  lockTables,
  opening,
  readFence,
  touched,
  unfenced,
} from '../../src/postgres/installed/fence.ts';
import { connect, transaction } from '../../src/postgres/session/open.ts';
import { connect as stranger } from '../support/postgres.ts';
import { INSTALL, item, PLAN, WRITER, world } from './world.ts';

const FENCED = { code: '25006', message: expect.stringMatching(/^ATTACCA_FENCED epoch=0 primary=sqlite: /) };

const WRITES = [
  `insert into items (id, name) values (7, 'x')`,
  `insert into items (id, name) values (1, 'x') on conflict (id) do nothing`,
  `update items set u = 'x' where id = 1`,
  `update items set u = 'x' where false`,
  `delete from items`,
  `truncate items cascade`,
  `with gone as (delete from items returning id) select count(*) from gone`,
  `merge into items using (values (1)) as v(id) on items.id = v.id when matched then delete`,
];

test.for(WRITES)('the fence refuses everyone else: %s [G8]', async (write, { skip }) => {
  await using w = await world();
  const version = Number((await w.postgres.query('show server_version_num'))[0]?.server_version_num);
  skip(write.startsWith('merge') && version < 15_00_00, 'MERGE is there from Postgres 15 on');
  await w.apply(5, [{ rows: [item(1)] }]);
  await expect(w.postgres.query(write)).rejects.toMatchObject(FENCED);
  await w.postgres.query('set session_replication_role = replica');
  await expect(w.postgres.query(write)).rejects.toMatchObject(FENCED);
  await w.postgres.query('reset session_replication_role');
  await w.postgres.query(`set attacca.token = 'guessed'`);
  await expect(w.postgres.query(write)).rejects.toMatchObject(FENCED);
  expect(await w.postgres.query('select id, u from items')).toEqual([{ id: '1', u: null }]);
});

test.each([
  ['dropped', 'drop trigger _attacca_fence on items'],
  ['switched off and on again', 'alter table items disable trigger all; alter table items enable always trigger _attacca_fence'],
  [
    'made again by somebody else',
    'drop trigger _attacca_fence on items; create trigger _attacca_fence before insert on items execute function attacca.fence()',
  ],
])('a fence that was %s has been touched: somebody could write past it [G9]', async (_, ddl) => {
  await using w = await world();
  expect([...(await touched(w.session, PLAN))]).toEqual([]);
  await w.postgres.query(ddl);
  expect([...(await touched(w.session, PLAN))]).toEqual(['items']);
});

test('where every table is gone there is nothing to lock', async () => {
  await using w = await world();
  await transaction(w.session, WRITER, () => lockTables(w.session, { ...PLAN, tables: [] }, 1_000));
});

test('the fence refuses COPY, and the token opens it for one transaction only [G8]', async () => {
  await using w = await world();
  await using other = await connect(w.postgres.url, { applicationName: 'stranger' });
  const copy = () => other.copyIn(`copy public.items (id, name) from stdin`, ['1\tx\n']);
  await expect(copy()).rejects.toMatchObject({
    sqlstate: '25006',
    message: expect.stringContaining('ATTACCA_FENCED epoch=0 primary=sqlite'),
  });
  await transaction(other, WRITER, copy);
  await expect(copy()).rejects.toMatchObject({ sqlstate: '25006' });
});

test('an older REPEATABLE READ transaction that began while it was open meets the closed fence [G8]', async () => {
  await using w = await world();
  await w.session.query(opening(1n));
  const older = await stranger(w.postgres.url);
  await older.query('prepare w as insert into items (name) values ($1)');
  await older.query(`execute w('before')`);
  await older.query('begin isolation level repeatable read; select 1 from attacca.control');
  await fencePostgres(w.session, 2n, INSTALL);
  await expect(older.query(`execute w('after')`)).rejects.toMatchObject({ message: expect.stringContaining('epoch=2') });
  await older.query('rollback');
  expect(await w.postgres.query('select name from items')).toEqual([{ name: 'before' }]);
  await older.end();
});

test('the fence of an aborted cutover is still ours, one of a later epoch, of another token, opened or altered is not', async () => {
  await using w = await world();
  expect(await isFenceOf(w.session, 0n, INSTALL)).toBe(true);
  expect(await isFenceOf(w.session, 3n, INSTALL)).toBe(true);
  expect(await isFenceOf(w.session, 3n, 'another')).toBe(false);
  await fencePostgres(w.session, 4n, INSTALL);
  expect(await isFenceOf(w.session, 3n, INSTALL)).toBe(false);
  await w.postgres.query(`create or replace function attacca.fence() returns trigger language plpgsql as '-- attacca:closed epoch=0
begin return null; end'`);
  expect(await isFenceOf(w.session, 4n, INSTALL)).toBe(false);
  await w.session.query(opening(4n));
  expect(await isFenceOf(w.session, 4n, INSTALL)).toBe(false);
});

test('opening waits for no reader and is what the catalog says', async () => {
  await using w = await world();
  expect(await readFence(w.session)).toEqual({ closed: true, epoch: 0n });
  const reader = await stranger(w.postgres.url);
  await reader.query('begin; select count(*) from items');
  await w.session.query(opening(3n));
  expect(await readFence(w.session)).toEqual({ closed: false, epoch: 3n });
  await w.postgres.query(`insert into items (name) values ('x')`);
  await reader.query('rollback');
  await reader.end();
});

test('a fence trigger that is missing, disabled or not for everyone is noticed [G8]', async () => {
  await using w = await world();
  expect(await unfenced(w.session, PLAN)).toEqual([]);
  await w.postgres.query('alter table items disable trigger _attacca_fence');
  await w.postgres.query('alter table pairs enable trigger _attacca_fence');
  await w.postgres.query('drop trigger _attacca_fence on log');
  expect(await unfenced(w.session, PLAN)).toEqual(['items', 'pairs', 'log']);
});

test('a trigger of the same name that does less, or nothing, is no fence [G8]', async () => {
  await using w = await world();
  const instead = (table: string, events: string, fence: string): Promise<unknown> =>
    w.postgres.query(`drop trigger _attacca_fence on ${table};
      create trigger _attacca_fence before ${events} on ${table} for each statement execute function ${fence}();
      alter table ${table} enable always trigger _attacca_fence`);
  await w.postgres.query(`create function public.fence() returns trigger language plpgsql as 'begin return null; end'`);
  await instead('items', 'insert or update or delete', 'attacca.fence');
  await instead('pairs', 'insert or update or delete or truncate', 'public.fence');
  expect(await unfenced(w.session, PLAN)).toEqual(['items', 'pairs']);
});

test('before Postgres is closed the fence stands again wherever it was taken down, and on each partition that came [G8]', async () => {
  await using w = await world();
  const { postgres, session } = w;
  await session.query(opening(1n));
  await postgres.query(`drop table pairs; create table pairs (a text, b bigint, v text, primary key (b, a)) partition by list (a)`);
  await postgres.query(`create table part partition of pairs for values in ('x')`);
  await transaction(session, null, () => fenceOpen(session, PLAN));
  expect(await unfenced(session, PLAN)).toEqual([]);

  await postgres.query(`create table later partition of pairs for values in ('y') partition by list (b)`);
  await postgres.query(`create table below partition of later default`);
  expect(await unfenced(session, PLAN)).toEqual(['pairs']);
  await postgres.query('alter table items disable trigger _attacca_fence; alter table notes enable trigger _attacca_fence');
  await postgres.query(`drop trigger _attacca_fence on log;
    create trigger _attacca_fence before insert on log for each statement execute function attacca.fence()`);
  await transaction(session, null, () => fenceOpen(session, PLAN));
  await fencePostgres(session, 1n, INSTALL);
  await postgres.query('set session_replication_role = replica');
  for (const table of ['items', 'notes', 'log', 'pairs', 'part', 'later', 'below'])
    for (const write of [`delete from ${table}`, `truncate ${table} cascade`])
      await expect(postgres.query(write), write).rejects.toMatchObject({ code: '25006' });
  expect([await unfenced(session, PLAN), [...(await touched(session, PLAN))]]).toEqual([[], []]);
});

test('the tables are locked together or not at all, and whoever is in the way is named', async () => {
  await using w = await world();
  await w.session.query(opening(1n));
  const app = await stranger(w.postgres.url);
  await app.query(`set application_name = 'the app'; begin; insert into notes (item) values (1)`);
  const refused = transaction(w.session, null, () => lockTables(w.session, PLAN, 300));
  await expect(refused).rejects.toMatchObject({
    name: 'Refused',
    blockers: [{ code: 'target-busy', reason: expect.stringContaining('the app (pid ') }],
  });

  const locked = transaction(w.session, null, async () => {
    await lockTables(w.session, PLAN, 10_000);
    return (await w.session.query(`select count(*) as n, current_setting('statement_timeout') as limit from public.notes`)).rows;
  });
  // While we wait for the app it can go on to a table that we already hold: our wait ends first, so it is never the victim.
  await app.query(`insert into items (name) values ('x')`);
  await app.query('commit');
  expect(await locked, 'and what comes then has no limit').toEqual([{ n: '1', limit: '0' }]);
  await app.end();
});

test('what is refused for another reason than a writer is said as it is', async () => {
  await using w = await world();
  await w.postgres.query('drop table log');
  await expect(transaction(w.session, null, () => lockTables(w.session, PLAN, 1_000))).rejects.toMatchObject({ sqlstate: '42P01' });
});

test('no attempt lasts until the detector of deadlocks looks: it might end the application’s transaction', async () => {
  await using w = await world();
  await w.session.query(`${opening(1n)}; set deadlock_timeout = '100ms'`);
  const app = await stranger(w.postgres.url);
  await app.query('begin; insert into notes (item) values (1)');
  const limits: number[] = [];
  const query: typeof w.session.query = (statement, values) => {
    const [, limit] = /statement_timeout = (\d+)$/.exec(String(statement)) ?? [];
    if (limit !== undefined) limits.push(Number(limit));
    return w.session.query(statement, values);
  };
  const session = { ...w.session, query };
  await expect(transaction(session, null, () => lockTables(session, PLAN, 2_000))).rejects.toThrow('the tables are being written');
  expect(Math.max(...limits)).toBe(80);
  await app.end();
});

test('readers that lock share the tables; writers wait, and so does whoever closes, who may have to make triggers', async () => {
  await using w = await world();
  await w.session.query(opening(1n));
  await using other = await connect(w.postgres.url, { applicationName: 'second reader' });
  await transaction(w.session, null, async () => {
    await lockForReading(w.session, PLAN, 500);
    await transaction(other, null, () => lockForReading(other, PLAN, 500));
    await expect(transaction(other, null, () => lockTables(other, PLAN, 100))).rejects.toMatchObject({ name: 'Refused' });
    await w.postgres.query(`set lock_timeout = '50ms'`);
    await expect(w.postgres.query(`insert into items (name) values ('x')`)).rejects.toMatchObject({ code: '55P03' });
  });
});
