import type { RequestListener } from 'node:http';
import type { AddressInfo, ListenOptions, Socket } from 'node:net';
import type { Hono } from 'hono';

/** Not imported, as in call.ts. */
const { createServer } = process.getBuiltinModule('node:http');

/** So long the last answer may be on its way to somebody who does not read it. */
const LAST_MS = 3_000;

/** Gives what answers. It is asked when the first request comes: a copy that nobody looks at does without 10 MB of it. */
export type Answering = () => Promise<Hono>;

/**
 * Serves `app` until disposed, at a path or an address of this machine; begins before it returns. Rejects with the system's error. Its end
 * waits for answers, and not for who has connected and asks nothing, as browsers do in advance.
 */
export async function serve(app: Answering, where: ListenOptions): Promise<AsyncDisposable & { readonly port: number }> {
  let listening: Promise<RequestListener> | undefined;
  const server = createServer(async (request, response) => {
    listening ??= listener(app);
    (await listening)(request, response);
  });
  const connected = new Set<Socket>();
  const asked = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connected.add(socket);
    socket.once('close', () => connected.delete(socket));
  });
  server.on('request', ({ socket }, response) => {
    asked.add(socket);
    response.once('close', () => asked.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise(resolve => server.close(resolve));
      for (const socket of connected) if (!asked.has(socket)) socket.destroy();
      const late = setTimeout(() => server.closeAllConnections(), LAST_MS);
      await closed;
      clearTimeout(late);
    },
  };
}

async function listener(app: Answering): Promise<RequestListener> {
  const { getRequestListener } = await import('@hono/node-server');
  return getRequestListener((await app()).fetch);
}
