/* A flag that lives in somebody else's service, through a cutover and back. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { SwitchDocument } from '../../src/server/documents.ts';
import { TOKEN, unleash, unleashFlag } from '../flag/unleash.ts';
import { buildShop } from '../support/shop.ts';
import { caughtUp, openWorld } from '../support/world.ts';

/** A service that does something when it is asked. */
async function listening(asked: () => void): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    asked();
    request.resume();
    response.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const end = async (): Promise<void> => void server.close();
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, [Symbol.asyncDispose]: end };
}

test('the gate names a flag that cannot be written or names the other side; a cutover and a rollback switch it [G9]', async () => {
  await using server = await unleash();
  const env = { UNLEASH_TOKEN: TOKEN };
  await using world = await openWorld(buildShop(50), { flag: unleashFlag(server.url) }, { env });
  world.start();
  await world.until(caughtUp);
  await world.json(0, 'verify');
  const blockers = async (direction: string): Promise<string[]> => {
    const { blockers } = await world.json<SwitchDocument>(3, direction, '--dry-run');
    return blockers.map(({ code, reason }) => `${code}: ${reason}`);
  };

  server.fault = 'read-only';
  expect(await blockers('cutover')).toEqual([expect.stringMatching(/^flag: .* answered with status 403$/)]);
  server.fault = 'none';
  server.enabled = true;
  expect(await blockers('cutover')).toEqual([expect.stringMatching(/^flag: .* names PostgreSQL, although SQLite is primary/)]);
  server.enabled = false;

  await world.json(0, 'cutover', '--yes');
  expect(server.enabled).toBe(true);
  await world.until(({ phase }) => phase === 'mirroring');
  server.enabled = false;
  expect(await blockers('rollback')).toEqual([expect.stringMatching(/^flag: .* names SQLite, although PostgreSQL is primary/)]);
  server.enabled = true;
  await world.json(0, 'rollback', '--yes');
  expect(server.enabled).toBe(false);
  expect(world.daemon().log()).not.toContain(TOKEN);
});

test('where no flag is configured, a switch says that nobody but the fence tells the application [G9]', async () => {
  await using world = await openWorld(buildShop(20), { flag: undefined });
  world.start();
  await world.until(caughtUp);
  await world.json(0, 'verify');
  const { code, stdout, stderr } = await world.run('cutover', '--dry-run');
  expect([code, stdout]).toEqual([0, 'ready: nothing stands in the way of a cutover\n']);
  expect(stderr).toContain('no flag is configured: the application learns from the fence alone who is primary');
});

test('what a daemon that died has left beside the flag, of a switch that did not begin, goes at the next start; of one that fails at once [G11]', async () => {
  let last = () => {};
  await using asked = await listening(() => last()); // the last one before the fence
  await using world = await openWorld(buildShop(20), { hooks: { 'before-cutover': [{ url: asked.url }] } });
  const staged = join(world.folder, '.app.env.attacca');
  const daemon = world.start('flag.ahead:after');
  await world.until(caughtUp);
  await world.json(0, 'verify');
  await world.json(1, 'cutover', '--yes');
  await daemon.exited;
  expect(existsSync(staged)).toBe(true);
  world.start();
  await world.until(caughtUp);
  expect(existsSync(staged)).toBe(false);

  last = () => void world.app.exec('begin immediate');
  const { code, stderr } = await world.run('cutover', '--yes', '--max-pause', '100');
  expect([code, stderr]).toEqual([1, expect.stringContaining('stayed locked for 100 ms')]);
  expect(existsSync(staged)).toBe(false);
});

test('a service that fails after the fence is asked until it answers: the switch ends then, and nowhere else [G8]', async () => {
  await using server = await unleash();
  // The last one to be asked before the fence takes the right to write away.
  await using taking = await listening(() => {
    server.fault = 'read-only';
  });
  const hooks = { 'before-cutover': [{ url: taking.url }] };
  await using world = await openWorld(buildShop(20), { flag: unleashFlag(server.url), hooks }, { env: { UNLEASH_TOKEN: TOKEN } });
  const daemon = world.start();
  await world.until(caughtUp);
  await world.json(0, 'verify');
  const { code, stderr } = await world.run('cutover', '--yes');
  expect([code, stderr]).toEqual([1, expect.stringContaining('status 403')]);
  await expect.poll(() => daemon.log().match(/restarting/g)?.length ?? 0).toBeGreaterThan(1);
  expect(() => world.app.prepare('delete from log').run(), 'there is no way back').toThrow(/ATTACCA_FENCED/);
  expect([server.enabled, daemon.process.exitCode]).toEqual([false, null]);

  server.fault = 'none';
  await world.until(({ phase }) => phase === 'mirroring');
  expect(server.enabled).toBe(true);
});
