/* A cutover that the daemon begins by itself at the time that was given, and one that is called off. */
import { expect, test } from 'vitest';
import type { AuditDocument, DoneDocument, StatusDocument, SwitchDocument } from '../../src/server/documents.ts';
import { buildShop } from '../support/shop.ts';
import { caughtUp, flagOf, openWorld } from '../support/world.ts';

const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();

test('a scheduled cutover is seen in status, can be called off, and is carried out with gate and flag; a missed one is not [G9]', async () => {
  await using world = await openWorld(buildShop(40));
  const nobody = await world.run('cutover', '--at', inMs(60_000), '--yes', '--json');
  expect([nobody.code, nobody.stdout]).toEqual([3, expect.stringMatching(/none runs, or it waits for Postgres[\s\S]+no-daemon/)]);
  const first = world.start();
  await world.until(caughtUp);

  for (const wrong of ['tomorrow', '2026-11-29', '2026-11-29T03:00:00', inMs(-1_000), inMs(40 * 86_400_000)])
    expect((await world.run('cutover', '--at', wrong, '--yes')).code, wrong).toBe(2);
  for (const wrong of ['2027-02-30T03:00:00Z', '2027-04-31T03:00:00+0100', `${new Date(Date.now() + 86_400_000).toUTCString()}+0000`])
    expect((await world.run('cutover', '--at', wrong, '--yes')).stderr, 'the next day is not meant').toContain(
      `${wrong} is not a point in time`,
    );
  expect((await world.run('cutover', '--at', inMs(60_000))).code, 'nobody can be asked here').toBe(2);
  const far = new Date(Date.now() + 3_600_000).toISOString();
  await world.json<DoneDocument>(0, 'cutover', '--at', far, '--yes');
  const status = await world.json<StatusDocument>(0, 'status');
  expect(status.scheduled).toMatchObject({ at: `${far.slice(0, 19)}Z`, by: expect.stringContaining('@') });
  expect((await world.run('status')).stdout).toContain(`cutover at ${far.slice(0, 19)}Z`);
  expect((await world.json<DoneDocument>(0, 'cutover', '--cancel')).detail).toContain('called off');
  expect((await world.json<DoneDocument>(0, 'cutover', '--cancel')).detail).toContain('no cutover was scheduled');
  expect((await world.json<StatusDocument>(0, 'status')).scheduled).toBeNull();

  // While no daemon ran, its time came and went.
  await world.json(0, 'cutover', '--at', far, '--yes');
  first.process.kill('SIGTERM');
  await first.exited;
  await world.pg.query(`update attacca.scheduled set at = now() - interval '1 hour'`);
  world.start();
  await world.until(({ scheduled }) => scheduled === null);
  const events = async (): Promise<string[]> => (await world.json<AuditDocument>(0, 'audit')).entries.map(({ event }) => event);
  await expect.poll(events).toContain('scheduled cutover missed');
  expect((await world.json<StatusDocument>(0, 'status')).primary).toBe('sqlite');

  // Never verified: it is, before it cuts over.
  await world.json(0, 'cutover', '--at', far, '--yes');
  await world.pg.query('update attacca.scheduled set at = now()');
  await world.until(({ phase }) => phase === 'mirroring');
  expect(flagOf(world)).toBe('postgresql');
  const done = await events();
  expect(done.indexOf('scheduled cutover begins')).toBeLessThan(done.indexOf('fencing → draining'));
  await world.until(({ scheduled }) => scheduled === null);
  const refused = await world.json<SwitchDocument>(3, 'cutover', '--at', far, '--yes');
  expect(refused).toMatchObject({ blockers: [{ code: 'phase' }] });
});
