/*
 * What attacca/client costs for each call: a transaction with one statement through it, and the same statements given to the driver, in
 * turns, a block of calls each; the median over the blocks. It is this process's own processor time that is measured: the library makes no
 * round trip more than the driver does here, and what else the machine does is left out.
 */
import Database from 'better-sqlite3';
import { Pool } from 'pg';
import { type AppDatabase, createDatabase } from '../../../src/client/client.ts';
import { type Line, median, round } from '../support/report.ts';
import type { World } from '../support/world.ts';
import { onServer } from '../support/world.ts';

const CALLS = 300;
const SELECT = /* sql */ `select score from events where id = ?`;
const UPDATE = /* sql */ `update events set score = score + 1 where id = ?`;

type Call = () => Promise<unknown>;

export async function client(world: World): Promise<Line[]> {
  const source = world.application(1_000);
  const target = await world.database();
  await onServer(target, 'create table events (id bigint primary key, score double precision)', 'insert into events values (1, 0)');
  const connect = () => {
    const db = new Database(source);
    db.pragma('synchronous = off');
    return db;
  };
  const pool = new Pool({ connectionString: target, max: 1, options: '-c synchronous_commit=off' });
  const app = (primary: 'sqlite' | 'postgres'): Promise<AppDatabase> =>
    createDatabase({ flag: { read: async () => ({ primary, epoch: 1n }), ...fixed }, sqlite: connect, postgres: () => pool });
  const [sqlite, postgres] = [await app('sqlite'), await app('postgres')];
  const db = connect();
  const blocks = Math.max(5, world.options.runs * 5);
  const lines = [
    await compare('a read on SQLite', blocks, inSqlite(db, 'begin', SELECT), () => sqlite.read(tx => tx.get(SELECT, 1))),
    await compare('a write on SQLite', blocks, inSqlite(db, 'begin immediate', UPDATE), () => sqlite.transaction(tx => tx.run(UPDATE, 1))),
    await compare('a write on Postgres', blocks, inPostgres(pool), () => postgres.transaction(tx => tx.run(UPDATE, 1))),
  ];
  db.close();
  await sqlite.close();
  await postgres.close();
  world.remove(source);
  return lines;
}

/** A flag that never moves. */
const fixed = { write: async () => undefined, check: async () => undefined, describe: () => 'fixed' };

function inSqlite(db: Database.Database, begin: string, sql: string): Call {
  const [first, work, last] = [db.prepare(begin), db.prepare(sql), db.prepare('commit')];
  return async () => {
    first.run();
    if (work.reader) work.get(1);
    else work.run(1);
    last.run();
  };
}

function inPostgres(pool: Pool): Call {
  const sql = UPDATE.replace('?', '$1');
  return async () => {
    const session = await pool.connect();
    await session.query('begin');
    await session.query(sql, [1]);
    await session.query('commit');
    session.release();
  };
}

async function compare(what: string, blocks: number, direct: Call, library: Call): Promise<Line> {
  const micros = { direct: [] as number[], library: [] as number[] };
  for (let block = 0; block <= blocks; block++) {
    const [without, through] = [await each(direct), await each(library)];
    if (block === 0) continue; // statements are compiled, code gets warm
    micros.direct.push(without);
    micros.library.push(through);
  }
  const [without, through] = [median(micros.direct), median(micros.library)];
  const overhead = median(micros.library.map((value, index) => value - (micros.direct[index] ?? 0)));
  const measured = `${round(overhead, 1)} µs more: ${round(through, 1)} against ${round(without, 1)} µs`;
  return { measure: 'client', what, reach: '≤ 20 µs', measured, numbers: { direct: without, library: through } };
}

/** Microseconds of processor time for one call. */
async function each(call: Call): Promise<number> {
  const start = process.cpuUsage();
  for (let n = 0; n < CALLS; n++) await call();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / CALLS;
}
