import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FlagPlaces } from '../../src/flag/places.ts';
import { opened, rejected } from './context.ts';
import { TOKEN, unleash, unleashFlag } from './unleash.ts';

const ENV = { UNLEASH_TOKEN: TOKEN };
/** As a template says it. */
const secret = (name: string): string => `\${${name}}`;

test('a feature of Unleash is switched there and back, and read back each time [G8]', async () => {
  await using server = await unleash();
  let epoch = 4n;
  const flag = opened(unleashFlag(server.url), { env: ENV, epoch: () => epoch });
  expect(await flag.read()).toEqual({ primary: 'sqlite', epoch: 4n });
  expect(await flag.check('sqlite')).toBeUndefined();
  epoch = 5n;
  await flag.write({ primary: 'postgres', epoch: 5n });
  expect([server.enabled, await flag.read()]).toEqual([true, { primary: 'postgres', epoch: 5n }]);
  epoch = 6n;
  await flag.write({ primary: 'sqlite', epoch: 6n });
  expect([server.enabled, server.toggles]).toEqual([false, ['off', 'on', 'off']]); // the first one is the gate's proof
});

test('a controller that has slept through a newer switch cannot set the flag back, though Unleash knows no epoch [G8]', async () => {
  await using server = await unleash();
  const flag = opened(unleashFlag(server.url), { env: ENV, epoch: () => 8n });
  expect(await rejected(flag.write({ primary: 'postgres', epoch: 7n }))).toMatchObject({ disposition: 'halt' });
  expect(server.toggles).toEqual([]);
});

test('a place that shows a change late is waited for', async () => {
  await using server = await unleash();
  server.behind = 3;
  const flag = opened(unleashFlag(server.url), { env: ENV, epoch: () => 1n });
  await flag.write({ primary: 'postgres', epoch: 1n });
  expect(await flag.read()).toEqual({ primary: 'postgres', epoch: 1n });
});

describe('what goes wrong is named by the gate, retried after the fence, and no secret is in it', () => {
  test.each([
    ['silent', { timeoutMs: 150 }, 'did not answer within 150 ms'],
    ['reset', {}, 'cannot be asked'],
    ['read-only', {}, 'answered with status 403'],
    ['unkept', { timeoutMs: 2_000 }, 'reads back differently'],
    ['redirect', {}, 'answered with status 302'],
    ['garbled', {}, 'is not JSON'],
  ] as const)('%s', async (fault, more, says) => {
    await using server = await unleash();
    const flag = opened(unleashFlag(server.url, more), { env: ENV });
    server.fault = fault;
    const { disposition, said } = await rejected(flag.write({ primary: 'postgres', epoch: 1n }));
    expect([disposition, said]).toEqual(['retry', expect.stringContaining(says)]);
    expect(said).not.toContain(TOKEN);
    if (fault !== 'unkept') expect(await flag.check('sqlite')).toContain(says); // what already is so is kept by everyone
    server.fault = 'none';
    await flag.write({ primary: 'postgres', epoch: 1n });
    expect(server.enabled).toBe(true);
  });

  test('nobody listens', async () => {
    const server = await unleash();
    const flag = opened(unleashFlag(server.url), { env: ENV });
    await server[Symbol.asyncDispose]();
    expect(await flag.check('sqlite')).toContain('ECONNREFUSED');
  });

  test('a wrong token, a missing variable, a token that cannot be sent, a secret file that is not there', async () => {
    await using server = await unleash();
    const checked = (env: NodeJS.ProcessEnv, token = secret('UNLEASH_TOKEN')) => {
      const config = unleashFlag(server.url);
      return opened({ ...config, read: { ...config.read, headers: { authorization: token } } }, { env }).check('sqlite');
    };
    expect(await checked({ UNLEASH_TOKEN: 'wrong' })).toContain('status 401');
    expect(await checked({})).toContain('the environment variable UNLEASH_TOKEN is not set');
    const broken = await checked({ UNLEASH_TOKEN: 'two\nlines' });
    expect(broken).toContain('the header authorization has characters that cannot be sent');
    expect(broken).not.toContain('two');
    expect(await checked(ENV, secret('file:/nowhere/token'))).toContain('the file /nowhere/token cannot be read');
  });

  test.each([
    ['http://me:hidden@unleash.internal/', 'a user name in an address is not sent; use a header'],
    ['ftp://unleash.internal/hidden', `${secret('ADDRESS')} does not make an address`],
  ])('an address from a variable that is none to ask: %s', async (address, reason) => {
    const { read, ...config } = unleashFlag('http://127.0.0.1:1');
    const flag = opened({ ...config, read: { ...read, url: secret('ADDRESS') } }, { env: { ...ENV, ADDRESS: address } });
    const said = await flag.check('sqlite');
    expect(said).toContain(reason);
    expect(said).not.toContain('hidden');
  });
});

