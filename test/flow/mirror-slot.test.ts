/* The slot of the mirror: watched, given up before a disk fills, lost, and made anew with `attacca resync` [G10]. */
import { expect, test } from 'vitest';
import type { StatusDocument, SwitchDocument } from '../../src/server/documents.ts';
import { backAgain, mirrored, mirroringWorld, stopDaemon, writeInPostgres } from '../support/mirroring.ts';
import { type OwnPostgres, ownPostgres } from '../support/postgres.ts';
import { buildShop } from '../support/shop.ts';
import { openWorld, type World } from '../support/world.ts';

const FILL = /* sql */ `select pg_logical_emit_message(true, 'fill', repeat('x', 1000000)) from generate_series(1, 8)`;
const STATE = /* sql */ `select wal_status as status from pg_replication_slots`;
const LIMIT = 'max_slot_wal_keep_size';

/** Writes WAL and lets Postgres look at its slots, until it says so of the only one. */
async function fillUntil(server: OwnPostgres, wanted: string): Promise<void> {
  await expect
    .poll(
      async () => {
        await server.query(FILL);
        await server.query('select pg_switch_wal()');
        await server.query('checkpoint');
        return (await server.query(STATE))[0]?.status;
      },
      { interval: 10 },
    )
    .toBe(wanted);
}

/** A start of the daemon halts with this reason; resync makes the mirror anew, and a rollback loses nothing. */
async function haltsAndResyncs(world: World, reason: RegExp): Promise<void> {
  const halted = world.start();
  expect(await halted.exited).toBe(1);
  expect(halted.log()).toMatch(reason);
  expect(halted.log()).toContain('attacca resync');
  expect((await world.json<StatusDocument>(0, 'status')).halt?.reason).toMatch(reason);

  const now = await world.json<SwitchDocument>(3, 'rollback', '--dry-run');
  expect(now.blockers.map(({ code }) => code)).toEqual(expect.arrayContaining(['stopped', 'slot']));
  expect(now.blockers.find(({ code }) => code === 'stopped')?.reason).toMatch(reason);
  await world.json(3, 'resync', '--table', 'log', '--yes');
  await world.json(0, 'resync', '--yes');
  expect(await world.differences()).toEqual([]);
  world.start();
  await writeInPostgres(world, 3);
  await world.until(mirrored);
  const { blockers } = await world.json<SwitchDocument>(3, 'rollback', '--dry-run');
  expect(
    blockers.map(({ code }) => code),
    'nothing says yet that the copy is right',
  ).toEqual(['not-verified']);
  expect(await backAgain(world)).toEqual([]);
  expect(world.app.prepare('select count(*) from customer where id > 5000000').pluck().get()).toBeGreaterThanOrEqual(6);
}

test('a slot that Postgres has given up is noticed, and resync copies the mirror anew [G7] [G10]', async () => {
  await using server = await ownPostgres();
  await using world = await openWorld(buildShop(100), {}, { server });
  await mirroringWorld(world);
  await stopDaemon(world);
  await server.query(`alter system set ${LIMIT} = '1MB'`); // so little would have refused the cutover
  await server.query('select pg_reload_conf()');
  await writeInPostgres(world, 3);
  await fillUntil(server, 'lost');
  const { slot } = await world.json<StatusDocument>(0, 'status');
  expect(slot).toMatchObject({ walStatus: 'lost', alarm: expect.stringContaining('given up') });
  await haltsAndResyncs(world, /Postgres has given up the replication slot/);
});

test('before the disk fills the slot goes, where the policy says so; beside a daemon resync works too [G7] [G10]', async () => {
  await using server = await ownPostgres();
  await using world = await openWorld(
    buildShop(100),
    { mirror: { warnSlotMegabytes: 1, maxSlotMegabytes: 20, whenSlotFull: 'drop' } },
    { server },
  );
  await mirroringWorld(world);
  await writeInPostgres(world, 3);
  await world.json(0, 'resync', '--yes');
  await world.until(mirrored);
  expect(await world.differences()).toEqual([]);

  await stopDaemon(world);
  await server.query(FILL);
  expect((await world.json<StatusDocument>(0, 'status')).slot?.alarm).toContain('mirror.warnSlotMegabytes');
  await server.query(FILL);
  await server.query(FILL);
  const gone = world.start();
  expect(await gone.exited).toBe(1);
  expect(await server.query('select 1 from pg_replication_slots'), 'Postgres keeps nothing any more').toEqual([]);
  await haltsAndResyncs(world, /the mirror was given up, so that the disk of Postgres does not fill/);
});

test('a resync that comes to nothing leaves the mirror as it was: the slot stays until it is not needed [G7] [G10]', async () => {
  await using world = await openWorld(buildShop(100));
  await mirroringWorld(world);
  await stopDaemon(world);
  const daemon = world.start('mirror-again.beginAgain:after');
  await world.until(mirrored);
  await world.json(1, 'resync', '--yes');
  await daemon.exited;
  world.start();
  await writeInPostgres(world, 3);
  expect(await backAgain(world)).toEqual([]);
});
