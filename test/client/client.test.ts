import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import pg from 'pg';
import { expect, test } from 'vitest';
import type { AppDatabase, FlagState, Side, Tx } from '../../src/client/client.ts';
import { createDatabase, NotAccepted } from '../../src/client/client.ts';
import { World } from './world.ts';

const BALANCE = 'select balance from account where id = ?';
const SET = 'update account set balance = ? where id = ?';

/** Reads, then writes what it read plus ten: half of it on each side would lose an update. */
const deposit = (app: AppDatabase, between: (tx: Tx) => unknown = () => {}) =>
  app.transaction(async tx => {
    const balance = Number((await tx.get(BALANCE, 1))?.balance);
    await between(tx);
    await tx.run(SET, balance + 10, 1);
    return tx.side;
  });

/** Writes without reading first. */
const add = (app: AppDatabase) =>
  app.transaction(async tx => {
    await tx.run('update account set balance = balance + 10 where id = ?', 1);
    return tx.side;
  });

test('a transaction that meets the switch is run again as a whole on the new side and applied once', async () => {
  await using world = await World.open();
  const app = await world.client({ onSwitch: state => switches.push(state) });
  const switches: unknown[] = [];
  expect(await deposit(app)).toBe('sqlite');

  world.fenceSqlite(1);
  const waiting = add(app); // Postgres refuses it too until it is opened
  await world.openPostgres(1);
  await world.flag.write({ primary: 'postgres', epoch: 1n });

  expect(await waiting).toBe('postgres');
  expect(world.sqliteBalance(1)).toBe(110);
  expect(await world.postgresBalance(1)).toBe(120);
  expect(app.primary()).toBe('postgres');
  expect(switches).toEqual([{ primary: 'postgres', epoch: 1n }]);
});

test('a read before the switch is never followed by a write after it', async () => {
  await using world = await World.open();
  const app = await world.client();
  world.fenceSqlite(1, { tables: false });
  await world.openPostgres(1);
  await world.postgres.query('update account set balance = 500 where id = 1');
  const sides: string[] = [];
  await deposit(app, tx => sides.push(tx.side));
  expect(sides).toEqual(['sqlite', 'postgres']);
  expect(await world.postgresBalance(1)).toBe(510);
  expect(world.sqliteBalance(1)).toBe(100);
});

test.each([true, false])('the fence is believed before a flag that lags (with the fence tables: %s)', async tables => {
  await using world = await World.open();
  const app = await world.client();
  world.fenceSqlite(1, { tables });
  await world.openPostgres(1);
  expect(await deposit(app)).toBe('postgres');
  expect(await world.flag.read()).toEqual({ primary: 'sqlite', epoch: 0n });
  expect(await deposit(app)).toBe('postgres');
});

test('there and back: the newest epoch wins on either side', async () => {
  await using world = await World.open();
  const app = await world.client();
  world.fenceSqlite(1);
  await world.openPostgres(1);
  expect(await deposit(app)).toBe('postgres');

  await world.fencePostgres(2);
  world.other.exec('drop table _attacca_fence; drop trigger f_insert; drop trigger f_update; drop trigger f_delete');
  expect(await deposit(app)).toBe('sqlite');
  expect(await world.postgresBalance(1)).toBe(110);
  expect(world.sqliteBalance(1)).toBe(110);
});

test('on a fenced SQLite neither a read nor an update without a match passes', async () => {
  await using world = await World.open();
  const app = await world.client();
  await app.read(tx => tx.get(BALANCE, 1));
  await deposit(app);
  world.fenceSqlite(1);
  await world.openPostgres(1);
  await world.postgres.query("insert into account values (3, 'eve', 7)");
  expect(await app.read(tx => tx.get(BALANCE, 3))).toMatchObject({ balance: 7 });

  const late = await world.client();
  expect((await late.transaction(tx => tx.run(SET, 8, 3))).changes).toBe(1);
  expect(await world.postgresBalance(3)).toBe(8);
});