test('the epoch and the value go wherever the service keeps them, and the newer epoch there wins', async () => {
  const seen: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'attacca-flag-'));
  writeFileSync(join(folder, 'token'), `${TOKEN}\n`);
  const kept = await keeper(seen);
  const config = {
    kind: 'http',
    postgres: 'pg&16',
    write: {
      method: 'PUT',
      url: `${kept.url}/flags/{primary}?epoch={epoch}&is={value}`,
      headers: { 'x-token': secret(`file:${join(folder, 'token')}`) },
      body: { state: { value: '{value}', epoch: '{epoch}' }, keep: [1, true, '{other} {constructor}'] },
      expect: { status: [202], contains: 'kept' },
    },
    read: { url: `${kept.url}/flags`, value: 'state.value', epoch: 'state.epoch' },
  };
  const flag = opened(config);
  expect(await flag.read()).toBeUndefined();
  await flag.write({ primary: 'postgres', epoch: 9n });
  expect(seen).toEqual([
    `PUT /flags/postgres?epoch=9&is=pg%2616 ${TOKEN} application/json {"state":{"value":"pg&16","epoch":"9"},"keep":[1,true,"{other} {constructor}"]}`,
  ]);
  expect(await flag.read()).toEqual({ primary: 'postgres', epoch: 9n });
  expect(await rejected(flag.write({ primary: 'sqlite', epoch: 8n }))).toMatchObject({ disposition: 'halt' });
  const strict = opened({ ...config, write: { ...config.write, expect: { contains: 'for ever' } } });
  const said = expect.stringContaining('answered without the expected text');
  expect(await rejected(strict.write({ primary: 'sqlite', epoch: 10n }))).toEqual({ disposition: 'retry', said });
  const reading = (more: object) => opened({ ...config, read: { ...config.read, ...more } });
  expect(await reading({ url: `${kept.url}/long` }).check('postgres')).toContain('the answer is longer than 1000000 characters');
  expect(await reading({ value: 'state' }).check('postgres')).toContain('state in the answer is not one value');
  expect(await reading({ value: 'state.constructor' }).read(), 'what every object has is nothing of the service').toBeUndefined();
  expect(flag.describe(), 'what a query holds may be a secret').toBe(`at ${kept.url}/flags/{primary}`);
  await kept[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test.each<[string, (config: ReturnType<typeof unleashFlag>) => object]>([
  ['the same value for both sides', config => ({ ...config, sqlite: 'on' })],
  ['an address without a protocol', config => ({ ...config, write: { url: 'unleash.internal/on' } })],
  ['an address with a password', config => ({ ...config, write: { url: 'https://me:secret@unleash.internal/on' } })],
  ['no way to read it back', ({ read: _, ...config }) => config],
  ['an unknown key', config => ({ ...config, colour: 'red' })],
])('the configuration is refused: %s', (_, change) => {
  expect(FlagPlaces.safeParse(change(unleashFlag('http://unleash.internal'))).success).toBe(false);
});

/** A service that keeps one document, with an epoch in it. */
async function keeper(seen: string[]): Promise<AsyncDisposable & { readonly url: string }> {
  const { createServer } = await import('node:http');
  let document = '{"state": null}';
  const server = createServer(async (request, response) => {
    if (request.method === 'GET') return void response.end(request.url === '/long' ? ' '.repeat(1_000_001) : document);
    const body = (await request.toArray()).join('');
    seen.push(`${request.method} ${request.url} ${request.headers['x-token']} ${request.headers['content-type']} ${body}`);
    document = body;
    response.writeHead(202).end('it is kept');
  });
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
  const address = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise(done => server.close(done));
    },
  };
}
