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
  /** The next statement with this word in it is carried out, and the connection resets instead of the answer. Resolves when that has happened. */
  loseAnswer(word: string): Promise<void>;
};

export async function startProxy(target: { readonly host: string; readonly port: number }): Promise<BadNetwork> {
  const pairs = new Set<readonly [client: Socket, server: Socket]>();
  let stalled = false;
  let losing: { readonly word: string; readonly lost: () => void } | undefined;
  const listener = createServer({ allowHalfOpen: true }, client => {
    const server = open({ ...target, allowHalfOpen: true });
    const pair = [client, server] as const;
    pairs.add(pair);
    let answered: (() => void) | undefined;
    forward(client, server, bytes => {
      if (losing === undefined || !bytes.includes(losing.word)) return true;
      answered = losing.lost;
      losing = undefined;
      return true;
    });
    forward(server, client, () => {
      if (answered === undefined) return true;
      client.resetAndDestroy();
      answered();
      return false;
    });
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
    loseAnswer: word =>
      new Promise(lost => {
        losing = { word, lost };
      }),
    async [Symbol.asyncDispose]() {
      each((client, server) => [client.destroy(), server.destroy()]);
      listener.close();
      await once(listener, 'close');
    },
  };
}

/** By hand rather than by `pipe`, which would resume what was paused. What does not `pass` is lost. */
function forward(from: Socket, to: Socket, pass: (bytes: Buffer) => boolean): void {
  from.on('data', bytes => void (pass(bytes) && to.write(bytes)));
  from.on('end', () => void to.end());
}