test('a flag that says Postgres too early is corrected by the fence there', async () => {
  await using world = await World.open();
  await world.flag.write({ primary: 'postgres', epoch: 0n });
  const app = await world.client();
  expect(await add(app)).toBe('sqlite');
});

test('while another connection holds the write lock, transactions wait and then go on', async () => {
  await using world = await World.open();
  const app = await world.client();
  world.other.exec('begin immediate');
  const began = performance.now();
  const waiting = Promise.all([deposit(app), deposit(app), deposit(app)]);
  await app.read(tx => tx.get(BALANCE, 1)); // readers do not wait, and the event loop is free
  expect(performance.now() - began).toBeLessThan(4_000); // better-sqlite3 would wait for five seconds in SQLite
  world.other.exec('rollback');
  expect(await waiting).toEqual(['sqlite', 'sqlite', 'sqlite']);
  expect(world.sqliteBalance(1)).toBe(130);
});

test('in rollback-journal mode a reader delays a commit and does not fail it', async () => {
  await using world = await World.open();
  world.other.pragma('journal_mode = delete');
  const app = await world.client();
  const reader = new Database(world.file);
  const rows = reader.prepare('select * from account').iterate();
  rows.next();
  const waiting = deposit(app);
  await app.read(tx => tx.get(BALANCE, 2));
  rows.return?.();
  reader.close();
  expect(await waiting).toBe('sqlite');
  expect(world.sqliteBalance(1)).toBe(110);
});

test('when no side accepts it in time, nothing was written and the error says so', async () => {
  await using world = await World.open();
  const app = await world.client({ waitMs: 50 });
  world.fenceSqlite(1);
  const error = await add(app).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(NotAccepted);
  expect(String((error as Error).cause)).toContain('ATTACCA_FENCED');
  expect([world.sqliteBalance(1), await world.postgres.query('select * from account')]).toEqual([100, []]);
});

test('whoever is refused reads the flag again: nothing else may say where to go', async () => {
  await using world = await World.open();
  let state: FlagState = { primary: 'sqlite', epoch: 0n };
  const app = await world.client({ flag: { read: async () => state } });
  expect(await add(app)).toBe('sqlite');
  world.other.exec("create trigger closed before update on account begin select raise(abort, 'ATTACCA_FENCED'); end");
  await world.openPostgres(1);
  state = { primary: 'postgres', epoch: 1n };
  expect(await add(app)).toBe('postgres');
});

test('a flag that cannot be read while a side refuses is not the error of the transaction', async () => {
  await using world = await World.open();
  let reads = 0;
  const read = async () => {
    if (reads++ > 0) throw new Error('the service is away');
    return { primary: 'sqlite', epoch: 0n } as const;
  };
  const app = await world.client({ flag: { read }, waitMs: 100 });
  world.other.exec('begin immediate');
  await expect(add(app)).rejects.toBeInstanceOf(NotAccepted);
  expect(reads).toBeGreaterThan(1);
});

test('a function that swallows the refusal cannot write outside of its transaction', async () => {
  await using world = await World.open();
  const app = await world.client();
  world.other.exec('create table note (text)');
  await world.postgres.query('create table note (text text)');
  world.fenceSqlite(1, { tables: false });
  await world.openPostgres(1);
  await app.transaction(async tx => {
    await tx.run(SET, 0, 2).catch(() => {});
    await tx.run("insert into note values ('kept')").catch(() => {});
  });
  expect(world.other.prepare('select count(*) from note').pluck().get()).toBe(0);
  expect(await world.postgres.query('select * from note')).toEqual([{ text: 'kept' }]);
});

