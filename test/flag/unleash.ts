/*
 * An HTTP server that behaves as Unleash's admin API documents: `POST …/environments/{environment}/on|off` with an admin token
 * answers 200 without a body, and `GET …/environments/{environment}` gives the environment with its `enabled`.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export const TOKEN = '*:*.4c2f-admin-secret';

export type Unleash = AsyncDisposable & {
  readonly url: string;
  enabled: boolean;
  /** What it does wrong. */
  fault: 'none' | 'silent' | 'reset' | 'read-only' | 'unkept' | 'redirect' | 'garbled';
  /** So many reads still show the old state after a change. */
  behind: number;
  /** Every toggle that was asked for and obeyed. */
  readonly toggles: string[];
};

export async function unleash(): Promise<Unleash> {
  let old = false;
  let stale = 0;
  const server = createServer((request, response) => answer(state, request, response));
  const state: Unleash & { read(): boolean; set(to: boolean): void } = {
    url: '',
    enabled: false,
    fault: 'none',
    behind: 0,
    toggles: [],
    read: () => (stale-- > 0 ? old : state.enabled),
    set(to) {
      old = state.enabled;
      stale = old === to ? 0 : state.behind;
      state.enabled = to;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise(done => server.close(done));
    },
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return Object.assign(state, { url: `http://127.0.0.1:${address.port}` });
}

const ENVIRONMENT = /^\/api\/admin\/projects\/default\/features\/use-postgres\/environments\/production(?:\/(on|off))?$/;

function answer(state: Unleash & { read(): boolean; set(to: boolean): void }, request: IncomingMessage, response: ServerResponse): unknown {
  const reply = (status: number, body?: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  };
  if (state.fault === 'silent') return undefined;
  if (state.fault === 'reset') return request.socket.destroy();
  if (state.fault === 'redirect') return response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
  if (request.headers.authorization !== TOKEN) return reply(401, { name: 'NotFound', message: 'You must log in to use Unleash.' });
  const [found, toggle] = ENVIRONMENT.exec(request.url ?? '') ?? [];
  if (found === undefined) return reply(404, { name: 'NotFoundError', message: 'Could not find feature' });
  if (toggle === undefined && request.method === 'GET') {
    if (state.fault === 'garbled') return response.writeHead(200).end('<html>');
    return reply(200, { name: 'use-postgres', environment: 'production', enabled: state.read(), strategies: [{ name: 'default' }] });
  }
  if (toggle === undefined || request.method !== 'POST') return reply(405);
  if (state.fault === 'read-only') return reply(403, { name: 'NoAccessError' });
  if (state.fault !== 'unkept') {
    state.set(toggle === 'on');
    state.toggles.push(toggle);
  }
  return reply(200);
}

/** The flag of attacca's configuration for it, as deploy/configuration.md shows it. */
export const unleashFlag = (url: string, more: object = {}) => {
  const environment = `${url}/api/admin/projects/default/features/use-postgres/environments/production`;
  const headers = { authorization: '$'.concat('{UNLEASH_TOKEN}') };
  return {
    kind: 'http',
    sqlite: 'off',
    postgres: 'on',
    write: { url: `${environment}/{value}`, headers },
    read: { url: environment, headers, value: 'enabled', sqlite: 'false', postgres: 'true' },
    ...more,
  };
};
