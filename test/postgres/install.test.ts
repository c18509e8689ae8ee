import { Client } from 'pg';
import { expect, test } from 'vitest';
import { preflight } from '../../src/postgres/gate/preflight.ts';
import { addForeignKeys, buildIndexes, buildKeys } from '../../src/postgres/installed/constraints.ts';
import { readControl, record } from '../../src/postgres/installed/control.ts';
import { opening } from '../../src/postgres/installed/fence.ts';
import { finishPostgres, installPostgres, uninstallPostgres } from '../../src/postgres/installed/install.ts';
import { connect, type Session } from '../../src/postgres/session/open.ts';
import { connect as stranger, type TestPostgres, testPostgres } from '../support/postgres.ts';
import { INSTALLATION, item, PLAN, world } from './world.ts';

/** Every object that somebody could have made in the database. */
const OBJECTS = /* sql */ `
  select 'schema ' || nspname as object from pg_namespace where nspname !~ '^pg_'
  union all select 'relation ' || c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  union all select 'column ' || c.oid::regclass || '.' || attname from pg_attribute a join pg_class c on c.oid = a.attrelid
    join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
  union all select 'function ' || p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  union all select 'trigger ' || tgname from pg_trigger where not tgisinternal
  union all select 'publication ' || pubname from pg_publication
  union all select 'slot ' || slot_name from pg_replication_slots where database = current_database()
  union all select 'event trigger ' || evtname from pg_event_trigger
  order by 1`;

const objects = async (postgres: TestPostgres) => (await postgres.query(OBJECTS)).map(row => row.object);

/** As it stands shortly before a cutover: publication and slot included. */
async function withStream(session: Session): Promise<void> {
  await session.query('create publication attacca_test for table public.items, attacca.watermark');
  await session.query(`select pg_create_logical_replication_slot('attacca_' || current_database(), 'pgoutput')`);
  const slot = (await session.query('select current_database() as name')).rows[0]?.name;
  await record(session, { publication: 'attacca_test', slot: `attacca_${slot}` });
}

test('uninstall leaves nothing behind, with and without the tables [G11]', async () => {
  await using postgres = await testPostgres();
  const before = await objects(postgres);
  await using session = await connect(postgres.url, { applicationName: 'attacca' });
  await installPostgres(session, PLAN, INSTALLATION);
  await buildKeys(session, PLAN);
  await buildIndexes(session, PLAN, () => undefined);
  await addForeignKeys(session, PLAN, () => undefined);
  await withStream(session);
  await uninstallPostgres(session, { keepTables: false });
  expect(await objects(postgres)).toEqual(before);
  await uninstallPostgres(session, { keepTables: false });

  await installPostgres(session, PLAN, INSTALLATION);
  await uninstallPostgres(session, { keepTables: true });
  const kept = (await objects(postgres)).filter(object => !before.includes(object));
  expect(kept.filter(object => object?.startsWith('column')).length).toBe(13);
  expect(kept.filter(object => /attacca\.|trigger|publication|slot|function|schema/.test(object ?? ''))).toEqual([]);
});

test('finish leaves the tables to the application, without hidden columns and open for everyone [G11]', async () => {
  await using w = await world();
  await w.apply(5, [{ rows: [item(1)] }, { table: 3, rows: [['1', 'line']] }]);
  await withStream(w.session);
  await w.session.query('alter table public.pairs replica identity full');
  await finishPostgres(w.session, PLAN);
  expect((await objects(w.postgres)).filter(object => /attacca/.test(object ?? ''))).toEqual([]);
  await w.postgres.query(`insert into log values ('another')`);
  expect(await w.postgres.query('select * from log order by 1')).toEqual([{ line: 'another' }, { line: 'line' }]);
  expect(await w.postgres.query(`select relreplident from pg_class where oid = 'pairs'::regclass`)).toEqual([{ relreplident: 'd' }]);
  await finishPostgres(w.session, PLAN);
});