test("the application's own errors roll back, are not run again and reach it unchanged", async () => {
  await using world = await World.open();
  const app = await world.client();
  for (const side of ['sqlite', 'postgres'] as const) {
    let runs = 0;
    const own = new Error('no');
    const failing = app.transaction(async tx => {
      runs++;
      await tx.run(SET, 0, 1);
      throw own;
    });
    await expect(failing).rejects.toBe(own);
    await expect(app.transaction(tx => tx.run("insert into account values (1, 'twice', 0)"))).rejects.toThrow(/unique/i);
    expect([app.primary(), runs]).toEqual([side, 1]);
    if (side === 'sqlite') {
      world.fenceSqlite(1);
      await world.openPostgres(1);
      await deposit(app);
    }
  }
  expect(await world.postgresBalance(1)).toBe(110);
});

test('a text of several statements is refused on both sides, before any of them is done', async () => {
  await using world = await World.open();
  const app = await world.client();
  const several = "insert into account values (8, 'eve', 0); insert into account values (9, 'eve', 0)";
  for (const side of ['sqlite', 'postgres']) {
    for (const way of ['run', 'get', 'all'] as const)
      await expect(app.transaction<unknown>(tx => tx[way](several))).rejects.toThrow(/more than one statement|multiple commands/);
    expect([app.primary(), await app.read(tx => tx.all('select id from account where id > 2'))]).toEqual([side, []]);
    if (side === 'sqlite') {
      world.fenceSqlite(1);
      await world.openPostgres(1);
      await deposit(app);
    }
  }
});

test.each(['commit', 'rollback'])('after a %s of its own a transaction does nothing more, on either side', async end => {
  await using world = await World.open();
  const app = await world.client();
  for (const side of ['sqlite', 'postgres']) {
    await expect(app.transaction(tx => tx.run(end))).rejects.toThrow('ended by one of its own statements');
    const going = app.transaction(async tx => {
      await tx.run(end);
      await tx.run("insert into account values (9, 'eve', 0)");
    });
    await expect(going).rejects.toThrow('the transaction is over');
    expect([app.primary(), await app.read(tx => tx.all('select id from account where id > 2'))]).toEqual([side, []]);
    if (side === 'sqlite') {
      world.fenceSqlite(1);
      await world.openPostgres(1);
      await deposit(app);
    }
  }
});

test('concurrent transactions of one instance each see the one before', async () => {
  await using world = await World.open();
  const app = await world.client();
  await Promise.all(Array.from({ length: 50 }, () => deposit(app, () => null)));
  expect(world.sqliteBalance(1)).toBe(600);
});

test.each(['transaction', 'read'] as const)('a %s that waits for another one inside of it fails, and those behind it go on', async kind => {
  await using world = await World.open();
  const app = await world.client({ waitMs: 200 });
  const outer = app[kind](async tx => {
    await tx.all('select * from account');
    await app[kind](inner => inner.get(BALANCE, 1));
  });
  const error = await outer.catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(NotAccepted);
  expect(String(error)).toContain('does it wait for this one?');
  expect([await deposit(app), await app.read(tx => tx.get(BALANCE, 1))]).toEqual(['sqlite', { balance: 110 }]);
});

test('close waits for what is running and refuses what comes after', async () => {
  await using world = await World.open();
  const app = await world.client();
  const running = deposit(app);
  await app.close();
  expect(await running).toBe('sqlite');
  await expect(deposit(app)).rejects.toThrow('closed');
  await expect(app.transaction(tx => tx.get(BALANCE, 1))).rejects.toThrow('closed');
});

test('close waits for a transaction that no side takes yet, and opens nothing anew for it', async () => {
  await using world = await World.open();
  let opened = 0;
  const sqlite = () => {
    opened++;
    return new Database(world.file);
  };
  const app = await world.client({ waitMs: 300, sqlite });
  world.fenceSqlite(1);
  let over = false;
  const waiting = add(app).catch(error => {
    over = true;
    return error;
  });
  await app.close();
  expect([over, opened]).toEqual([true, 1]);
  expect(await waiting).toBeInstanceOf(NotAccepted);
});

test('closing twice, at once or later, is closing once', async () => {
  await using world = await World.open();
  await world.flag.write({ primary: 'postgres', epoch: 1n });
  await world.openPostgres(1);
  const app = await world.client();
  const running = deposit(app);
  await Promise.all([app.close(), app.close()]);
  await app.close();
  expect(await running).toBe('postgres');
});

