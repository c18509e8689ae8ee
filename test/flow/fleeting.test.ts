import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { caughtUp, isRunning, openWorld } from '../support/world.ts';

test('tables that come and go, and a rebuild in steps of its own, are followed while the daemon goes on [G1]', async () => {
  await using world = await openWorld(db => db.exec('create table t (id integer primary key, a int); insert into t values (1, 1), (2, 2)'));
  const daemon = world.start();
  await world.until(caughtUp);
  for (let n = 0; n < 40; n++) {
    world.app.exec(`create table fleeting${n} (id integer primary key, a text)`);
    world.app.exec(`insert into fleeting${n} values (1, 'x')`);
    await delay(n); // at every moment of what the daemon does meanwhile
    world.app.exec(`drop table fleeting${n}`);
    if (n % 8 > 0) continue;
    world.app.exec(`create table t_new (id integer primary key, a int, b${n} int)`);
    world.app.exec(`insert into t_new (id, a) select id, a + 1 from t`);
    await delay(n);
    world.app.exec('drop table t');
    world.app.exec('alter table t_new rename to t');
  }
  await world.until(caughtUp);
  await expect.poll(() => world.differences()).toEqual([]);
  expect(isRunning(daemon)).toBe(true);
});
