/*
 * The daemon's HTTP server. It is there for as long as the daemon is: while that waits for one of the sides, the page says so.
 */
import { randomBytes } from 'node:crypto';
import { UsageError } from '../../change/errors.ts';
import type { Operations } from '../operations.ts';
import { type Answering, serve } from '../serve.ts';
import type { Attended } from './app.ts';
import { isLoopback } from './loopback.ts';

export type WebSettings = { readonly host: string; readonly port?: number | undefined; readonly token?: string | undefined };

export type Web = AsyncDisposable & {
  /** Where the page is. */
  readonly url: string;
  /** The same, with the token that lets its buttons act. */
  readonly entry: string;
  /** From now on this is the controller, until disposed. */
  attend(operations: Operations): Disposable;
  /** Why there is none. */
  waiting(why: string): void;
};

const PORT = 7_432;

/** Listens until disposed. Throws UsageError where that address is not to be had. */
export async function startWeb(settings: WebSettings): Promise<Web> {
  const token = settings.token ?? randomBytes(24).toString('base64url');
  const attended: Attended = { operations: undefined, why: 'it has just started' };
  const open = settings.token === undefined && isLoopback(settings.host);
  const server = await listenIn(async () => (await import('./app.ts')).webApp(attended, { token, open }), settings);
  const url = `http://${settings.host.includes(':') ? `[${settings.host}]` : settings.host}:${server.port}/`;
  return {
    url,
    entry: `${url}#${encodeURIComponent(token)}`,
    attend(operations) {
      attended.operations = operations;
      return { [Symbol.dispose]: () => (attended.operations = undefined) };
    },
    waiting(why) {
      attended.why = why;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function listenIn(app: Answering, { host, port }: WebSettings): ReturnType<typeof serve> {
  try {
    return await serve(app, { host, port: port ?? PORT });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (port === undefined && code === 'EADDRINUSE') return await serve(app, { host, port: 0 });
    throw new UsageError(
      `the page cannot be served at ${host}:${port ?? PORT} (${code})`,
      `${code === 'EADDRINUSE' ? 'another process listens there, as a daemon for this file that runs already would; ' : ''}set another http.host or http.port in attacca.config.json, or "http": { "enabled": false }`,
    );
  }
}
