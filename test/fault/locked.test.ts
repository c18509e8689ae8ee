import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { callDaemon } from '../../src/server/call.ts';
import type { StatusDocument } from '../../src/server/documents.ts';
import { socketPath } from '../../src/server/socket.ts';
import { buildShop, writeSome } from '../support/shop.ts';
import { openWorld } from '../support/world.ts';

const caughtUp = ({ phase, lag }: StatusDocument): boolean => phase === 'shadowing' && lag?.changes === '0';
/** The issue says 30; CI takes less. */
const SECONDS = Number(process.env.ATTACCA_TEST_LOCK_SECONDS ?? 5);

test.each(['wal', 'delete'])(
  `the application locks its file for long (journal_mode = %s): the daemon waits, answers, and goes on [G6]`,
  async mode => {
    await using world = await openWorld(db => {
      buildShop(200)(db);
      db.pragma(`journal_mode = ${mode}`);
    });
    const daemon = world.start();
    await world.until(caughtUp);
    writeSome(world.app, 10); // something to compare and to prune while it is locked
    const holder = new Database(world.source, { timeout: 5_000 });
    holder.exec('begin exclusive');
    holder.exec(`update log set message = 'under the lock'`);
    const slowest = await statusWhile(world.source, SECONDS * 1_000);
    holder.exec('commit');
    holder.close();
    expect(slowest, 'the event loop is not blocked').toBeLessThan(1_000);
    await world.until(caughtUp);
    writeSome(world.app, 3);
    await world.until(caughtUp);
    expect(daemon.process.exitCode).toBeNull();
    expect(daemon.log()).not.toContain('restarting');
    expect(await world.differences()).toEqual([]);
  },
  (SECONDS + 40) * 1_000,
);

/** Asks for the status all the time; the longest it took to answer, in ms. */
async function statusWhile(source: string, ms: number): Promise<number> {
  let slowest = 0;
  for (const until = performance.now() + ms; performance.now() < until; await delay(20)) {
    const asked = performance.now();
    expect(await callDaemon(socketPath(source), { operation: 'status' }, () => undefined)).toBeDefined();
    slowest = Math.max(slowest, performance.now() - asked);
  }
  return slowest;
}