test('a statement after the transaction has ended is refused, also while the next one is open on its connection', async () => {
  await using world = await World.open();
  const app = await world.client();
  let leaked: Tx | undefined;
  await app.transaction(tx => {
    leaked = tx;
  });
  await expect(leaked?.run(SET, 1, 1)).rejects.toThrow('over');
  await app.transaction(async () => await expect(leaked?.run(SET, 1, 1)).rejects.toThrow('over'));
});

test('a flag in a row of Postgres is followed through the pool of the application', async () => {
  await using world = await World.open();
  const table = `create table app_flag (name text primary key, value text not null, epoch bigint not null default 0)`;
  await world.postgres.query(`${table}; insert into app_flag values ('DB_TYPE', 'sqlite')`);
  const app = await world.client({ flag: { kind: 'postgres' } });
  expect([await deposit(app), app.primary()]).toEqual(['sqlite', 'sqlite']);
  world.fenceSqlite(1);
  const waiting = add(app);
  await world.openPostgres(1);
  await world.postgres.query(`update app_flag set value = 'postgresql', epoch = 1`);
  expect([await waiting, app.primary(), await world.postgresBalance(1)]).toEqual(['postgres', 'postgres', 120]);

  const reader = await world.client({ flag: { kind: 'postgres' }, pollMs: 5 });
  expect(reader.primary()).toBe('postgres');
  await world.postgres.query(`update app_flag set value = 'sqlite', epoch = 2`);
  await expect.poll(() => reader.primary()).toBe('sqlite');
});

test('a flag in Postgres that cannot be read is an error at the start, and leaves no pool behind', async () => {
  await using world = await World.open();
  const ended: unknown[] = [];
  const postgres = () => {
    const pool = new pg.Pool({ connectionString: world.postgres.url });
    const end = pool.end.bind(pool);
    return Object.assign(pool, { end: async () => void ended.push(await end()) });
  };
  await expect(world.client({ flag: { kind: 'postgres' }, postgres })).rejects.toThrow('app_flag');
  expect(ended).toHaveLength(1);
});

test('an instance that hears of a switch is connected to Postgres before it; until then it holds no session, and where Postgres is away nothing fails', async () => {
  await using world = await World.open();
  const pools: pg.Pool[] = [];
  const app = await world.client({
    postgres() {
      const pool = new pg.Pool({ connectionString: world.postgres.url });
      pools.push(pool);
      return pool;
    },
  });
  const far = await world.client({
    postgres() {
      const pool = new pg.Pool({ connectionString: 'postgresql://127.0.0.1:1/nothing' });
      pools.push(pool);
      return pool;
    },
  });
  expect([await deposit(app), await deposit(far), pools.length]).toEqual(['sqlite', 'sqlite', 0]);
  world.flag.ahead?.({ primary: 'postgres', epoch: 1n });
  await expect.poll(() => pools.reduce((idle, pool) => idle + pool.idleCount, 0)).toBe(1);
  expect(pools).toHaveLength(2);
  expect([await deposit(app), await deposit(far), world.sqliteBalance(1)]).toEqual(['sqlite', 'sqlite', 140]);
  expect(await world.flag.read()).toEqual({ primary: 'sqlite', epoch: 0n });
});

test.each([
  ['another word for a side', { read: async () => ({ primary: 'postgresql', epoch: 0n }) }],
  ['a number for the epoch', { read: async () => ({ primary: 'postgres', epoch: 0 }) }],
  ['nothing of it', { read: async () => ({}) }],
  ['a kind that only attacca can read', { kind: 'http' }],
  ['an unknown key', { path: 'app.env', variable: 'DB_TYPE' }],
])('a flag that cannot be understood is said to be at the start: %s', async (_, flag) => {
  const opening = createDatabase({ flag: flag as never, sqlite: () => new Database(), postgres: () => new pg.Pool() });
  await expect(opening).rejects.toThrow(/^the flag cannot be understood/);
});

