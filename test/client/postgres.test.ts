import { createServer, connect as dial, type Socket } from 'node:net';
import pg from 'pg';
import { expect, test } from 'vitest';
import { OutcomeUnknown } from '../../src/client/client.ts';
import { type PgClient, postgresSide } from '../../src/client/postgres.ts';
import { Refusal } from '../../src/client/refusal.ts';
import { endBackend, testPostgres } from '../support/postgres.ts';

/** A proxy before the server that cuts the line right after the client has sent `cutAt`; what was sent does arrive. */
async function cuttingProxy(url: string, cutAt: string) {
  const target = new URL(url);
  const { hostname, port } = target;
  const server = createServer((near: Socket) => {
    const far = dial(Number(port), hostname);
    near.on('data', bytes => {
      far.write(bytes);
      if (bytes.includes(cutAt)) near.destroy();
    });
    far.on('data', bytes => near.write(bytes));
    for (const socket of [near, far]) socket.on('error', () => {}).on('close', () => (socket === near ? far.end() : near.destroy()));
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  target.hostname = '127.0.0.1';
  target.port = String(typeof address === 'object' ? address?.port : '');
  return { url: target.href, close: () => server.close() };
}

test('a connection lost during COMMIT is an unknown outcome and is not run again', async () => {
  await using postgres = await testPostgres();
  await postgres.query('create table t (id integer primary key)');
  const proxy = await cuttingProxy(postgres.url, 'commit');
  const side = postgresSide(() => new pg.Pool({ connectionString: proxy.url }));
  let runs = 0;
  const lost = side.write(async tx => {
    runs++;
    await tx.run('insert into t values (?)', 1);
  });
  await expect(lost).rejects.toBeInstanceOf(OutcomeUnknown);
  expect(runs).toBe(1);
  await side.close();
  proxy.close();
});

test('after a refusal each further statement of the transaction is refused alike', async () => {
  await using postgres = await testPostgres();
  await postgres.query(`create table t (id integer primary key); create function fence() returns trigger language plpgsql as $$
    begin raise exception 'ATTACCA_FENCED epoch=1 primary=sqlite'; end $$;
    create trigger f before insert on t for each statement execute function fence()`);
  const side = postgresSide(() => new pg.Pool({ connectionString: postgres.url }));
  const met: unknown[] = [];
  const work = side.write(async tx => {
    for (const id of [1, 2]) await tx.run('insert into t values (?)', id).catch(error => met.push(error));
  });
  await expect(work).rejects.toBeInstanceOf(Refusal);
  expect(met).toEqual([met[0], met[0]]);
  expect(met[0]).toBeInstanceOf(Refusal);
  await side.close();
});

test('a connection lost before COMMIT has kept nothing: a refusal, so that the transaction is run again [G10]', async () => {
  await using postgres = await testPostgres();
  await postgres.query('create table t (id integer primary key)');
  const proxy = await cuttingProxy(postgres.url, 'insert into');
  const side = postgresSide(() => new pg.Pool({ connectionString: proxy.url }));
  let begun = false;
  const lost = side.write(tx => {
    begun = true;
    return tx.run('insert into t values (?)', 1);
  });
  await expect(lost).rejects.toBeInstanceOf(Refusal);
  expect([begun, await postgres.query('select * from t')]).toEqual([true, []]);
  await side.close();
  proxy.close();
});

test('a swallowed error does not make a rolled-back transaction look committed', async () => {
  await using postgres = await testPostgres();
  await postgres.query('create table t (id integer primary key)');
  const side = postgresSide(() => new pg.Pool({ connectionString: postgres.url }));
  const swallowing = side.write(async tx => {
    await tx.run('insert into t values (?)', 1);
    await tx.run('insert into t values (?)', 1).catch(() => {});
  });
  await expect(swallowing).rejects.toThrow(/duplicate key/);
  const saved = side.write(async tx => {
    await tx.run('insert into t values (?)', 1);
    await tx.run('savepoint s');
    await tx.run('insert into t values (?)', 1).catch(() => {});
    await tx.run('rollback to s');
  });
  await saved;
  expect(await side.read(tx => tx.all('select id from t'))).toEqual([{ id: 1 }]);
  await expect(side.read(tx => tx.run('insert into t values (2)'))).rejects.toThrow(/read-only/);
  await side.close();
});

test('a constraint that fails at COMMIT is known not to be committed', async () => {
  await using postgres = await testPostgres();
  await postgres.query('create table t (id integer primary key, parent integer references t deferrable initially deferred)');
  const side = postgresSide(() => new pg.Pool({ connectionString: postgres.url }));
  await expect(side.write(tx => tx.run('insert into t values (1, 2)'))).rejects.toMatchObject({ code: '23503' });
  await side.close();
});

test('the server ending an idle or a working connection does not end the process', async () => {
  await using postgres = await testPostgres();
  const side = postgresSide(() => new pg.Pool({ connectionString: postgres.url }));
  const end = (pid: unknown) => endBackend(postgres, pid);
  const pid = await side.write(async tx => (await tx.get('select pg_backend_pid() as pid'))?.pid);
  await end(pid);
  const working = side.write(async tx => {
    await end((await tx.get('select pg_backend_pid() as pid'))?.pid);
    await tx.get('select 1');
  });
  await expect(working).rejects.toBeInstanceOf(Refusal);
  expect(await side.write(tx => tx.get('select 1 as one'))).toEqual({ one: 1 });
  await side.close();
});

test('a connection lost during the COMMIT of a read is a refusal: there was nothing to keep', async () => {
  const { side } = failingAtCommit({ code: '08006', severity: 'FATAL' });
  await expect(side.read(async () => 1)).rejects.toBeInstanceOf(Refusal);
});

/** A connection that does everything but COMMIT (and what else is named), which fails so; says what it was asked for. */
function failingAtCommit(failure: object, also?: string) {
  const asked: string[] = [];
  const client: PgClient = {
    async query(query) {
      const text = typeof query === 'string' ? query : query.text;
      asked.push(text);
      if (text === 'commit' || text === also) throw Object.assign(new Error('injected'), failure);
      return { command: '', rowCount: 0, rows: [] };
    },
    release: destroy => void asked.push(destroy ? 'destroyed' : 'released'),
    on: () => undefined,
    off: () => undefined,
  };
  return { asked, side: postgresSide(() => ({ connect: async () => client, end: async () => undefined, on: () => undefined })) };
}

test.each(['08006', '40003', '53100', '57P01', '58030', 'XX000'])(
  'after %s from COMMIT nobody knows how it ended: it is not run again [G10]',
  async code => {
    const { asked, side } = failingAtCommit({ code, severity: 'FATAL' });
    await expect(side.write(async () => 1)).rejects.toBeInstanceOf(OutcomeUnknown);
    expect(asked).toEqual(['begin', 'commit', 'destroyed']);
  },
);

test('a COMMIT that the server has refused has kept nothing', async () => {
  const { asked, side } = failingAtCommit({ code: '23503', severity: 'ERROR' });
  await expect(side.write(async () => 1)).rejects.toMatchObject({ code: '23503' });
  expect(asked).toEqual(['begin', 'commit', 'rollback', 'released']);
});

test('a connection that does not roll back is not used again', async () => {
  const { asked, side } = failingAtCommit({ code: '23503', severity: 'ERROR' }, 'rollback');
  await expect(side.write(async () => 1)).rejects.toMatchObject({ code: '23503' });
  expect(asked).toEqual(['begin', 'commit', 'rollback', 'destroyed']);
});

test('a connection on which the driver gave up is destroyed at once; a statement that comes too late is refused', async () => {
  await using postgres = await testPostgres();
  const pool = new pg.Pool({ connectionString: postgres.url, query_timeout: 300 });
  const side = postgresSide(() => pool);
  const late: (() => Promise<unknown>)[] = [];
  const asked: unknown[] = [];
  pool.on('connect', client => {
    const query = client.query.bind(client) as (...given: unknown[]) => unknown;
    const heard = (...given: unknown[]): unknown => {
      asked.push(given[0]);
      return query(...given);
    };
    Object.assign(client, { query: heard });
  });
  const given = side.write(async tx => {
    late.push(() => tx.get('select 1'));
    await tx.get('select pg_sleep(60)');
  });
  await expect(given).rejects.toThrow('timeout');
  expect([pool.totalCount, asked.includes('rollback')]).toEqual([0, false]);
  await expect(late[0]!()).rejects.toThrow('the transaction is over');
  await side.close();
});
