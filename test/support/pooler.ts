/* A connection pooler of one server process, as far as a test needs one: clients get it in turn, for a transaction or for their session. */
import { once } from 'node:events';
import { createServer, connect as open, type Socket } from 'node:net';

const READY = 'Z'.charCodeAt(0);
const IDLE = 'I'.charCodeAt(0);
const KEY = 'K'.charCodeAt(0);

export type Pooler = AsyncDisposable & { readonly port: number };

/** `lends`: 'transaction' gives the one process to whoever asks next; 'session' gives each client a process of its own. */
export async function startPooler(
  target: { readonly host: string; readonly port: number },
  lends: 'transaction' | 'session',
): Promise<Pooler> {
  const sockets = new Set<Socket>();
  let shared: Server | undefined;
  const listener = createServer(client => {
    sockets.add(client.on('error', () => undefined));
    let server: Server | undefined;
    client.on('data', bytes => {
      if (server !== undefined) return void server.ask(client, bytes);
      server = lends === 'session' ? undefined : shared;
      if (server !== undefined) return void client.write(server.welcome());
      server = startServer(target, bytes, client);
      sockets.add(server.socket);
      if (lends === 'transaction') shared = server;
    });
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const address = listener.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, 'close');
    },
  };
}

type Server = {
  readonly socket: Socket;
  /** What a client is told that comes to a server which has let somebody in already. */
  welcome(): Buffer;
  ask(client: Socket, bytes: Buffer): void;
};

/** Lets the first client in with what it has said; a pooler's key is its own, and names no process of the server. */
function startServer(target: { readonly host: string; readonly port: number }, startup: Buffer, first: Socket): Server {
  const socket = open(target).on('error', () => undefined);
  const waiting: [Socket, Buffer][] = [];
  let greeting = Buffer.alloc(0);
  let greeted = false;
  let client: Socket | undefined = first;
  let rest = Buffer.alloc(0);
  const next = (): void => {
    const turn = waiting.shift();
    client = turn?.[0];
    if (turn !== undefined) socket.write(turn[1]);
  };
  socket.write(startup);
  socket.on('data', bytes => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 5 && rest.length > rest.readUInt32BE(1)) {
      const message = rest.subarray(0, 1 + rest.readUInt32BE(1));
      rest = rest.subarray(message.length);
      if (message[0] === KEY) message.writeUInt32BE(0x7fff0000, 5);
      if (!greeted) greeting = Buffer.concat([greeting, message]);
      client?.write(message);
      if (message[0] !== READY) continue;
      greeted = true;
      if (message[5] === IDLE) next();
    }
  });
  return {
    socket,
    welcome: () => greeting,
    ask(asking, bytes) {
      if (bytes[0] === 'X'.charCodeAt(0)) return void asking.end();
      waiting.push([asking, bytes]);
      if (client === asking) socket.write((waiting.pop() as [Socket, Buffer])[1]);
      else if (client === undefined) next();
    },
  };
}
