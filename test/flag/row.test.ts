import { expect, test } from 'vitest';
import { quote } from '../../src/change/quote.ts';
import { loadConfig } from '../../src/cli/config.ts';
import { flagOf } from '../../src/cli/engine/tell/flag.ts';
import type { FlagProvider } from '../../src/flag/flag.ts';
import { connect as session } from '../../src/postgres/session/open.ts';
import { connect, type TestPostgres, testPostgres } from '../support/postgres.ts';
import { rejected } from './context.ts';

/** As deploy/configuration.md and deploy/least-privilege.sql have it. */
const TABLE = 'create table app_flag (name text primary key, value text not null, epoch bigint not null default 0)';
const ROLE = `attacca_flag_${process.pid}`;

/** The flag as the engine opens it, in a session of `role`. */
async function world(postgres: TestPostgres, role?: string): Promise<AsyncDisposable & { readonly flag: FlagProvider }> {
  const url = role === undefined ? postgres.url : Object.assign(new URL(postgres.url), { username: role }).href;
  const side = await session(url, { applicationName: 'attacca side' });
  const config = { ...loadConfig({ source: 'app.db' }, undefined, {}), flag: { kind: 'postgres' } } as Parameters<typeof flagOf>[0];
  return { flag: flagOf(config, { env: {}, side, url }), [Symbol.asyncDispose]: () => side.end() };
}

test('a row is written, notified and read back; an older epoch changes nothing and is not heard of', async () => {
  await using postgres = await testPostgres();
  await postgres.query(TABLE);
  const listener = await connect(postgres.url);
  const heard: string[] = [];
  listener.on('notification', ({ payload }) => heard.push(payload ?? ''));
  await listener.query('listen app_flag');
  await using opened = await world(postgres);
  const { flag } = opened;
  expect(await flag.read()).toBeUndefined();
  await flag.write({ primary: 'postgres', epoch: 7n });
  await flag.write({ primary: 'postgres', epoch: 7n });
  expect(await flag.read()).toEqual({ primary: 'postgres', epoch: 7n });
  expect(await rejected(flag.write({ primary: 'sqlite', epoch: 6n }))).toMatchObject({ disposition: 'halt' });
  await listener.query('select 1'); // everything notified before has arrived
  expect(heard.map(text => JSON.parse(text))).toEqual(
    Array(2).fill({ name: 'DB_TYPE', value: 'postgresql', primary: 'postgres', epoch: '7' }),
  );
  expect(await postgres.query('select * from app_flag')).toEqual([{ name: 'DB_TYPE', value: 'postgresql', epoch: '7' }]);
  await flag.write({ primary: 'sqlite', epoch: 8n });
  expect(await flag.read()).toEqual({ primary: 'sqlite', epoch: 8n });
  await listener.end();
});

test('the gate proves that the role may write the row, and leaves nothing behind', async () => {
  await using postgres = await testPostgres();
  await postgres.query(`${TABLE}; create role ${quote(ROLE)} login`);
  try {
    await using opened = await world(postgres, ROLE);
    const { flag } = opened;
    expect(await flag.check('sqlite')).toContain('permission denied');
    await postgres.query(`grant select on app_flag to ${quote(ROLE)}`);
    expect(await flag.check('sqlite')).toContain('permission denied');
    await postgres.query(`grant insert, update on app_flag to ${quote(ROLE)}`);
    expect(await flag.check('sqlite')).toBeUndefined();
    expect(await postgres.query('select * from app_flag')).toEqual([]);
    await flag.write({ primary: 'postgres', epoch: 1n });
    expect(await flag.read()).toEqual({ primary: 'postgres', epoch: 1n });
    await postgres.query('alter table app_flag drop constraint app_flag_pkey');
    expect(await flag.check('sqlite')).toContain('app_flag');
    await postgres.query('drop table app_flag');
    expect(await flag.check('sqlite')).toContain('does not exist');
  } finally {
    await postgres.query(`drop owned by ${quote(ROLE)}; drop role ${quote(ROLE)}`);
  }
});

test('a row without an epoch, as people may have set it, is switched like one with 0', async () => {
  await using postgres = await testPostgres();
  await postgres.query(
    `create table app_flag (name text primary key, value text, epoch bigint); insert into app_flag values ('DB_TYPE', 'sqlite')`,
  );
  await using opened = await world(postgres);
  const { flag } = opened;
  expect(await flag.check('sqlite')).toBeUndefined();
  await flag.write({ primary: 'postgres', epoch: 1n });
  expect(await flag.read()).toEqual({ primary: 'postgres', epoch: 1n });
});

test('a value that is neither side is not guessed at', async () => {
  await using postgres = await testPostgres();
  await postgres.query(`${TABLE}; insert into app_flag values ('DB_TYPE', 'mysql')`);
  await using opened = await world(postgres);
  expect(await rejected(opened.flag.read())).toMatchObject({ disposition: 'halt' });
  expect(await opened.flag.check('sqlite')).toContain('neither');
});
