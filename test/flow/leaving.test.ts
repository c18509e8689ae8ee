/* What `uninstall` must leave alone: a migration that is finished, the target of another one, and what lies in the embedded server. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { runningEmbedded, startEmbedded } from '../../src/postgres/embedded/embedded.ts';
import { DoneDocument, ErrorDocument, StatusDocument } from '../../src/server/documents.ts';
import { stateFolder } from '../../src/server/socket.ts';
import { makePlace, type Place } from '../cli/refusals.ts';
import { mirroringWorld, stopDaemon } from '../support/mirroring.ts';
import { connect, testPostgres } from '../support/postgres.ts';
import { buildShop } from '../support/shop.ts';
import { attacca, caughtUp, openWorld, type Ran } from '../support/world.ts';

const codes = ({ stdout }: Ran): string[] => ErrorDocument.parse(JSON.parse(stdout)).blockers.map(({ code }) => code);
const UNINSTALL = ['uninstall', '--yes', '--json'];

/** A file with an embedded server beside it, which ends with the test. */
function alone(): { readonly place: Place; run(...words: string[]): Promise<Ran> } {
  const place = makePlace();
  onTestFinished(async () => {
    await runningEmbedded(stateFolder(place.source))?.stop();
    place[Symbol.dispose]();
  });
  return { place, run: (...words) => attacca([...words, '--source', place.source]) };
}

test('uninstall after finish is refused: the fence stays, and so does the embedded server that is primary now [G11]', async () => {
  const { place, run } = alone();
  for (const words of [['sync', '--once'], ['verify'], ['cutover', '--yes'], ['finish', '--yes']])
    expect(await run(...words), words.join(' ')).toMatchObject({ code: 0 });
  for (const words of [UNINSTALL, [...UNINSTALL, '--keep-target']]) {
    const ran = await run(...words);
    expect(ran.code).toBe(3);
    expect(codes(ran)).toEqual(['finished']);
  }
  const db = new Database(place.source);
  expect(() => db.exec('delete from item')).toThrow(/ATTACCA_FENCED/);
  db.close();

  rmSync(place.source); // and another file in its place knows of no fence
  const other = new Database(place.source);
  other.exec('create table other (id integer primary key)');
  other.close();
  expect(codes(await run(...UNINSTALL))).toEqual(['target-not-empty']);
  const client = await connect((await startEmbedded(stateFolder(place.source))).url);
  expect((await client.query('select from item')).rowCount).toBe(100);
  await client.end();
});

test('after finish every command says that it is finished, with a target elsewhere too [G11]', async () => {
  await using world = await openWorld(buildShop(20));
  const daemon = await mirroringWorld(world);
  await world.json(0, 'finish', '--yes');
  await daemon.exited;
  for (const words of [UNINSTALL, ['finish', '--yes', '--json'], ['rollback', '--yes', '--json'], ['status', '--json'], ['sync', '--json']])
    expect(codes(await world.run(...words)), words[0]).toEqual(['finished']);
  expect(() => world.app.exec('delete from log')).toThrow(/ATTACCA_FENCED/);
});

test('where the file is kept locked, finish fails while there is still a way back [G9]', async () => {
  await using world = await openWorld(buildShop(20));
  await mirroringWorld(world);
  world.app.exec('begin immediate');
  await world.json(1, 'finish', '--yes');
  world.app.exec('rollback');
  await world.until(({ phase }) => phase === 'mirroring');
  await world.json(0, 'finish', '--yes');
});

test('a finish that was interrupted behind its point of no return is ended by the next one, which says so [G11]', async () => {
  await using world = await openWorld(buildShop(20));
  await mirroringWorld(world);
  await stopDaemon(world);
  await world.pg.query(`update attacca.control set phase = 'finished'`);
  const uninstalled = await world.run('uninstall', '--yes', '--json');
  expect(uninstalled.stdout + uninstalled.stderr, 'its slot keeps WAL until then').toContain('`attacca finish` to stay with PostgreSQL');
  await world.json(0, 'finish', '--yes');
  expect(await world.pg.query(`select from pg_namespace where nspname = 'attacca'`)).toEqual([]);
  expect(() => world.app.exec('delete from log')).toThrow(/ATTACCA_FENCED/);
});

test('two files in one folder: the daemon of one does nothing for the other, a second one is refused, and each leaves what is not its own', async () => {
  await using world = await openWorld(buildShop(20));
  await using theirs = await testPostgres();
  const other = join(world.folder, 'other.db');
  const db = new Database(other);
  db.exec('create table x (id integer primary key); insert into x values (1)');
  const daemon = world.start();
  await world.until(caughtUp);
  for (const words of [['status'], ['verify'], ['cutover', '--yes'], ['uninstall', '--yes'], ['sync', '--once'], ['sync']]) {
    const ran = await attacca([...words, '--source', other, '--target', theirs.url, '--json']);
    expect(ran, words[0]).toMatchObject({ code: 3 });
    expect(codes(ran), words[0]).toEqual(['other-source']);
  }
  expect(db.prepare('select count(*) from sqlite_schema').pluck().get()).toBe(1);
  await world.until(caughtUp);

  await stopDaemon(world);
  onTestFinished(async () => runningEmbedded(stateFolder(other))?.stop());
  expect(await attacca(['sync', '--once', '--source', other])).toMatchObject({ code: 0 });
  await world.json(0, 'uninstall', '--yes');
  const status = await attacca(['status', '--json', '--source', other]);
  expect(StatusDocument.parse(JSON.parse(status.stdout))).toMatchObject({ phase: 'shadowing', lag: { changes: '0' } });
  expect(daemon.process.exitCode).toBe(0);
  db.close();
});

