/* Each thing in Postgres that stands in the way of a switch is produced on a real server, and named with what removes it [G9]. */
import { expect, test } from 'vitest';
import type { Blocker } from '../../src/change/errors.ts';
import { quote } from '../../src/change/quote.ts';
import { clockSkew, failingSlot, holders, tightLimits } from '../../src/postgres/gate/headroom.ts';
import { barred, bypasses, firing, identities, notValid, outOfReach, unpublished } from '../../src/postgres/gate/obstacles.ts';
import { connect as open } from '../../src/postgres/session/open.ts';
import { createPublication } from '../../src/postgres/wal/slot.ts';
import { connect, ownPostgres } from '../support/postgres.ts';
import { PLAN, reverse } from './reverse.ts';

const short = (found: readonly Blocker[]): string[] => found.map(({ code, reason, remedy }) => `${code}: ${reason} → ${remedy}`);

test('a constraint that is NOT VALID, until it is validated as the remedy says [G9]', async () => {
  await using world = await reverse();
  expect(await notValid(world.session, PLAN)).toEqual([]);
  await world.pg.query(`alter table pairs add constraint positive check (b > 0) not valid`);
  await world.pg.query(`alter table unpublished add constraint any_x check (x > '') not valid`);
  const found = await notValid(world.session, PLAN);
  expect(short(found)).toEqual([expect.stringMatching(/^not-valid: the constraint positive of public.pairs is NOT VALID/)]);
  await world.pg.query(found[0]!.remedy.replace(/;.*/, ''));
  expect(await notValid(world.session, PLAN)).toEqual([]);
});

test('a replica identity without the key of the plan, in each of its forms [G9]', async () => {
  await using world = await reverse();
  const { pg, session } = world;
  const named = async () => (await identities(session, PLAN)).map(({ reason }) => reason);
  expect(await named()).toEqual([]);
  await pg.query('alter table pairs replica identity nothing');
  expect(await named()).toEqual(['the replica identity of public.pairs does not contain its key']);
  const [{ remedy }] = (await identities(session, PLAN)) as [Blocker];
  await pg.query(remedy);
  expect(await named(), 'full has every column').toEqual([]);
  await pg.query(
    'alter table pairs alter a set not null; create unique index by_a on pairs (a); alter table pairs replica identity using index by_a',
  );
  expect(await named()).toHaveLength(1);
  await pg.query('alter table pairs replica identity default; alter table "Things" drop constraint "Things_pkey"');
  expect(await named()).toEqual(['the replica identity of public.Things does not contain its key']);
  await pg.query('drop table pairs');
  expect(await named()).toEqual([expect.stringContaining('Things'), 'the table public.pairs is not there']);
});

test('a role of the application that is not there, or lacks a right, until the remedy has run [G9]', async () => {
  await using world = await reverse();
  const { pg, session } = world;
  const role = `attacca_"app"_${process.pid}`;
  const found = () => barred(session, PLAN, [role]);
  const made = async (change: string, reason: string) => {
    await pg.query(change);
    const [blocker, ...more] = (await found()) as [Blocker, ...Blocker[]];
    expect([blocker, more]).toEqual([
      { code: 'application-role', reason: expect.stringContaining(reason), remedy: expect.any(String) },
      [],
    ]);
    return blocker.remedy;
  };
  await made('select', `Postgres has no role ${role}`);
  try {
    await pg.query(
      await made(`create role ${quote(role)}; revoke usage on schema public from public`, 'may not read and write the schema public'),
    );
    expect(await found()).toEqual([]);
    for (const right of ['select', 'insert', 'update', 'delete'])
      await pg.query(
        await made(`revoke ${right} on pairs from ${quote(role)}`, `the application's role ${role} may not read and write public.pairs`),
      );
    await pg.query(
      await made(`create sequence numbers owned by pairs.b; revoke all on sequence numbers from ${quote(role)}`, 'public.pairs'),
    );
    expect(await found()).toEqual([]);
    expect(await barred(session, PLAN, [])).toEqual([]);
  } finally {
    await pg.query(`drop owned by ${quote(role)}; drop role ${quote(role)}`);
  }
});

