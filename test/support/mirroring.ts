import type { StatusDocument } from '../../src/server/documents.ts';
import { caughtUp, type Daemon, type World } from './world.ts';

/** Postgres is primary, and a heartbeat has just come through. */
export const mirrored = ({ phase, lag }: StatusDocument): boolean => phase === 'mirroring' && lag?.ms != null && lag.ms < 2_000;

/** From nothing to mirroring: copied, compared, cut over. */
export async function mirroringWorld(world: World, ...words: string[]): Promise<Daemon> {
  const daemon = world.start();
  await world.until(caughtUp);
  await world.json(0, 'verify');
  await world.json(0, 'cutover', '--yes', ...words);
  await world.until(mirrored);
  return daemon;
}

/** From mirroring back: compared, rolled back. Gives in what the sides differ then. */
export async function backAgain(world: World): Promise<string[]> {
  await world.until(mirrored);
  await world.json(0, 'verify');
  await world.json(0, 'rollback', '--yes');
  await world.until(caughtUp);
  return await world.differences();
}

export async function stopDaemon(world: World): Promise<void> {
  world.daemon().process.kill('SIGTERM');
  await world.daemon().exited;
}

let written = 0;

/** Some changes of the shop made in Postgres, as the application makes them after a cutover. */
export async function writeInPostgres(world: World, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const id = 5_000_000 + ++written;
    await world.pg.query(`insert into customer (id, email, vip) values (${id}, 'pg${id}@example.org', true)`);
    await world.pg.query(`insert into orders (id, customer_id, total) values (${id}, ${id}, 2.5)`);
    await world.pg.query(`update orders set total = total + 1 where id = ${1 + (written % 20)}`);
    await world.pg.query(`delete from log where at = ${1 + (written % 50)}`);
  }
}
