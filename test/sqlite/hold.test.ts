import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import BetterSqlite3 from 'better-sqlite3';
import { expect, test } from 'vitest';
import { hold } from '../../src/sqlite/mirror/hold.ts';
import { fixture } from './mirrored.ts';

const DDL = 'create table t (id integer primary key, v)';

test('while it is held no other connection can write, and what was not committed did not happen', async () => {
  using app = fixture(DDL);
  app.db.pragma('busy_timeout = 0');
  const held = await hold(app.path, 1_000);
  held.db.exec(`insert into t values (1, 'attacca')`);
  expect(() => app.db.exec(`insert into t values (2, 'app')`)).toThrow(expect.objectContaining({ code: 'SQLITE_BUSY' }));
  held.release();
  held.release();
  app.db.exec(`insert into t values (3, 'app')`);
  expect(app.db.prepare('select id from t').pluck().all()).toEqual([3n]);
});

test.each(['wal', 'delete'] as const)('its commits are durable in journal mode %s [G8]', async journal => {
  using app = fixture(DDL, { journal });
  using held = await hold(app.path, 1_000);
  expect(held.db.pragma('synchronous', { simple: true })).toBe(3n);
  expect(held.db.pragma('foreign_keys', { simple: true })).toBe(0n);
  held.db.exec('insert into t values (1, 1)');
  await held.commit(1_000);
  expect(app.db.prepare('select count(*) from t').pluck().get()).toBe(1n);
});

test('a lock that is not to be had within the budget is tried again later', async () => {
  using app = fixture(DDL);
  app.db.exec('begin immediate');
  const failure = hold(app.path, 30);
  await expect(failure).rejects.toMatchObject({ name: 'ReplicationError', disposition: 'retry' });
  app.db.exec('rollback');
  (await hold(app.path, 30)).release();
});

test.skipIf(process.platform !== 'linux')('a lock that is not to be had leaves no connection behind', async () => {
  using app = fixture(DDL);
  const opened = (): number => readdirSync('/proc/self/fd').filter(fd => linkOf(fd).startsWith(app.path)).length;
  app.db.exec('begin immediate');
  await expect(hold(app.path, 10)).rejects.toMatchObject({ disposition: 'retry' });
  const before = opened();
  await expect(hold(app.path, 10)).rejects.toMatchObject({ disposition: 'retry' });
  expect(opened()).toBe(before);
});

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ''; // it was the one that lists them
  }
}

test('in rollback-journal mode the commit waits for readers, and without budget nothing has happened', async () => {
  using app = fixture(`${DDL}; insert into t values (1, 1)`, { journal: 'delete' });
  const reader = app.db.prepare('select * from t').iterate();
  reader.next();

  using first = await hold(app.path, 1_000);
  first.db.exec('insert into t values (2, 2)');
  await expect(first.commit(20)).rejects.toMatchObject({ disposition: 'retry' });
  expect(first.db.inTransaction).toBe(false);

  using second = await hold(app.path, 1_000);
  second.db.exec('insert into t values (3, 3)');
  const committed = second.commit(10_000);
  reader.return?.();
  await committed;
  expect(app.db.prepare('select id from t').pluck().all()).toEqual([1n, 3n]);
});

const WRITER = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
print('on', flush=True)
while True:
    db.execute('begin immediate')
    for n in range(20): db.execute('insert into t (v) values (1)')
    db.execute('commit')
`;

test('the lock is taken beside writers that leave hardly a gap', async () => {
  using app = fixture(DDL);
  const writers = [1, 2].map(() => spawn('python3', ['-c', WRITER, app.path], { stdio: ['ignore', 'pipe', 'inherit'] }));
  try {
    await Promise.all(writers.map(writer => once(writer.stdout, 'data')));
    for (let round = 0; round < 5; round++) (await hold(app.path, 3_000)).release();
  } finally {
    for (const writer of writers) writer.kill('SIGKILL');
    await Promise.all(writers.map(writer => once(writer, 'exit')));
  }
});

test('another connection of this process does not lose the lock [G8]', async () => {
  using app = fixture(DDL, { journal: 'delete' });
  using held = await hold(app.path, 1_000);
  held.db.exec('insert into t values (1, 1)');
  new BetterSqlite3(app.path, { readonly: true }).close();
  const other = spawn('sqlite3', [app.path, 'insert into t values (2, 2)'], { stdio: 'ignore' });
  const [code] = await once(other, 'exit');
  expect(code).not.toBe(0);
  await held.commit(1_000);
});
