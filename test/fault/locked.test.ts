import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { Config } from '../../src/cli/config.ts';
import { readStatus } from '../../src/cli/engine/run/status.ts';
import { connect } from '../../src/postgres/session/open.ts';
import { callDaemon } from '../../src/server/call.ts';
import type { StatusDocument } from '../../src/server/documents.ts';
import { buildShop, writeSome } from '../support/shop.ts';
import { openWorld } from '../support/world.ts';

/** By the daemon's own measure: what status reads in the file itself has no age. */
const caughtUp = ({ phase, lag }: StatusDocument): boolean => phase === 'shadowing' && lag?.changes === '0' && lag.ms !== null;
/** How often it is asked meanwhile, in 5 s and more. */
const ASKED = Number(process.env.ATTACCA_TEST_LOCK_ASKED ?? 250);

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
    const blocked = await blockedWhileAsked(world.source, daemon.process.pid!);
    holder.exec('commit');
    holder.close();
    expect(blocked, 'the event loop waits for nobody').toBe(0);
    await world.until(caughtUp);
    writeSome(world.app, 3);
    await world.until(caughtUp);
    expect(daemon.process.exitCode).toBeNull();
    expect(daemon.log()).not.toContain('restarting');
    expect(await world.differences()).toEqual([]);
  },
);

test('status tells of a daemon that has only begun, while the file, which alone knows what waits, is locked', async () => {
  await using world = await openWorld(db => {
    buildShop(20)(db);
    db.pragma('journal_mode = delete');
  });
  await world.json(0, 'sync', '--once');
  await using side = await connect(world.pg.url, { applicationName: 'attacca test' });
  const config = Config.parse({ source: world.source, target: world.pg.url });
  const status = () => readStatus({ config, side, url: world.pg.url }, null, undefined);
  world.app.exec('begin exclusive');
  expect(await status()).toMatchObject({ phase: 'shadowing', lag: null, journal: null });
  world.app.exec('rollback');
  expect(await status()).toMatchObject({ phase: 'shadowing', lag: { changes: '0', ms: null } });
});

/** Asks for the status again and again; how often the daemon's main thread was found asleep inside SQLite. */
async function blockedWhileAsked(source: string, pid: number): Promise<number> {
  let blocked = 0;
  for (let asked = 0; asked < ASKED; asked++) {
    expect(await callDaemon(source, { operation: 'status' }, () => undefined)).toBeDefined();
    await delay(20);
    if (SLEEPS.has(systemCall(pid))) blocked++;
  }
  return blocked;
}

/** nanosleep and clock_nanosleep: where SQLite's busy timeout waits. The event loop waits in epoll. */
const SLEEPS = new Set(process.arch === 'arm64' ? ['101', '115'] : ['35', '230']);

/** The number of the system call in which the process is; '' where no system tells. */
function systemCall(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/syscall`, 'utf8').split(' ')[0] ?? '';
  } catch {
    return '';
  }
}