test('the embedded server of one file is neither used nor stopped by another file in its folder', async () => {
  const { place, run } = alone();
  for (const words of [['sync', '--once'], ['verify'], ['cutover', '--yes']]) expect(await run(...words)).toMatchObject({ code: 0 });
  const other = join(place.folder, 'other.db');
  const db = new Database(other);
  db.exec('create table x (id integer primary key)');
  db.close();
  expect(codes(await attacca(['sync', '--json', '--source', other]))).toEqual(['other-source']);
  expect(runningEmbedded(stateFolder(other))).toBeDefined();
  await run('finish', '--yes');
  expect(codes(await attacca(['sync', '--json', '--source', other]))).toEqual(['target-not-empty']);
  expect(codes(await attacca([...UNINSTALL, '--source', other]))).toEqual(['target-not-empty']);
  expect(runningEmbedded(stateFolder(other))).toBeDefined();
});

const CHANGING = [
  ['verify', '--json'],
  ['cutover', '--dry-run', '--json'],
  ['cutover', '--yes', '--json'],
  ['rollback', '--yes', '--json'],
  ['resync', '--yes', '--json'],
  ['quarantine', 'retry', '--json'],
  ['plan', '--widen', '--json'],
];

test('nothing is done for a command that names another target, with a daemon and without, and the file stays captured', async () => {
  await using world = await openWorld(buildShop(20));
  await using other = await testPostgres();
  await world.json(0, 'sync', '--once');
  for (const daemon of [false, true]) {
    if (daemon) world.start();
    if (daemon) await world.until(status => caughtUp(status) && status.daemon !== null);
    for (const words of [UNINSTALL, ['finish', '--yes', '--json'], ...CHANGING]) {
      const refused = await world.run(...words, '--target', other.url);
      expect(refused, words.join(' ')).toMatchObject({ code: 3 });
      expect(codes(refused)).toEqual([daemon || words === UNINSTALL ? 'other-target' : 'not-installed']);
    }
  }
  const elsewhere = new URL(world.pg.url);
  elsewhere.searchParams.set('connect_timeout', '5');
  expect(elsewhere.href).not.toBe(world.pg.url);
  for (const url of [world.pg.url, elsewhere.href]) expect(await world.run('verify', '--target', url)).toMatchObject({ code: 0 });
  await stopDaemon(world);
  world.app.exec(`insert into log (message, at) values ('captured', 1)`);
  await world.json(0, 'sync', '--once');
  expect(await world.differences()).toEqual([]);
  await world.json(0, 'uninstall', '--yes');
});

test('what a killed end has left beside the file goes with another uninstall', async () => {
  await using world = await openWorld(buildShop(20));
  const state = join(world.folder, '.attacca');
  mkdirSync(join(state, 'postgres.removed'), { recursive: true });
  const { code, stdout } = await attacca([...UNINSTALL, '--source', world.source], { cwd: join(world.folder, '..') });
  expect([code, DoneDocument.parse(JSON.parse(stdout)).detail]).toEqual([0, expect.stringContaining('nothing is installed')]);
  expect(existsSync(state)).toBe(false);
});

test('without its target capture can still be taken out of the file; status says then that it is gone, and what to do', async () => {
  await using world = await openWorld(buildShop(20));
  world.start();
  await world.until(({ lag }) => lag?.changes === '0');
  await stopDaemon(world);
  const { code, stdout } = await attacca([...UNINSTALL, '--source', world.source], { cwd: join(world.folder, '..') });
  expect(code).toBe(0);
  expect(DoneDocument.parse(JSON.parse(stdout)).detail).toMatch(/which was not named, keeps what attacca made there/);
  expect(world.app.prepare(`select count(*) from sqlite_schema where name glob '_attacca*'`).pluck().get()).toBe(0);
  const status = StatusDocument.parse(await world.json(0, 'status'));
  expect(status).toMatchObject({ lag: null, journal: null, halt: { reason: "attacca's tables are missing from the SQLite file" } });
  expect(status.halt?.hint).toContain('attacca resync');
  await world.json(0, 'resync', '--yes');
  expect(await world.differences()).toEqual([]);
});

test('while Postgres is primary, uninstall without its target starts no server for that', async () => {
  await using world = await openWorld(buildShop(20));
  await mirroringWorld(world);
  await stopDaemon(world);
  const ran = await attacca([...UNINSTALL, '--source', world.source], { cwd: join(world.folder, '..') });
  expect(codes(ran)).toEqual(['fenced']);
  expect(runningEmbedded(stateFolder(world.source))).toBeUndefined();
});
