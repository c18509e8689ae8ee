import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test, vi } from 'vitest';
import { redact } from '../../src/change/redact.ts';
import { PostgresError } from '../../src/postgres/session/errors.ts';
import { connect, type Session, transaction } from '../../src/postgres/session/open.ts';
import { sessions } from '../../src/postgres/session/pool.ts';
import { endBackend, testPostgres } from '../support/postgres.ts';

const AS = { applicationName: 'attacca test' };
const SECRET = 'pa55w0rd';

const failure = (work: Promise<unknown>): Promise<Error & { hint?: string }> =>
  work.then(
    () => {
      throw new Error('it did not fail');
    },
    error => error,
  );

/** Everything a logger could print of an error. */
const everything = (error: Error): string => `${error.stack} ${JSON.stringify(error)} ${JSON.stringify(error.cause)} ${error.cause}`;

/** What a database may have as its default, and what a session has all the same. */
const DEFAULTS: Readonly<Record<string, readonly [theirs: string, ours: string]>> = {
  synchronous_commit: ['off', 'on'],
  default_transaction_isolation: ['serializable', 'read committed'],
  lock_timeout: ['1000', '30s'],
  statement_timeout: ['60000', '0'],
  idle_in_transaction_session_timeout: ['60000', '0'],
  tcp_keepalives_idle: ['99', '30'],
  search_path: ['nowhere', 'pg_catalog, pg_temp'],
  row_security: ['on', 'off'],
  extra_float_digits: ['-5', '1'],
  bytea_output: ['escape', 'hex'],
  datestyle: ['German', 'ISO, YMD'],
  intervalstyle: ['iso_8601', 'postgres'],
  timezone: ['Japan', 'UTC'],
  standard_conforming_strings: ['off', 'on'],
  quote_all_identifiers: ['on', 'off'],
  array_nulls: ['off', 'on'],
  jit: ['on', 'off'],
};

test('what goes in and out is the same, whatever the defaults of role and database are [G4]', async () => {
  await using postgres = await testPostgres();
  for (const [name, [theirs]] of Object.entries(DEFAULTS))
    await postgres.query(`do $$ begin execute format('alter database %I set ${name} = ${theirs}', current_database()); end $$`);
  await using session = await connect(postgres.url, AS);
  const { rows } = await session.query(`select 0.1::float8 + 0.2 as f, '\\x00ff'::bytea as b, true as t, null as n, 9007199254740993 as i`);
  expect(rows).toEqual([{ f: '0.30000000000000004', b: '\\x00ff', t: 't', n: null, i: '9007199254740993' }]);
  expect((await session.query('select unnest($1::text[]) as v', [['NULL', null]])).rows).toEqual([{ v: 'NULL' }, { v: null }]);
  expect((await session.query(`select pg_get_indexdef('pg_class_oid_index'::regclass) as i`)).rows[0]?.i).not.toContain('"');
  for (const [name, [, ours]] of Object.entries(DEFAULTS))
    expect((await session.query('select current_setting($1) as now', [name])).rows, name).toEqual([{ now: ours }]);
});

test('the longest limit that a timer can wait for is kept, and so is the time that connecting may take', async () => {
  await using postgres = await testPostgres();
  const limited = Object.assign(new URL(postgres.url), { search: `?query_timeout=${2 ** 31 - 1}&connect_timeout=9` });
  await using session = await connect(limited.href, AS);
  expect((await session.query('select pg_sleep(0.01), 1 as one')).rows).toMatchObject([{ one: '1' }]);
  await using silent = await listening();
  const began = performance.now();
  expect(await failure(connect(`postgresql://app@127.0.0.1:${silent.port}/app?connect_timeout=1`, AS))).toMatchObject({
    disposition: 'retry',
  });
  expect(performance.now() - began).toBeLessThan(9_000);
});

test.each([
  'query_timeout=2147483648',
  'query_timeout=NaN',
  'connect_timeout=x',
  'connect_timeout=0',
  'sslmode=bogus',
  'sslmode=',
  'sslmode=allow',
])('%s in the target is refused by name, before anybody is asked', async setting => {
  for (const options of [AS, { ...AS, queryMs: 1_000, connectMs: 1_000 }])
    expect(await failure(connect(`postgresql://app:${SECRET}@127.0.0.1:1/app?${setting}`, options))).toMatchObject({
      name: 'UsageError',
      message: expect.stringMatching(new RegExp(`^${setting} in the target is n`)),
    });
});

test.each([
  ['app?sslmodee=require', 'sslmodee= in the target is not a known parameter', 'sslmode= may be meant'],
  ['app?ssl_mode=require', 'ssl_mode= in the target is not a known parameter', 'sslmode= may be meant'],
  ['app?schema=public&optoins=-c%20jit=off', 'optoins= in the target is not a known parameter', 'options= may be meant'],
  ['app?query-timeout=5', 'query-timeout= in the target is not a known parameter', 'query_timeout= may be meant'],
  ['?dbname=app', 'dbname= in the target has no effect', 'name the database before the ?'],
  ['a%2Fb', 'the database a%2Fb in the target would be looked for', 'PGDATABASE'],
  ['a%3fb?sslmode=require', 'the database a%3fb in the target would be looked for', 'PGDATABASE'],
])('%s: what the driver would pass over in silence is refused', async (rest, says, hint) => {
  expect(await failure(connect(`postgresql://app:${SECRET}@127.0.0.1:1/${rest}`, AS))).toMatchObject({
    name: 'UsageError',
    message: expect.stringContaining(says),
    hint: expect.stringContaining(hint),
  });
});

