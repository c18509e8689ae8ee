/* The whole journey on a real database (Chinook where the corpus is there, else one of our own), with foreign programs writing. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync } from 'node:fs';
import { resolve } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { VerifyDocument } from '../../src/server/documents.ts';
import { buildShop } from '../support/shop.ts';
import { caughtUp, openWorld } from '../support/world.ts';

const CHINOOK = resolve(process.env.ATTACCA_CORPUS ?? '../shared/corpus', 'db/chinook.sqlite');

const schemaOf = (path: string): unknown[] => {
  const db = new Database(path, { readonly: true });
  try {
    return db.prepare('select type, name, tbl_name, sql from sqlite_schema order by name').all();
  } finally {
    db.close();
  }
};

test('shadow, cut over, write in Postgres, roll back, uninstall: nothing lost, and SQLite as it was [G10] [G11]', async () => {
  await using world = await openWorld(db => {
    if (existsSync(CHINOOK)) return;
    buildShop(500)(db);
  });
  const chinook = existsSync(CHINOOK);
  if (chinook) copyFileSync(CHINOOK, world.source);
  const table = chinook ? 'Artist' : 'log';
  const [key, name] = chinook ? ['ArtistId', 'Name'] : ['at', 'message'];
  const before = schemaOf(world.source);
  const daemon = world.start();
  await world.until(caughtUp);

  foreign(world.source, `insert into ${table} (${key}, ${name}) values (90001, 'from elsewhere'), (90002, 'gone again')`);
  foreign(world.source, `delete from ${table} where ${key} = 90002`);
  await world.until(caughtUp);
  const verified = await world.json<VerifyDocument>(0, 'verify');
  expect(verified).toMatchObject({ ok: true, differences: 0, quarantined: 0 });
  expect((await world.pg.query(`select "${name}" as name from "${table}" where "${key}" = 90001`))[0]?.name).toBe('from elsewhere');

  await world.json(0, 'cutover', '--dry-run');
  await world.json(0, 'cutover', '--yes');
  expect(() => foreign(world.source, `delete from ${table}`)).toThrow(/ATTACCA_FENCED/);
  await world.pg.query(`insert into "${table}" ("${key}", "${name}") values (90003, 'from psql')`);
  await world.pg.query(`update "${table}" set "${name}" = 'changed in Postgres' where "${key}" = 90001`);
  await world.until(({ lag }) => lag?.ms !== null && (lag?.ms ?? 9e9) < 500);
  await world.json(0, 'verify');

  await world.json(0, 'rollback', '--yes');
  await world.until(caughtUp);
  const db = new Database(world.source);
  expect(db.prepare(`select ${name} as name from ${table} where ${key} in (90001, 90003) order by ${key}`).pluck().all()).toEqual([
    'changed in Postgres',
    'from psql',
  ]);
  db.close();
  await world.json(0, 'verify');

  await world.json(0, 'uninstall', '--yes');
  expect(await daemon.exited).toBe(0);
  expect(schemaOf(world.source)).toEqual(before);
  expect(await world.pg.query(`select 1 from pg_namespace where nspname = 'attacca'`)).toEqual([]);
  expect(await world.pg.query(`select 1 from pg_replication_slots where database = current_database()`)).toEqual([]);
  expect(await world.pg.query(`select tablename from pg_tables where schemaname = 'public'`)).toEqual([]);
});

test('finish keeps the tables for the application, and in SQLite only the fence [G11]', async () => {
  await using world = await openWorld(buildShop(100));
  const daemon = world.start();
  await world.until(caughtUp);
  await world.json(0, 'verify');
  await world.json(0, 'cutover', '--yes');
  await world.json(0, 'finish', '--yes');
  expect(await daemon.exited).toBe(0);

  expect(() => world.app.prepare(`insert into log values ('into the void', 1)`).run()).toThrow(/ATTACCA_FENCED/);
  const ours = world.app.prepare(`select name from sqlite_schema where name glob '_attacca*' and name not glob '_attacca_fence*'`).all();
  expect(ours).toEqual([]);
  await world.pg.query(`insert into customer (email) values ('first@without.attacca')`);
  expect((await world.pg.query(`select max(id) as id from customer`))[0]?.id).toBe('101');
  expect(await world.pg.query(`select 1 from information_schema.columns where column_name = '_attacca_rowid'`)).toEqual([]);
  expect(await world.pg.query(`select 1 from pg_namespace where nspname = 'attacca'`)).toEqual([]);
});

const PYTHON = 'import sqlite3,sys\ndb=sqlite3.connect(sys.argv[1],timeout=60)\ndb.execute(sys.argv[2])\ndb.commit()';
const NODE = "const D=require('better-sqlite3');new D(process.argv[1],{timeout:60000}).exec(process.argv[2])";
const hasPython = spawnSync('python3', ['-c', 'import sqlite3']).status === 0;

/** Another program, which knows nothing of us; where Python is there, with another SQLite library. */
function foreign(path: string, sql: string): void {
  if (hasPython) execFileSync('python3', ['-c', PYTHON, path, sql], { stdio: 'pipe' });
  else execFileSync(process.execPath, ['-e', NODE, path, sql], { stdio: 'pipe' });
}
