/* The Postgres server answers, and what attacca had in it is gone: somebody dropped it, or the whole database. */
import { expect, test } from 'vitest';
import type { z } from 'zod';

import type { ErrorDocument } from '../../src/server/documents.ts';
import { mirroringWorld, stopDaemon } from '../support/mirroring.ts';
import { connect, type OwnPostgres, ownPostgres } from '../support/postgres.ts';
import { attacca, caughtUp, flagOf, openWorld, type World } from '../support/world.ts';

const INSERT = /* sql */ `insert into t (a) values ('written')`;
const SCHEMA = /* sql */ `select group_concat(name) from sqlite_schema`;
const build = (db: { exec(sql: string): unknown }) => db.exec('create table t (id integer primary key, a text)');

async function onServer(server: OwnPostgres, statement: string): Promise<void> {
  const client = await connect(Object.assign(new URL(server.url), { pathname: '/postgres' }).href);
  await client.query(statement).finally(() => client.end());
}

const GONE: readonly [string, (server: OwnPostgres) => Promise<unknown>][] = [
  ["attacca's record", server => server.query('drop table attacca.control')],
  ["attacca's schema", server => server.query('drop schema attacca cascade')],
  [
    'the database',
    async server => {
      await server.query('select pg_drop_replication_slot(slot_name) from pg_replication_slots');
      await onServer(server, 'drop database app with (force)');
    },
  ],
];

const refusal = (world: World, ...words: string[]) => world.json<z.infer<typeof ErrorDocument>>(3, ...words);

test.each(GONE)(
  '%s, while Postgres is primary: each command says how to go on, SQLite opens with what it has, and a new sync begins [G7] [G8]',
  async (what, drop) => {
    await using server = await ownPostgres();
    await using world = await openWorld(build, {}, { server });
    const before = world.app.prepare<[], string>(SCHEMA).pluck().get();
    const { exited } = await mirroringWorld(world);
    if (what === 'the database') await stopDaemon(world);
    await drop(server);
    if (what !== 'the database') expect([await exited, world.daemon().log()]).toEqual([3, expect.stringContaining('not-installed')]);
    for (const words of [['status'], ['rollback', '--yes'], ['finish', '--yes'], ['sync', '--once']]) {
      const { blockers } = await refusal(world, ...words);
      expect(blockers, words[0]).toMatchObject([{ code: 'not-installed', remedy: expect.stringContaining('rollback --accept-loss') }]);
      expect(blockers[0]?.remedy, 'the slot would keep WAL').toMatch(/pg_drop_replication_slot\('attacca_\w+'\)/);
    }
    expect(() => world.app.exec(INSERT)).toThrow(/ATTACCA_FENCED/);

    await world.json(0, 'rollback', '--accept-loss', '--yes');
    world.app.exec(INSERT);
    expect(flagOf(world)).toBe('sqlite');
    expect((await refusal(world, 'sync', '--once')).blockers).toMatchObject([{ remedy: expect.stringContaining('attacca uninstall') }]);
    await world.json(0, 'uninstall', '--yes');
    expect(world.app.prepare<[], string>(SCHEMA).pluck().get()).toBe(before);

    await onServer(server, 'drop database if exists app with (force)'); // a slot that was left would keep it
    await onServer(server, 'create database app');
    world.start();
    await world.until(caughtUp);
    expect(await world.differences()).toEqual([]);
  },
);

test('another database that holds nothing of attacca is not taken for one that lost it [G8]', async () => {
  await using server = await ownPostgres();
  await using world = await openWorld(build, {}, { server });
  await mirroringWorld(world);
  await stopDaemon(world);
  const target = Object.assign(new URL(server.url), { pathname: '/postgres' }).href;
  const { code, stderr } = await attacca(['rollback', '--accept-loss', '--yes', '--source', world.source, '--target', target]);
  expect([code, stderr]).toEqual([3, expect.stringContaining('other-target')]);
  expect(() => world.app.exec(INSERT)).toThrow(/ATTACCA_FENCED/);
});
