/* What happens to the bank while it is read: everything that could tear a transaction apart. */
import { setTimeout as delay } from 'node:timers/promises';
import { buildBank } from '../support/bank.ts';
import type { OwnPostgres } from '../support/postgres.ts';
import { startTellers } from '../support/tellers.ts';
import { caughtUp, openWorld, type World } from '../support/world.ts';
import { type Readers, startReaders } from './readers.ts';

export type Storm = {
  readonly server?: OwnPostgres;
  readonly reads: number;
  /** Pairs of rows written in one transaction, and deleted in another. */
  readonly pairs: number;
  /** How long the daemon, and the server if there is one of our own, stay away. */
  readonly awayMs: number;
  readonly say?: (text: string) => void;
};

const WRITERS = 2;

/** Reads the bank in Postgres until `reads` are made, through a storm that is repeated meanwhile; says what was violated. */
export async function weather(storm: Storm): Promise<{ readonly reads: number; readonly violations: readonly string[] }> {
  const { server, reads, say = () => undefined } = storm;
  await using world = await openWorld(buildBank(WRITERS, 500), {}, { limitMs: 300_000, ...(server === undefined ? {} : { server }) });
  world.start();
  await world.until(({ phase }) => phase === 'shadowing');
  await using _tellers = await startTellers(WRITERS, { source: world.source, url: world.pg.url, flag: world.flag, everyMs: 4 });
  const readers = startReaders(world.pg.url, 4);
  try {
    for (let round = 1; round === 1 || (readers.reads() < reads && readers.violations.length === 0); round++) {
      await blow(world, storm, readers);
      say(`${readers.reads()} reads in ${round} rounds, ${readers.violations.length} violations`);
    }
    await readers.until(reads);
  } finally {
    await readers.stop();
  }
  return { reads: readers.reads(), violations: readers.violations };
}

async function blow(world: World, { server, pairs, awayMs }: Storm, readers: Readers): Promise<void> {
  const share = readers.reads() + 500;
  const rows = `with recursive n (i) as (select 1 union all select i + 1 from n where i < ${pairs})`;
  world.app.exec(`begin immediate; ${rows} insert into debit select -i, i from n; ${rows} insert into credit select -i, i from n; commit`);
  await world.until(caughtUp);
  // Every table may have changed: it is emptied and copied anew under the readers' eyes.
  world.app.exec('begin immediate; insert into _attacca_journal (tbl) select -value from json_each(json_array(1, 2, 3, 4, 5, 6)); commit');
  await world.until(caughtUp);
  world.daemon().process.kill('SIGKILL');
  await world.daemon().exited;
  world.app.exec('begin immediate; delete from debit where id < 0; delete from credit where id < 0; commit');
  await delay(awayMs);
  world.start();
  await world.until(caughtUp);
  if (server !== undefined) {
    await server.crash();
    await delay(awayMs);
    await server.start();
  }
  await world.until(caughtUp);
  await readers.until(share);
}