test('a table that was given away, a right that was revoked, row security: each until the remedy has run [G9]', async () => {
  await using world = await reverse();
  const { pg, session } = world;
  const [role, other] = [`attacca_reach_${process.pid}`, `attacca_other_${process.pid}`];
  await pg.query(`create role ${role}; create role ${other}`);
  for (const { target } of PLAN.tables) await pg.query(`alter table public."${target}" owner to ${role}`);
  await session.query(`set role ${role}`);
  try {
    expect(await outOfReach(session, PLAN)).toEqual([]);
    for (const [change, reason] of [
      [`alter table pairs owner to ${other}`, `the role ${role} does not own public.pairs any more: ${other} does`],
      [`revoke update on pairs from ${other}, ${role}`, `the role ${role} may not read and write public.pairs`],
      [
        'alter table pairs enable row level security; alter table pairs force row level security',
        `row security hides rows of public.pairs from`,
      ],
    ] as const) {
      await pg.query(change);
      const [found, ...more] = (await outOfReach(session, PLAN)) as [Blocker, ...Blocker[]];
      expect([found, more]).toEqual([{ code: 'privileges', reason: expect.stringContaining(reason), remedy: expect.any(String) }, []]);
      await pg.query(found.remedy.replace(/;.*/, ''));
      expect(await outOfReach(session, PLAN), found.remedy).toEqual([]);
    }
  } finally {
    await session.query('reset role');
    await pg.query(`reassign owned by ${role}, ${other} to current_user; drop owned by ${role}, ${other}; drop role ${role}, ${other}`);
  }
});

test('a table that was taken out of the publication, and a publication that leaves out some of the changes [G9]', async () => {
  await using world = await reverse();
  const { pg, session, options } = world;
  const alter = (what: string) => pg.query(`alter publication "${options.publication.replaceAll('"', '""')}" ${what}`);
  expect(await unpublished(session, PLAN, options.publication)).toEqual([]);
  await alter('drop table pairs');
  const lacking = [expect.stringMatching(/^publication: .* lacks pairs, .*`attacca resync`/)];
  expect(short(await unpublished(session, PLAN, options.publication))).toEqual(lacking);
  const { rows } = await session.query(`select current_setting('server_version_num')::int >= 150000 as filters`);
  if (rows[0]?.filters === 't') {
    await alter('add table pairs where (b > 1)');
    expect(short(await unpublished(session, PLAN, options.publication))).toEqual(lacking);
  }
  await alter(`set (publish = 'insert')`);
  expect(short(await unpublished(session, PLAN, options.publication))).toEqual([expect.stringMatching(/lacks \S+, pairs, /)]);
  await createPublication(session, PLAN, options.publication);
  expect(await unpublished(session, PLAN, options.publication)).toEqual([]);
});

test('whoever writes past the fence: a subscription, a default token, a default replica role [G8] [G9]', async () => {
  await using world = await reverse();
  const { pg, session } = world;
  expect(await bypasses(session, PLAN)).toEqual([]);
  const { hostname, port, username, pathname } = new URL(pg.url);
  await pg.query('create publication own for table pairs');
  const where = `host=${hostname} port=${port} user=${username} dbname=${pathname.slice(1)}`;
  await pg.query(
    `create subscription other connection '${where}' publication own with (create_slot = false, slot_name = none, enabled = false)`,
  );
  await pg.query(`alter database ${pathname.slice(1)} set attacca.token = 'stolen'`);
  await pg.query(`alter role current_user in database ${pathname.slice(1)} set session_replication_role = replica`);
  expect(short(await bypasses(session, PLAN))).toEqual([
    expect.stringMatching(/^replica-role: role \S+ in database \S+ has session_replication_role/),
    expect.stringMatching(/^fence-bypass: the subscription other writes to pairs/),
    expect.stringMatching(/^fence-bypass: every role in database \S+ has attacca.token/),
  ]);
  await pg.query('drop subscription other');
});

const AUDITED = /* sql */ `
  create function noted() returns trigger language plpgsql as 'begin return null; end';
  create trigger "Audit" after insert on pairs for each row execute function noted();
  create trigger "Audit" after truncate on "Things" execute function noted()`;

