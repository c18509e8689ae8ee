import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { StatusDocument } from '../../src/server/documents.ts';
import { ownPostgres } from '../support/postgres.ts';
import { buildShop } from '../support/shop.ts';
import { caughtUp, flagOf, openWorld, type World } from '../support/world.ts';

const PORT_OF_ITS_OWN = { http: { port: 0 } };

/** Asks until the answer is as wanted. */
async function answers(url: string, wanted: (text: string, status: number) => boolean): Promise<string> {
  for (;;) {
    const response = await fetch(url);
    const text = await response.text();
    if (wanted(text, response.status)) return text;
    await delay(50);
  }
}

async function entry(world: World): Promise<{ readonly url: string; readonly token: string }> {
  const { url } = await world.json<{ url: string }>(0, 'dashboard');
  const [page = '', token = ''] = url.split('#');
  return { url: page, token };
}

test('there and back by the buttons of the page; the pause is in the metrics, the token nowhere [G9]', async () => {
  await using world = await openWorld(buildShop(300), PORT_OF_ITS_OWN);
  expect((await world.run('dashboard')).code, 'nobody serves it').toBe(3);
  const daemon = world.start();
  const { daemon: known } = await world.until(caughtUp);
  const { url, token } = await entry(world);
  expect(known?.dashboard).toBe(url);
  const call = async (body: object): Promise<string> =>
    (await fetch(`${url}call`, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: JSON.stringify(body) })).text();

  expect(await call({ operation: 'switch', direction: 'cutover', dryRun: true })).toContain('not-verified');
  expect(await call({ operation: 'verify', tables: [], repair: false })).toContain('"ok":true');
  expect(await call({ operation: 'schedule', at: null, onApproval: true })).toContain('once somebody has run');
  expect(await call({ operation: 'switch', direction: 'cutover', dryRun: false })).toContain('"primary":"postgres"');
  expect((await world.json<StatusDocument>(0, 'status')).scheduled, 'it would come after the rollback').toBeNull();
  expect(flagOf(world)).toBe('postgresql');
  await answers(`${url}panels`, text => text.includes('Roll back') && text.includes('id="slot"'));
  const metrics = await answers(`${url}metrics`, text => text.includes('attacca_phase{phase="mirroring"} 1'));
  expect(metrics).toMatch(/^attacca_switch_pause_seconds\{direction="cutover"\} 0\.\d+$/m);
  expect(metrics).toContain('attacca_primary{side="postgres"} 1');
  expect(await call({ operation: 'verify', tables: [], repair: false })).toContain('"ok":true');
  expect(await call({ operation: 'switch', direction: 'rollback', dryRun: false })).toContain('"primary":"sqlite"');
  expect(await world.pg.query('select 1 from pg_replication_slots where database = current_database()'), 'nobody reads it').toEqual([]);
  await world.until(caughtUp);
  expect(await world.differences()).toEqual([]);

  const { entries } = await world.json<{ entries: { event: string; by: string }[] }>(0, 'audit');
  expect(entries).toContainEqual(expect.objectContaining({ event: 'asked: cutover', by: 'dashboard' }));
  const settled = entries.filter(({ event }) => event.includes('interrupted'));
  expect(settled, 'the loop waits for a switch, and takes none that goes on for one that a crash has left').toEqual([]);
  expect(daemon.log()).not.toContain(token);
  expect((await world.run('status', '--json')).stdout).not.toContain(token);
  const files = readdirSync(world.folder, { recursive: true, encoding: 'utf8' }).map(name => join(world.folder, name));
  for (const file of files.filter(path => statSync(path).isFile())) expect(readFileSync(file, 'latin1'), file).not.toContain(token);
});

test('while Postgres is away the page stays, and says so [G7]', async () => {
  await using server = await ownPostgres();
  await using world = await openWorld(buildShop(50), PORT_OF_ITS_OWN, { server });
  world.start();
  await world.until(caughtUp);
  const { url } = await entry(world);
  await answers(`${url}readyz`, (_, status) => status === 200);
  await server.crash();
  await answers(`${url}readyz`, (_, status) => status === 503);
  await answers(`${url}panels`, text => text.includes('not at work'));
  await answers(`${url}metrics`, text => text.includes('\nattacca_up 0\n'));
  await server.start();
  await answers(`${url}readyz`, (_, status) => status === 200);
});

test('beyond this machine it is served with a token only, and not at all where that is said', async () => {
  await using world = await openWorld(buildShop(10), { http: { host: '0.0.0.0', port: 0 } });
  const refused = await world.run('sync');
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('an address beyond this machine needs a token')]);

  await using silent = await openWorld(buildShop(10), { http: { enabled: false } });
  silent.start();
  const { daemon } = await silent.until(caughtUp);
  expect(daemon?.dashboard).toBeNull();
  expect((await silent.run('dashboard')).code).toBe(3);
});
