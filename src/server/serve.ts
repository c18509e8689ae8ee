import { createServer } from 'node:http';
import type { AddressInfo, ListenOptions, Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';

/** So long the last answer may be on its way to somebody who does not read it. */
const LAST_MS = 3_000;

/**
 * Serves `app` until disposed, at a path or an address of this machine; begins before it returns. Rejects with the system's error. Its end
 * waits for answers, and not for who has connected and asks nothing, as browsers do in advance.
 */
export async function serve(app: Hono, where: ListenOptions): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer(getRequestListener(app.fetch));
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