test('what other libraries and programs are told in the same URL is passed over; the name of a database may be what PGDATABASE says', async () => {
  await using postgres = await testPostgres();
  const theirs =
    '?schema=public&connection_limit=5&pgbouncer=true&channel_binding=prefer&target_session_attrs=any&sslsni=1&keepalives_idle=9&hostaddr=127.0.0.1';
  await using session = await connect(`${postgres.url}${theirs}`, AS);
  expect((await session.query('select 1 as one')).rows).toEqual([{ one: '1' }]);
  const odd = `odd/name?${process.pid} %2F`;
  await postgres.query(`create database "${odd}"`);
  try {
    vi.stubEnv('PGDATABASE', odd);
    await using there = await connect(Object.assign(new URL(postgres.url), { pathname: '' }).href, AS);
    expect((await there.query('select current_database() as name')).rows).toEqual([{ name: odd }]);
  } finally {
    vi.unstubAllEnvs();
    await postgres.query(`drop database "${odd}" with (force)`);
  }
});

test('who cannot be reached or does not let us in is named, the password is not', async () => {
  await using postgres = await testPostgres();
  const { host, hostname, port, username } = new URL(postgres.url);
  const nobody = createServer();
  await once(nobody.listen(0, '127.0.0.1'), 'listening');
  const closed = (nobody.address() as { port: number }).port;
  nobody.close();
  await postgres.query(
    `do $$ begin if not exists (select from pg_roles where rolname = 'open_nologin') then create role open_nologin nologin; create role open_full login connection limit 0; end if; end $$`,
  );

  const refused = await failure(connect(`postgresql://app:${SECRET}@127.0.0.1:${closed}/app`, AS));
  expect(refused).toMatchObject({ disposition: 'retry', message: expect.stringContaining(`127.0.0.1:${closed}`) });
  const missing = await failure(connect(`postgresql://${username}:${SECRET}@${host}/nothing_here`, AS));
  expect(missing).toMatchObject({ name: 'UsageError', message: `${hostname}:${port} has no database "nothing_here"` });
  const noLogin = await failure(connect(`postgresql://open_nologin:${SECRET}@${host}/postgres`, AS));
  expect(noLogin).toMatchObject({ name: 'UsageError', message: expect.stringContaining('open_nologin') });
  const unknown = await failure(connect(`postgresql://${username}:${SECRET}@${host}/postgres?options=-c%20no_such=1`, AS));
  expect(unknown).toMatchObject({ name: 'UsageError', message: expect.stringMatching(/does not let ".+" in: .+"no_such"/) });
  const full = await failure(connect(`postgresql://open_full:${SECRET}@${host}/postgres`, AS));
  expect(full).toMatchObject({ disposition: 'retry', hint: expect.stringContaining('more connections') });
  const tls = await failure(connect(`postgresql://${username}:${SECRET}@${host}/postgres?sslmode=require`, AS));
  expect(tls).toMatchObject({ name: 'UsageError', message: expect.stringContaining('TLS') });
  const malformed = await failure(connect(`postgresql://app:${SECRET}@exa mple:99999999/app`, AS));
  expect(malformed).toMatchObject({ name: 'UsageError' });
  for (const error of [refused, missing, noLogin, unknown, full, tls, malformed])
    expect(everything(error) + error.hint).not.toContain(SECRET);
});

test('a URL is shown without its password', () => {
  expect(redact('postgresql://app:s3@cr/et@db:5432/app?a=1')).toBe('postgresql://app:***@db:5432/app?a=1');
  expect(redact('postgresql://db/app?user=a&password=s3cret&x=1')).toBe('postgresql://db/app?user=a&password=***&x=1');
  expect(redact('postgresql://app@db/app')).toBe('postgresql://app@db/app');
  expect(redact('postgresql://app@tenant:s3cr@et@db:5432/app')).toBe('postgresql://app@tenant:***@db:5432/app');
  expect(redact('postgresql://app@db:5432/app?options=a@b')).toBe('postgresql://app@db:5432/app?options=a@b');
});

