import { type ConnectOptions, connect, type Session } from './open.ts';

/** A handful of sessions that are opened when needed and lent out one at a time. */
export interface Sessions extends AsyncDisposable {
  /** Lends a session to `work`; waits for one if all are lent. A session whose work failed is closed, not lent again. */
  use<T>(work: (session: Session) => Promise<T>): Promise<T>;
}

/** At most `size` sessions. */
export function sessions(url: string, size: number, options: ConnectOptions): Sessions {
  const idle: Session[] = [];
  const waiting: (() => void)[] = [];
  let free = size;
  return {
    async use(work) {
      while (free === 0) await new Promise<void>(resolve => waiting.push(resolve));
      free--;
      try {
        const session = idle.pop() ?? (await connect(url, options));
        const result = await work(session).catch(async error => {
          await session.end();
          throw error;
        });
        idle.push(session);
        return result;
      } finally {
        free++;
        waiting.shift()?.();
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(idle.splice(0).map(session => session.end()));
    },
  };
}
