/* Somebody else's programs and services at the moments of a switch, with the real binary. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AuditDocument, StatusDocument, SwitchDocument } from '../../src/server/documents.ts';
import { buildShop } from '../support/shop.ts';
import { caughtUp, openWorld, type World } from '../support/world.ts';

const SECRET = 'hook-secret';

/** A service that keeps what it was told, and answers when `held` is over. */
async function listener(held: Promise<void>) {
  const told: { url: string | undefined; token: unknown; body: Record<string, unknown> }[] = [];
  const server = createServer(async (request, response) => {
    const body = JSON.parse((await request.toArray()).join(''));
    told.push({ url: request.url, token: request.headers['x-token'], body });
    await held;
    response.writeHead(request.url === '/broken' ? 500 : 204).end();
  });
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    told,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise(done => server.close(done));
    },
  };
}

const lines = async (world: World, about: string): Promise<string[]> => {
  const { entries } = await world.json<AuditDocument>(0, 'audit');
  return entries.filter(({ event }) => event.startsWith(about)).map(({ event, detail }) => `${event} ${detail.name}`);
};

test('a failing before-hook refuses by name and leaves nothing; the others run beside the switch and stop nothing [G9]', async () => {
  const release = Promise.withResolvers<void>();
  await using service = await listener(release.promise);
  const hook = (path: string) => ({ url: `${service.url}${path}`, headers: { 'x-token': '$'.concat('{TOKEN}') }, timeoutMs: 60_000 });
  const script = 'cd "$(dirname "$ATTACCA_SOURCE")"; echo "$ATTACCA_HOOK $ATTACCA_PRIMARY" > ran; cat > facts; test ! -e veto';
  const veto = ['/bin/sh', '-c', script];
  const hooks = {
    'before-cutover': [{ command: veto, timeoutMs: 60_000 }],
    'after-fence': [hook('/fence')],
    'after-switch': [hook('/switch'), hook('/broken'), { command: ['/nowhere/notify'] }],
    'after-rollback': [hook('/rollback')],
  };
  await using world = await openWorld(buildShop(50), { hooks }, { env: { TOKEN: SECRET } });
  const at = (name: string): string => join(world.folder, name);
  world.start();
  await world.until(caughtUp);
  await world.json(0, 'verify');

  await world.json(0, 'cutover', '--dry-run');
  expect(existsSync(at('ran')), 'a dry run calls nobody').toBe(false);
  writeFileSync(at('veto'), '');
  const refused = await world.json<SwitchDocument>(3, 'cutover', '--yes');
  expect(refused.blockers).toMatchObject([{ code: 'hook', reason: 'before-cutover: /bin/sh ended with exit code 1' }]);
  expect(readFileSync(at('ran'), 'utf8')).toBe('before-cutover sqlite\n');
  expect(JSON.parse(readFileSync(at('facts'), 'utf8'))).toMatchObject({ hook: 'before-cutover', source: world.source, epoch: '0' });
  expect(await world.pg.query('select 1 from pg_replication_slots where database = current_database()')).toEqual([]);
  expect((await world.json<StatusDocument>(0, 'status')).primary).toBe('sqlite');

  rmSync(at('veto'));
  await world.json(0, 'cutover', '--yes'); // it ends although no service has answered yet
  await expect.poll(() => service.told.map(({ url }) => url).sort()).toEqual(['/broken', '/fence', '/switch']);
  expect(service.told.every(({ token }) => token === SECRET)).toBe(true);
  const of = (url: string) => service.told.find(told => told.url === url)?.body;
  expect(of('/fence')).toMatchObject({ hook: 'after-fence', direction: 'cutover', phase: 'switching', primary: null, epoch: '1' });
  expect(of('/switch')).toMatchObject({
    hook: 'after-switch',
    direction: 'cutover',
    phase: 'mirroring',
    primary: 'postgres',
    epoch: '1',
  });
  release.resolve();
  await world.until(({ phase }) => phase === 'mirroring');
  await expect.poll(() => lines(world, 'hook after')).toHaveLength(4);
  expect((await lines(world, 'hook')).sort()).toEqual([
    `hook after-fence done ${service.url}`,
    `hook after-switch done ${service.url}`,
    'hook after-switch failed /nowhere/notify',
    `hook after-switch failed ${service.url}`,
    'hook before-cutover done /bin/sh',
    'hook before-cutover failed /bin/sh',
  ]);
  await world.json(0, 'rollback', '--yes');
  await expect.poll(() => of('/rollback')).toMatchObject({ direction: 'rollback', phase: 'shadowing', primary: 'sqlite', epoch: '2' });
  expect(world.daemon().log()).not.toContain(SECRET);
});

test('a halt that comes again at every start is told once, and anew once the daemon has been well in between [G7]', async () => {
  await using service = await listener(Promise.resolve());
  const hooks = { 'on-halt': [{ url: `${service.url}/halt`, timeoutMs: 60_000 }] };
  await using world = await openWorld(buildShop(20), { hooks, quarantine: { policy: 'stop', afterRows: 0 } });
  await world.json(0, 'sync', '--once');
  world.app.exec("update orders set total = 'much' where id = 1"); // its column holds numbers
  const halts = async (): Promise<number> => {
    expect(await world.start().exited).toBe(1);
    return service.told.length;
  };
  expect([await halts(), await halts(), await halts()]).toEqual([1, 1, 1]);
  world.app.exec('update orders set total = 2 where id = 1');
  const well = world.start();
  const { halt } = await world.until(caughtUp);
  expect(halt, 'at work it is not halted').toBeNull();
  await expect.poll(() => world.pg.query('select 1 from attacca.control where halt_reason is null')).toHaveLength(1);
  world.app.exec("update orders set total = 'much' where id = 1");
  expect(await well.exited).toBe(1);
  expect(service.told.length).toBe(2);
});

test('a daemon that halts tells why before it ends [G7]', async () => {
  await using service = await listener(Promise.resolve());
  await using world = await openWorld(buildShop(20), { hooks: { 'on-halt': [{ url: `${service.url}/halt`, timeoutMs: 60_000 }] } });
  const daemon = world.start();
  await world.until(caughtUp);
  await world.pg.query('delete from attacca.control');
  world.app.prepare(`insert into log values ('more', 1)`).run();
  expect(await daemon.exited).toBe(3);
  const [reason, hint] = [expect.stringContaining('is gone'), expect.stringContaining('attacca uninstall')];
  expect(service.told).toMatchObject([{ url: '/halt', body: { hook: 'on-halt', reason, hint } }]);
});