test('an error holds no row values, whatever field Postgres puts them in', async () => {
  await using postgres = await testPostgres();
  await using session = await connect(postgres.url, AS);
  await session.query(`create table public.t (id integer primary key check (id < 100), v text)`);
  await session.query(`insert into public.t values (1, 'x')`);
  await session.query(`create function public.veto() returns void language plpgsql as $$ begin raise exception '${SECRET}'; end $$`);
  const errors = [
    await failure(session.query(`insert into public.t values ($1::text::integer)`, [SECRET])),
    await failure(session.query(`insert into public.t values (1, $1)`, [SECRET])),
    await failure(session.query(`insert into public.t values (null, $1)`, [SECRET])),
    await failure(session.query(`insert into public.t values (500, $1)`, [SECRET])),
    await failure(session.query(`do $$ begin raise exception '${SECRET}'; end $$`)),
    await failure(session.copyIn(`copy public.t from stdin`, [`${SECRET}\tv\n`])),
    await failure(session.query('select public.veto()')),
  ];
  expect(errors.map(error => (error as PostgresError).sqlstate)).toEqual(['22P02', '23505', '23502', '23514', 'P0001', '22P02', 'P0001']);
  expect(errors.map(error => (error as PostgresError).disposition)).toEqual([...Array(4).fill('quarantine'), 'halt', 'quarantine', 'halt']);
  expect(errors[6]?.message, 'it says who').toBe('the function public.veto() in Postgres refused it (SQLSTATE P0001)');
  expect(errors[5]).toMatchObject({ column: 'id' });
  for (const error of errors) expect(everything(error)).not.toContain(SECRET);
});

test.each([false, true])('a session survives a refused COPY, also one whose input fails (pipelined: %s)', async pipelined => {
  await using postgres = await testPostgres();
  await using session = await connect(postgres.url, { ...AS, pipelined });
  await session.query('create table public.t (id integer)');
  await failure(session.copyIn('copy public.nothing from stdin', ['1\n']));
  await failure(session.copyIn('copy public.t from stdin', [`x\n${'1\n'.repeat(500_000)}`, '2\n'.repeat(500_000)]));
  const broken = function* () {
    yield '1\n';
    throw new Error('injected: the reader failed');
  };
  await failure(session.copyIn('copy public.t from stdin', broken()));
  await session.copyIn('copy public.t from stdin', []);
  expect((await session.query('select count(*) as n from public.t')).rows).toEqual([{ n: '0' }]);
});

test('an idle session that loses its connection ends nothing but itself', async () => {
  await using postgres = await testPostgres();
  await using session = await connect(postgres.url, AS);
  await endBackend(postgres, session.pid);
  expect(await failure(session.query('select 1'))).toMatchObject({ disposition: 'retry' });
  expect(await failure(session.query('select 1'))).toMatchObject({ disposition: 'retry' });
  await session.end();
  await session.end();
});

test.each([false, true])('a query that gets no answer fails in time, and its transaction is over (pipelined: %s)', async pipelined => {
  await using postgres = await testPostgres();
  await using session = await connect(postgres.url, { ...AS, queryMs: 300, pipelined });
  const work = transaction(session, null, () => session.query('select pg_sleep(600)'));
  expect(await failure(work)).toMatchObject({ disposition: 'retry', message: expect.stringContaining('timeout') });
  await expect.poll(() => session.lost.aborted).toBe(true); // the server rolls back what it cannot be told to
  expect(await failure(session.query('select 1'))).toMatchObject({ disposition: 'retry' });
});

test('a server that never answers the door does not hang us', async () => {
  await using silent = await listening();
  const error = await failure(connect(`postgresql://app@127.0.0.1:${silent.port}/app`, { ...AS, connectMs: 200 }));
  expect(error).toMatchObject({ disposition: 'retry' });
});

async function listening() {
  const server = createServer(socket => socket.on('error', () => undefined));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}

test('a transaction that fails leaves the session clean for the next one', async () => {
  await using postgres = await testPostgres();
  await using session = await connect(postgres.url, AS);
  const writer = { token: "it's", replicaRole: true };
  await failure(transaction(session, writer, () => session.query('select 1/0')));
  const settings = () =>
    session.query(`select current_setting('attacca.token', true) as token, current_setting('session_replication_role') as role`);
  expect((await transaction(session, writer, settings)).rows).toEqual([{ token: "it's", role: 'replica' }]);
  expect((await settings()).rows).toEqual([{ token: '', role: 'origin' }]);
  const swallowed = transaction(session, null, () => session.query('select 1/0').catch(() => undefined));
  expect(await failure(swallowed)).toMatchObject({ disposition: 'halt' });
});

test('lent sessions are used one at a time, at most as many as asked for, and a failed one is not lent again', async () => {
  await using postgres = await testPostgres();
  await using pool = sessions(postgres.url, 2, AS);
  let lent = 0;
  let most = 0;
  /** Lends both sessions at once, and more often than there are sessions; returns whose they were. */
  const everybody = async () => {
    const pids = new Set<number>();
    const both = Promise.withResolvers<void>();
    const use = () =>
      pool.use(async (session: Session) => {
        most = Math.max(most, ++lent);
        if (lent === 2) both.resolve();
        pids.add(session.pid);
        await both.promise;
        await session.query('select 1');
        lent--;
      });
    await Promise.all(Array.from({ length: 10 }, use));
    return pids;
  };
  const before = await everybody();
  expect([most, before.size]).toEqual([2, 2]);
  const failed = await failure(pool.use(session => session.query('select 1/0').then(() => session.pid)));
  expect(failed).toBeInstanceOf(PostgresError);
  const after = await everybody();
  expect([most, after.size, after.intersection(before).size]).toEqual([2, 2, 1]);
});