test('finish finds a table that the application has renamed since, and takes the hidden column from it too [G11]', async () => {
  await using w = await world();
  await w.session.query(opening(1n));
  await w.postgres.query('alter table log rename to diary');
  await finishPostgres(w.session, PLAN);
  const columns = `select attname as name from pg_attribute where attrelid = 'diary'::regclass and attnum > 0 and not attisdropped`;
  expect(await w.postgres.query(columns)).toEqual([{ name: 'line' }]);
  await w.postgres.query(`insert into diary values ('x')`);
});

test('a table that someone put into schema attacca is never dropped with it', async () => {
  await using w = await world();
  await w.postgres.query('create table attacca.precious (x text)');
  const refusal = { blockers: [{ code: 'schema-occupied', reason: expect.stringContaining('attacca.precious') }] };
  await expect(uninstallPostgres(w.session, { keepTables: false })).rejects.toMatchObject(refusal);
  await expect(finishPostgres(w.session, PLAN)).rejects.toMatchObject(refusal);
  await w.postgres.query('alter table attacca.precious set schema public');
  await finishPostgres(w.session, PLAN);
  expect(await w.postgres.query('select count(*) from public.precious')).toEqual([{ count: '0' }]);
});

test('tables of the application that are filled by the time they are fenced are refused, and empty ones outlive an uninstall [G11]', async () => {
  await using postgres = await testPostgres();
  await using session = await connect(postgres.url, { applicationName: 'attacca' });
  await installPostgres(session, PLAN, INSTALLATION);
  await uninstallPostgres(session, { keepTables: true });
  const before = await objects(postgres);
  const existing = { ...PLAN, existing: true as const };
  await postgres.query(`insert into pairs values ('theirs', 1)`);
  await expect(installPostgres(session, existing, INSTALLATION)).rejects.toMatchObject({
    blockers: [{ code: 'target-not-empty', reason: 'public.pairs has rows already' }],
  });
  expect(await objects(postgres)).toEqual(before);
  await postgres.query('truncate pairs');
  await installPostgres(session, existing, INSTALLATION);
  await uninstallPostgres(session, { keepTables: false });
  expect(await objects(postgres)).toEqual(before);
});

test('a function that somebody put beside those of SQLite outlives an uninstall, and what depends on it too [G11]', async () => {
  await using postgres = await testPostgres();
  await using session = await connect(postgres.url, { applicationName: 'attacca' });
  await installPostgres(session, { ...PLAN, compat: ['to_number'] }, INSTALLATION);
  await postgres.query(`create function sqlite_compat.theirs() returns int immutable language sql as 'select 1'`);
  await postgres.query('create table precious (x int default sqlite_compat.theirs())');
  await uninstallPostgres(session, { keepTables: false });
  const left = (await objects(postgres)).filter(object => /compat|precious/.test(object ?? ''));
  expect(left).toEqual(['column precious.x', 'function sqlite_compat.theirs()', 'relation precious', 'schema sqlite_compat']);
  await postgres.query('drop function sqlite_compat.theirs() cascade; drop schema sqlite_compat');
});

test('while finish is under way every table takes the application’s updates: none is published without a key [G6]', async () => {
  await using w = await world();
  await w.apply(5, [{ table: 3, rows: [['1', 'line']] }]);
  await withStream(w.session);
  await w.session.query(`alter publication attacca_test add table public.log; ${opening(1n)}`);
  const query: Session['query'] = async (statement, values) => {
    if (String(statement) === 'drop schema attacca cascade') await w.postgres.query(`update log set line = 'changed'`);
    return w.session.query(statement, values);
  };
  await finishPostgres({ ...w.session, query } as Session, PLAN);
  expect(await w.postgres.query('select * from log')).toEqual([{ line: 'changed' }]);
});