test('a flag of its own that the application cannot give, or gives wrongly, for a while changes nothing meanwhile', async () => {
  const answers = [
    async () => ({ primary: 'sqlite', epoch: 0n }),
    () => {
      throw new Error('the service is away');
    },
    async () => ({ primary: 'postgres', epoch: 1 }),
    async () => ({ primary: 'postgres', epoch: 2n }),
  ];
  let asked = 0;
  const read = () => answers[Math.min(asked++, answers.length - 1)]?.();
  const app = await createDatabase({
    flag: { read } as never,
    sqlite: () => new Database(),
    postgres: () => new pg.Pool(),
    pollMs: 1,
  });
  await expect.poll(() => [app.primary(), asked > 3]).toEqual(['postgres', true]);
  await app.close();
});

const THROWS_WHEN_TOLD = `
  const { createDatabase } = await import(process.argv[1]);
  process.on('uncaughtException', error => console.log(error.message));
  const states = [{ primary: 'postgres', epoch: 1n }, { primary: 'sqlite', epoch: 2n }, { primary: 'postgres', epoch: 3n }];
  let state = { primary: 'sqlite', epoch: 0n };
  const onSwitch = ({ primary, epoch }) => { throw new Error('told of ' + primary + ' ' + epoch); };
  const db = await createDatabase({ flag: { read: async () => state }, pollMs: 1, onSwitch });
  for (state of states) while (db.primary() !== state.primary) await new Promise(resolve => setTimeout(resolve, 1));
  await db.close();
`;

test('an onSwitch that throws does so to the application alone: the flag is followed as before', async () => {
  const client = new URL('../../src/client/client.ts', import.meta.url).href;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', THROWS_WHEN_TOLD, client], {
    timeout: 30_000,
  });
  expect(stdout).toBe('told of postgres 1\ntold of sqlite 2\ntold of postgres 3\n');
});

test('true and false mean the same on both sides, in a column of numbers and in one of booleans', async () => {
  await using world = await World.open();
  const app = await world.client();
  const put = (id: number) =>
    app.transaction(async tx => {
      await tx.run('insert into switch values (?, ?, ?)', id, true, false);
      return [tx.side, await tx.get('select count(*) as found from switch where live = ? and count = ?', false, true)];
    });
  world.other.exec('create table switch (id integer, count integer, live boolean)');
  await world.postgres.query('create table switch (id integer, count integer, live boolean)');
  expect(await put(1)).toEqual(['sqlite', { found: 1 }]);
  await world.flag.write({ primary: 'postgres', epoch: 1n });
  await expect.poll(() => app.primary()).toBe('postgres');
  expect(await put(2)).toEqual(['postgres', { found: '1' }]);
  expect(await world.postgres.query('select * from switch')).toEqual([{ id: '2', count: '1', live: 'f' }]);
});

test('a flag without epochs that lags behind a fence changes nothing; when it changes it is believed, also where no fence can say so', async () => {
  await using world = await World.open();
  let primary: Side = 'sqlite';
  const said: Side[] = [];
  const read = async () => {
    said.push(primary);
    return { primary, epoch: 0n };
  };
  const app = await world.client({ flag: { read }, pollMs: 5 });
  world.fenceSqlite(1);
  await world.openPostgres(1);
  expect(await add(app)).toBe('postgres');
  expect(await add(app)).toBe('postgres');
  primary = 'postgres';
  expect(await add(app)).toBe('postgres');
  await expect.poll(() => said.filter(side => side === 'postgres').length).toBeGreaterThan(1); // so the first was heard

  for (const event of ['insert', 'update', 'delete']) world.other.exec(`drop trigger f_${event}`);
  world.other.exec('drop table _attacca_fence');
  primary = 'sqlite'; // opened although Postgres could not be asked, whose fence says nothing therefore
  await expect.poll(() => app.primary()).toBe('sqlite');
  expect(await add(app)).toBe('sqlite');
});
