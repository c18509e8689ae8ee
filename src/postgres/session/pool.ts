import { type ConnectOptions, connect, type Session } from './open.ts';

/** A handful of sessions that are opened when needed and lent out one at a time. */
export interface Sessions extends AsyncDisposable {
  /**
   * Lends a session to `work`; waits for one if all are lent. A session whose work failed is closed, not lent again. Disposing of the
   * pool waits for what is under way; what only waits then is not begun, and rejects.
   */
  use<T>(work: (session: Session) => Promise<T>): Promise<T>;
}

/** At most `size` sessions. */
export function sessions(url: string, size: number, options: ConnectOptions): Sessions {
  const idle: Session[] = [];
  const waiting: (() => void)[] = [];
  const lent = new Set<Promise<unknown>>();
  let closed = false;

  async function lend<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const session = idle.pop() ?? (await connect(url, options));
    const result = await work(session).catch(async error => {
      await session.end();
      throw error;
    });
    idle.push(session);
    return result;
  }

  return {
    async use(work) {
      while (lent.size === size && !closed) await new Promise<void>(resolve => waiting.push(resolve));
      if (closed) throw new Error('the sessions are closed');
      const running = lend(work);
      lent.add(running);
      try {
        return await running;
      } finally {
        lent.delete(running);
        waiting.shift()?.();
      }
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      for (const proceed of waiting.splice(0)) proceed();
      await Promise.allSettled(lent);
      await Promise.all(idle.splice(0).map(session => session.end()));
    },
  };
}