test('finish waits for a transaction of the application without holding up the others [G6]', async () => {
  await using w = await world();
  await w.session.query(opening(1n));
  const long = await stranger(w.postgres.url);
  await long.query(`begin; insert into items (name) values ('long')`);
  let finished = false;
  const finishing = finishPostgres(w.session, PLAN).finally(() => {
    finished = true;
  });
  const waits = () => w.postgres.query(`select wait_event_type as waits from pg_stat_activity where pid = $1`, [w.session.pid]);
  await expect.poll(waits, { interval: 5 }).toEqual([{ waits: 'Lock' }]);
  await w.postgres.query(`insert into items (name) values ('short')`); // else it would wait for `long`, which waits for this
  expect(finished).toBe(false);
  await long.query('commit');
  await finishing;
  expect(await w.postgres.query('select count(*) from items')).toEqual([{ count: '2' }]);
  await long.end();
});

test('a slot that is being read is named, and nothing is removed', async () => {
  await using w = await world();
  await withStream(w.session);
  const slot = (await readControl(w.session))?.slot ?? '';
  const config = { connectionString: w.postgres.url, replication: 'database' };
  const reader = new Client(config);
  reader.on('error', () => undefined);
  await reader.connect();
  const reading = reader.query(`START_REPLICATION SLOT "${slot}" LOGICAL 0/0 (proto_version '1', publication_names 'attacca_test')`);
  reading.catch(() => undefined);
  await expect
    .poll(() => w.postgres.query('select active from pg_replication_slots where slot_name = $1', [slot]))
    .toEqual([{ active: 't' }]);
  await expect(uninstallPostgres(w.session, { keepTables: false })).rejects.toMatchObject({ blockers: [{ code: 'slot-active' }] });
  expect(await readControl(w.session)).toBeDefined();
  await reader.end();
});

test('installing twice is installing once; another source is refused, so is a table that is there already', async () => {
  await using postgres = await testPostgres();
  await using session = await connect(postgres.url, { applicationName: 'attacca' });
  await postgres.query('create table items (mine text)');
  await expect(installPostgres(session, PLAN, INSTALLATION)).rejects.toMatchObject({
    blockers: [{ code: 'target-not-empty', reason: 'public.items already exists' }],
  });
  expect((await objects(postgres)).filter(object => /attacca/.test(object ?? ''))).toEqual([]);
  await postgres.query('drop table items; create schema attacca');
  await expect(installPostgres(session, PLAN, INSTALLATION)).rejects.toMatchObject({ blockers: [{ code: 'target-not-empty' }] });
  await postgres.query('drop schema attacca');

  const first = await installPostgres(session, PLAN, INSTALLATION);
  expect(await installPostgres(session, PLAN, INSTALLATION)).toEqual(first);
  expect(await installPostgres(session, PLAN, { ...INSTALLATION, install: 'ffff' })).toEqual(first);
  await postgres.query(`update attacca.control set phase = 'shadowing'`);
  const foreign = { ...INSTALLATION, install: 'ffff' };
  await expect(installPostgres(session, PLAN, foreign)).rejects.toMatchObject({ blockers: [{ code: 'target-owned' }] });
});

test('a failed installation leaves nothing', async () => {
  await using postgres = await testPostgres();
  const before = await objects(postgres);
  await using session = await connect(postgres.url, { applicationName: 'attacca' });
  const broken = {
    ...PLAN,
    tables: PLAN.tables.map((table, i) =>
      i === 3 ? { ...table, target: 'x'.repeat(63), columns: [...table.columns, ...table.columns] } : table,
    ),
  };
  await expect(installPostgres(session, broken, INSTALLATION)).rejects.toMatchObject({ disposition: 'halt' });
  expect(await objects(postgres)).toEqual(before);
});

test('preflight says what server and role can do', async () => {
  await using postgres = await testPostgres();
  await using session = await connect(postgres.url, { applicationName: 'attacca' });
  const facts = await preflight(session);
  expect(facts).toMatchObject({ replicaRole: true, timeline: 1, blockers: [], cutoverBlockers: [] });
  expect(facts.systemIdentifier).toMatch(/^\d{15,}$/);
  expect((await preflight(session, 'nowhere')).blockers).toMatchObject([{ code: 'postgres-no-schema' }]);
});