test('a trigger that fires for what attacca writes, of a table or of a partition, until the remedy has run [G5] [G9]', async () => {
  await using world = await reverse();
  const { pg, session } = world;
  await pg.query(AUDITED);
  expect(await firing(session, PLAN, true)).toEqual([]);
  expect(short(await firing(session, PLAN, false))).toEqual(Array(2).fill(expect.stringContaining('disable trigger "Audit"')));
  await pg.query('alter table pairs enable replica trigger "Audit"; alter table "Things" enable always trigger "Audit"');
  const found = await firing(session, PLAN, true);
  expect(found.map(({ reason }) => reason)).toEqual([
    expect.stringContaining('"Audit" of public."Things"'),
    expect.stringContaining('"Audit" of public.pairs'),
  ]);
  for (const { remedy } of found) await pg.query(remedy);
  expect(await firing(session, PLAN, true)).toEqual([]);
  await pg.query(`drop table pairs; create table pairs (a text, b bigint, primary key (a, b)) partition by list (a);
    create table pairs_x partition of pairs for values in ('x'); create trigger "Own" after insert on pairs_x for each row execute function noted();
    alter table pairs_x enable always trigger "Own"`);
  expect(short(await firing(session, PLAN, true))).toEqual([expect.stringContaining('alter table public.pairs_x enable trigger "Own"')]);
});

test('transactions that hold the tables, a vacuum, and a clock that is wrong [G9]', async () => {
  await using world = await reverse();
  const { pg, session } = world;
  await pg.query(`insert into pairs select 'x' || n, n from generate_series(1, 3000) n`);
  const [writer, cleaner] = [await connect(pg.url), await connect(pg.url)];
  await writer.query(`set application_name = 'shop'; begin; update "Things" set name = 'x'; select pg_sleep(0.02)`);
  expect(short(await holders(session, PLAN, 1))).toEqual([
    expect.stringMatching(/^old-transaction: a transaction of \S+ \(shop\), pid \d+, has held Things for 0 s → .*pg_terminate_backend/),
  ]);
  expect(await holders(session, PLAN, 60_000), 'a short one passes').toEqual([]);
  await writer.query('rollback');

  await cleaner.query('set vacuum_cost_delay = 100; set vacuum_cost_limit = 1');
  const vacuum = cleaner.query('vacuum pairs').catch(() => undefined);
  await expect.poll(async () => (await holders(session, PLAN, 1)).map(({ code }) => code), { interval: 20 }).toEqual(['vacuum']);
  await pg.query(`select pg_terminate_backend(pid) from pg_stat_progress_vacuum`);
  await vacuum;
  await Promise.all([writer.end(), cleaner.end().catch(() => undefined)]);

  expect(await clockSkew(session, Date.now)).toBeLessThan(2);
  expect(await clockSkew(session, () => Date.now() - 60_000)).toBeGreaterThan(59_000);
  expect(await clockSkew(session, () => Date.now() + 60_000)).toBeLessThan(-59_000);
  expect(short(await failingSlot(session, null))).toEqual([expect.stringMatching(/^slot: the mirror has no replication slot/)]);
  expect(await failingSlot(session, world.options.slot)).toEqual([]);
  expect(await failingSlot(session, 'elsewhere')).toHaveLength(1);
});

test('limits of the server, and a prepared transaction [G9]', async () => {
  await using server = await ownPostgres();
  for (const setting of ['max_wal_senders = 0', 'max_prepared_transactions = 2', `max_slot_wal_keep_size = '1MB'`])
    await server.query(`alter system set ${setting}`);
  await server.crash();
  await server.start();
  await using session = await open(server.url, { applicationName: 'attacca test' });
  expect(short(await tightLimits(session))).toEqual([
    expect.stringMatching(/^postgres-no-sender: all 0 WAL senders/),
    expect.stringMatching(/^slot-limit: max_slot_wal_keep_size is 1 MB/),
  ]);
  await server.query(`create table pairs (a text, b bigint)`);
  const client = await connect(server.url);
  await client.query(`begin; insert into pairs values ('a', 1); prepare transaction 'forgotten'`);
  await client.end();
  expect(short(await holders(session, PLAN, 60_000))).toEqual([
    `prepared-transaction: the prepared transaction 'forgotten' holds pairs and maybe other tables → commit prepared 'forgotten' or rollback prepared 'forgotten'`,
  ]);
});
