/* The dry runs of both directions, on a real pair: each thing that stands in the way is there, and is named; and no other. */
import { expect, test } from 'vitest';
import type { SwitchDocument } from '../../src/server/documents.ts';
import { mirrored, mirroringWorld } from '../support/mirroring.ts';
import { connect } from '../support/postgres.ts';
import { buildShop } from '../support/shop.ts';
import { caughtUp, openWorld, type World } from '../support/world.ts';

async function dryRun(world: World, direction: 'cutover' | 'rollback'): Promise<SwitchDocument['blockers']> {
  const { blockers } = await world.json<SwitchDocument>(3, direction, '--dry-run');
  for (const { remedy } of blockers) expect(remedy).not.toBe('');
  return blockers;
}

const codes = (blockers: SwitchDocument['blockers']): string[] => blockers.map(({ code }) => code);

test('a cutover: an open transaction in SQLite with its process, full disks, NOT VALID, replica identity, at once [G9]', async () => {
  await using world = await openWorld(buildShop(30), { cutover: { minFreeMegabytes: 2 ** 40 } });
  world.start();
  await world.until(caughtUp);
  expect(codes(await dryRun(world, 'cutover'))).toEqual(['not-verified', 'disk', 'disk']);
  await world.json(0, 'verify');
  await world.pg.query('alter table orders add constraint cheap check (total < 1e9) not valid');
  await world.pg.query('alter table line replica identity nothing');
  world.app.exec('begin immediate');
  const found = await dryRun(world, 'cutover');
  expect(codes(found)).toEqual(['replica-identity', 'disk', 'disk', 'not-valid', 'source-busy']);
  expect(found.at(-1)?.reason).toContain(`process ${process.pid} has held the write lock`);
  world.app.exec('rollback');
});

const DUMB = /* sql */ `
  create function public.dumb() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
  create trigger dumb before insert or update on attacca.watermark for each row execute function public.dumb()`;

test('a cutover: a way back that does not bring a row back, and what came during the soak and needs a function of the application [G9]', async () => {
  await using world = await openWorld(buildShop(30));
  world.start();
  await world.until(caughtUp);
  await world.json(0, 'verify');
  const left = () =>
    world.pg.query(
      'select slot_name from pg_replication_slots where database = current_database() union all select pubname from pg_publication',
    );
  await world.pg.query(DUMB);
  const { blockers } = await world.json<SwitchDocument>(3, 'cutover', '--yes');
  expect(blockers).toMatchObject([{ code: 'reverse-path', reason: expect.stringContaining('public.dumb() in Postgres refused it') }]);
  expect(await left(), 'what fills a disk unread does not stay').toEqual([]);
  await world.pg.query('drop function public.dumb cascade');
  const slow = await connect(world.pg.url);
  await slow.query('begin; select pg_current_xact_id()'); // which a slot waits for
  const ready = world.json(0, 'cutover', '--dry-run');
  const recorded = () => world.pg.query('select from attacca.control where slot is not null');
  await expect.poll(recorded).toHaveLength(1); // whatever dies now leaves no slot that nobody knows of
  await slow.end();
  await ready;
  expect(await left()).toEqual([]);
  world.app.unsafeMode().function('slug', { deterministic: true }, text => text);
  const follows = async (ddl: string): Promise<void> => {
    const before = await plan(world);
    world.app.exec(ddl);
    await expect.poll(() => plan(world)).not.toEqual(before);
  };
  await follows('alter table line add column slug text as (slug(sku)) virtual');
  await follows('create index by_slug on log (slug(message))');
  const found = await dryRun(world, 'cutover');
  expect(found.map(({ code, reason }) => [code, /^table (\w+) .*without (\w+),/.exec(reason)?.slice(1)])).toEqual([
    ['app-function', ['line', 'slug']],
    ['app-function', ['log', 'slug']],
  ]);
});

const plan = (world: World) => world.pg.query('select md5(plan::text) as plan from attacca.control');

test('a rollback: an old transaction, a table out of the publication, a dropped slot [G9]', async () => {
  await using world = await openWorld(buildShop(30), { cutover: { maxPauseMs: 500 } });
  await mirroringWorld(world, '--max-pause', '20000');
  await world.json(0, 'rollback', '--dry-run');
  const client = await connect(world.pg.url);
  await client.query('begin; update orders set total = 1 where id = 1; select pg_sleep(0.6)');
  expect(codes(await dryRun(world, 'rollback'))).toEqual(['old-transaction']);
  await world.json(0, 'rollback', '--dry-run', '--max-pause', '60000'); // that the switch would wait out
  await client.query('rollback');
  await client.end();
  const [{ name }] = (await world.pg.query('select pubname as name from pg_publication')) as [{ name: string }];
  await world.pg.query(`alter publication ${name} drop table line`);
  expect(codes(await dryRun(world, 'rollback'))).toEqual(['publication']);
  await world.json(0, 'resync', '--yes');
  await world.until(mirrored);
  expect(codes(await dryRun(world, 'rollback'))).toEqual(['not-verified']);
  await world.json(0, 'verify');
  await world.json(0, 'rollback', '--dry-run');
});

const AUDIT = /* sql */ `
  create function public.noted() returns trigger language plpgsql as 'begin insert into public.audit values (1); return null; end';
  create trigger noted after insert or update or delete on orders for each row execute function public.noted();
  alter table orders enable always trigger noted`;

test('a rollback: a trigger of the application that would fire for what attacca applies afterwards [G5] [G9]', async () => {
  await using world = await openWorld(buildShop(30));
  const { app, pg } = world;
  await pg.query('create table public.audit (at integer)');
  await mirroringWorld(world);
  await pg.query(AUDIT);
  await pg.query('update orders set total = 1 where id = 1');
  const [found, ...more] = await dryRun(world, 'rollback');
  expect([found?.code, more]).toEqual(['target-trigger-always', []]);
  await pg.query(found!.remedy);
  await world.json(0, 'rollback', '--yes');
  app.exec('update orders set total = 2 where id < 5; delete from orders where id = 9');
  await world.until(caughtUp);
  expect(await world.differences()).toEqual([]);
  expect(await pg.query('select count(*) from public.audit')).toEqual([{ count: '1' }]);
});

test('a rollback that finds no moment to compare before the lock compares under it: a transaction may take most of the pause [G9] [G10]', async () => {
  await using world = await openWorld(buildShop(30));
  await mirroringWorld(world);
  const app = await connect(world.pg.url);
  await app.query('begin; update orders set total = 77 where id = 1');
  const rollback = world.json<SwitchDocument>(0, 'rollback', '--yes');
  const phase = async () => (await world.pg.query('select phase from attacca.control'))[0]?.phase;
  await Promise.race([rollback, expect.poll(phase, { timeout: 60_000 }).toBe('fencing_back')]);
  await app.query('commit');
  await app.end();
  expect((await rollback).primary).toBe('sqlite');
  await world.until(caughtUp);
  expect(world.app.prepare('select total from orders where id = 1').pluck().get()).toBe(77);
  expect(await world.differences()).toEqual([]);
});
