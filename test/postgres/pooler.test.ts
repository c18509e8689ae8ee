import { expect, test } from 'vitest';
import { transactionPooler } from '../../src/postgres/gate/pooler.ts';
import { connect } from '../../src/postgres/session/open.ts';
import { startPooler } from '../support/pooler.ts';
import { testPostgres } from '../support/postgres.ts';
import { openWorld } from '../support/world.ts';

const AS = { applicationName: 'attacca test' };

test('a pooler that lends a server for a transaction is told from one that keeps sessions, and from none', async () => {
  await using postgres = await testPostgres();
  const { hostname: host, port } = new URL(postgres.url);
  const found = async (url: string): Promise<string[]> => {
    await using session = await connect(url, AS);
    return (await transactionPooler(session, url)).map(({ code }) => code);
  };
  expect(await found(postgres.url)).toEqual([]);
  await using keeping = await startPooler({ host, port: Number(port) }, 'session');
  expect(await found(Object.assign(new URL(postgres.url), { port: keeping.port }).href)).toEqual([]);
  await using lending = await startPooler({ host, port: Number(port) }, 'transaction');
  expect(await found(Object.assign(new URL(postgres.url), { port: lending.port }).href)).toEqual(['postgres-pooler']);
});

test('such a pooler is refused before anything is installed: two controllers could hold one lock [G2]', async () => {
  await using world = await openWorld(db => db.exec('create table t (id integer primary key)'));
  const { hostname: host, port } = new URL(world.pg.url);
  await using lending = await startPooler({ host, port: Number(port) }, 'transaction');
  const target = Object.assign(new URL(world.pg.url), { port: lending.port }).href;
  const blockers = [{ code: 'postgres-pooler' }];
  expect(await world.json(3, 'sync', '--once', '--target', target)).toMatchObject({ blockers });
  expect(await world.json(3, 'assess', '--target', target)).toMatchObject({ ready: false, findings: blockers });
  expect(await world.pg.query(`select from pg_namespace where nspname = 'attacca'`)).toEqual([]);
});
