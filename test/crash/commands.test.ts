/* Commands whose daemon dies in the middle: what they were to do is done or not, and the same command again ends it. */
import { expect, test } from 'vitest';
import { stopDaemon } from '../support/mirroring.ts';
import { caughtUp, openWorld, type World } from '../support/world.ts';

/** The so many-th statement behind the command, on the session that carries it out. */
const POINTS = ['side.query:before#2', 'side.query:after#2', 'side.query:before#3', 'side.query:after#3', 'side.query:after#4'];

/** Starts a daemon that dies at `point` once the command has come, and again one that does not. */
async function dying(world: World, point: string, words: readonly string[]): Promise<void> {
  const daemon = world.start(`~${point}`);
  await world.until(caughtUp);
  daemon.process.kill('SIGUSR2');
  await world.run(...words); // by the daemon, or alone where that has died before
  daemon.process.kill('SIGKILL');
  await daemon.exited;
}

test('quarantine drop: no row is given up twice or by halves [G2] [G4]', async () => {
  await using world = await openWorld(db =>
    db.exec(`create table t (id integer primary key, at datetime); insert into t values (1, '2024-01-01 10:00:00')`),
  );
  world.start();
  await world.until(caughtUp);
  await stopDaemon(world);
  for (const [index, point] of POINTS.entries()) {
    world.app.exec(`insert into t values (${100 + index}, 'no date'), (${200 + index}, 'nor this')`);
    await dying(world, point, ['quarantine', 'drop', '--yes']);
    const [left] = await world.pg.query('select count(*) filter (where not given_up) % 2 as halves, count(*) as n from attacca.quarantine');
    expect(left, point).toEqual({ halves: '0', n: String(2 * (index + 1)) });
  }
  world.start();
  await world.until(caughtUp);
  await world.json(0, 'quarantine', 'drop', '--yes');
  expect(await world.json(0, 'verify')).toMatchObject({ ok: true });
  expect(await world.pg.query('select from attacca.quarantine where not given_up')).toEqual([]);
});
