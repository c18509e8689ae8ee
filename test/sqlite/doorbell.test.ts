import { expect, test } from 'vitest';
import { doorbell } from '../../src/sqlite/journal/doorbell.ts';
import { scratch } from './planned.ts';

test.each([true, false])('a commit wakes, in any journal mode (wal: %s)', async wal => {
  using world = scratch('create table t (x)', { wal });
  using bell = doorbell(world.path);
  const { signal } = new AbortController();
  await bell.wake(signal); // the first time at once
  for (let n = 0; n < 20; n++) {
    const woken = bell.wake(signal);
    setImmediate(() => world.db.exec('insert into t values (1)'));
    await woken;
  }
});

test('a commit between two calls is not missed', async () => {
  using world = scratch('create table t (x)');
  using bell = doorbell(world.path);
  const { signal } = new AbortController();
  await bell.wake(signal);
  world.db.exec('insert into t values (1)');
  await bell.wake(signal);
});

test('cancelling ends the wait, at once or before it began', async () => {
  using world = scratch('create table t (x)');
  using bell = doorbell(world.path);
  const stop = new AbortController();
  await bell.wake(stop.signal);
  const waiting = bell.wake(stop.signal);
  stop.abort();
  await waiting;
  await bell.wake(stop.signal);
  expect(stop.signal.aborted).toBe(true);
});

test('a commit under way, which keeps everybody from asking, is waited for (rollback-journal mode)', async () => {
  using world = scratch('create table t (x)', { wal: false });
  using bell = doorbell(world.path);
  const { signal } = new AbortController();
  await bell.wake(signal);
  world.db.exec('begin exclusive; insert into t values (1)');
  const woken = bell.wake(signal); // asks before anything else happens
  world.db.exec('commit');
  await woken;
});
