import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { World } from '../support/world.ts';

/** Instances that never heard of the flag: one writes to SQLite, one to Postgres, as often as they may. */
export function stubborn(world: World, name: string, everyMs: number) {
  const acknowledged = new Set<string>();
  let resting = false;
  let over = false;
  const db = new Database(world.source);
  db.pragma('synchronous = extra');
  const insert = db.prepare('insert into log (message, at) values (?, 0)');
  db.pragma('busy_timeout = 0');
  const go = async (side: string, write: (token: string) => unknown): Promise<void> => {
    for (let n = 1; !over; n++) {
      const token = `${name} ${side} ${n}`;
      try {
        if (!resting) {
          await write(token);
          acknowledged.add(token);
        }
      } catch {
        // refused, busy, or nobody knows: not acknowledged
      }
      await delay(everyMs);
    }
  };
  const running = [
    go('sqlite', token => insert.run(token)),
    go('postgres', token => world.pg.query('insert into log (message, at) values ($1, 0)', [token])),
  ];
  return {
    async begun() {
      while (acknowledged.size === 0) await delay(5);
    },
    /** Power images know of no writes but the daemon's. */
    async rest() {
      resting = true;
      await delay(0);
      db.close();
    },
    async end(): Promise<ReadonlySet<string>> {
      over = true;
      await Promise.all(running);
      if (db.open) db.close();
      return acknowledged;
    },
  };
}
