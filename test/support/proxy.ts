/* A TCP proxy that misbehaves when it is told to. */
import { once } from 'node:events';
import { createServer, connect as open, type Socket } from 'node:net';

export type BadNetwork = AsyncDisposable & {
  readonly port: number;
  /** Every connection ends with a reset, in the middle of whatever it carries. */
  cut(): void;
  /** Not a byte passes any more, in either direction, also on new connections; nothing is closed. Until `heal`. */
  stall(): void;
  heal(): void;
  /** The server's end of every connection is closed, ours stays open; or the other way round. */
  halfClose(whose: 'server' | 'client'): void;
};

export async function startProxy(target: { readonly host: string; readonly port: number }): Promise<BadNetwork> {
  const pairs = new Set<readonly [client: Socket, server: Socket]>();
  let stalled = false;
  const listener = createServer({ allowHalfOpen: true }, client => {
    const server = open({ ...target, allowHalfOpen: true });
    const pair = [client, server] as const;
    pairs.add(pair);
    forward(client, server);
    forward(server, client);
    if (stalled) for (const socket of pair) socket.pause();
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
    }
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const address = listener.address();
  const each = (act: (client: Socket, server: Socket) => void): void => {
    for (const [client, server] of [...pairs]) act(client, server);
  };
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cut: () => each((client, server) => [client.resetAndDestroy(), server.resetAndDestroy()]),
    stall() {
      stalled = true;
      each((client, server) => [client.pause(), server.pause()]);
    },
    heal() {
      stalled = false;
      each((client, server) => [client.resume(), server.resume()]);
    },
    halfClose: whose => each((client, server) => (whose === 'server' ? client : server).end()),
    async [Symbol.asyncDispose]() {
      each((client, server) => [client.destroy(), server.destroy()]);
      listener.close();
      await once(listener, 'close');
    },
  };
}

/** By hand rather than by `pipe`, which would resume what was paused. */
function forward(from: Socket, to: Socket): void {
  from.on('data', bytes => void to.write(bytes));
  from.on('end', () => void to.end());
}
