/* Commands at the wrong time or to the wrong pair, against the real binary: refused by name, and both sides stay as they are. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SwitchDocument } from '../../src/server/documents.ts';
import { testPostgres } from '../support/postgres.ts';
import { buildShop } from '../support/shop.ts';
import { flagOf, openWorld, type World } from '../support/world.ts';
import { catalog, contents, expectDiscreet, expectRefusal, makePlace, run, VALUE, withPassword } from './refusals.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld(db => {
    buildShop(20)(db);
    db.prepare('insert into log values (?, 0)').run(VALUE);
  });
  await world.json(0, 'sync', '--once');
});
afterAll(() => world[Symbol.asyncDispose]());

const attacca = (...words: string[]) =>
  run([...words, '--json', '--config', join(world.folder, 'attacca.config.json')], { cwd: world.folder });

const OURS = /* sql */ `select name, sql from sqlite_schema order by name`;
const ROWS = /* sql */ `select (select count(*) from customer) + (select count(*) from orders) + (select count(*) from log) as n`;
const PHASE = /* sql */ `select phase, epoch, slot, publication from attacca.control`;

/** What a refused command must leave alone: schemas, rows, phase, primary, flag. */
const state = async () => ({
  schema: world.app.prepare(OURS).all(),
  rows: world.app.prepare(ROWS).get(),
  control: world.app.prepare('select install, target, "primary", epoch from _attacca_control').get(),
  phase: await world.pg.query(PHASE),
  catalog: (await catalog(world.pg.url)).map(line => line.replace(/ \d+$/, '')),
  flag: flagOf(world),
});

async function refused(code: number, says: RegExp, ...words: string[]): Promise<void> {
  const before = await state();
  expectRefusal(await attacca(...words), code, says);
  expect(await state()).toEqual(before);
}

async function notReady(direction: 'cutover' | 'rollback', code: string): Promise<void> {
  const ran = await attacca(direction, '--dry-run');
  expect(ran, ran.stderr).toMatchObject({ code: 3 });
  expectDiscreet(ran);
  const { ok, blockers } = SwitchDocument.parse(JSON.parse(ran.stdout));
  expect(ok).toBe(false);
  expect(blockers.map(blocker => blocker.code)).toEqual([code]);
}

describe('while SQLite is primary', () => {
  test.each([
    ['rollback', /phase: the phase is shadowing, not mirroring[\s\S]+nothing to roll back/, ['rollback', '--yes']],
    ['finish', /phase: the phase is shadowing, not mirroring[\s\S]+attacca uninstall/, ['finish', '--yes']],
    ['a cutover that nobody has verified', /not-verified: [\s\S]+attacca verify/, ['cutover', '--yes']],
    ['verify of a table that is not there', /no-such-table: the plan has no table nowhere/, ['verify', '--table', 'nowhere']],
    ['a row that is not in quarantine', /no-such-row: there is no row 999 in quarantine/, ['quarantine', 'drop', '999', '--yes']],
    ['another try of such a row', /no-such-row: there is no row 999 in quarantine/, ['quarantine', 'retry', '999']],
  ])('%s is refused', async (_, says, words) => {
    await refused(3, says, ...words);
  });

  test('a dry run of a rollback says the same as a document', () => notReady('rollback', 'phase'));

  test.each([
    [['sync', '--once']],
    [['status']],
    [['audit']],
    [['verify']],
    [['cutover', '--yes']],
    [['quarantine', 'list']],
    [['uninstall', '--yes']],
  ])('%s with another file changes nothing in a target that is not its own', async words => {
    using place = makePlace();
    const [before, files] = [await state(), contents(place.folder)];
    const ran = await run([...words, '--json', '--source', 'app.db', '--target', withPassword(world.pg.url)], { cwd: place.folder });
    expectRefusal(ran, 3, /other-source: it replicates \S+app\.db, not \S+app\.db/);
    expect(contents(place.folder)).toEqual(files);
    expect(await state()).toEqual(before);
  });

  test('a second target for one file is refused, and so is an embedded one', async () => {
    await using pg = await testPostgres();
    const [before, empty] = [await state(), await catalog(pg.url)];
    expectRefusal(await attacca('sync', '--once', '--target', withPassword(pg.url)), 3, /captured-elsewhere: its triggers write for/);
    expect(await catalog(pg.url)).toEqual(empty);
    expect(await state()).toEqual(before);

    using place = makePlace();
    world.app.pragma('wal_checkpoint(truncate)');
    copyFileSync(world.source, place.source);
    const files = contents(place.folder);
    for (const words of [['sync', '--once'], ['status'], ['cutover', '--yes'], ['uninstall', '--yes', '--audit', 'log.json']]) {
      const ran = await run([...words, '--json', '--source', 'app.db'], { cwd: place.folder });
      expectRefusal(ran, 2, /app\.db replicates to the Postgres database \d+\/\w+, which was not named[\s\S]+a daemon that waits for it/);
    }
    for (const words of [['dashboard'], ['throttle'], ['approve', '--yes'], ['cutover', '--cancel']]) {
      const ran = await run([...words, '--json', '--source', 'app.db'], { cwd: place.folder });
      expectRefusal(ran, 3, /none runs, or it waits for Postgres[\s\S]+no-daemon/);
    }
    expect(contents(place.folder).filter(line => !/-(wal|shm) /.test(line))).toEqual(files);
  });

  test('a second daemon is refused by name, the first one goes on', async () => {
    const daemon = world.start();
    const { daemon: first } = await world.until(status => status.daemon !== null);
    expect(first?.pid).toBe(daemon.process.pid);
    const named = new RegExp(
      `controller-running: this database is controlled by "attacca sync pid ${daemon.process.pid} on [\\s\\S]+stop it first`,
    );
    await refused(3, named, 'sync');
    await refused(3, named, 'sync', '--once');
    await refused(3, /phase: the phase is shadowing/, 'finish', '--yes');
    await refused(3, /no-such-table: the plan has no table nowhere/, 'verify', '--table', 'nowhere');
    await refused(2, /nobody can be asked here/, 'cutover');
    daemon.process.kill('SIGTERM');
    expect(await daemon.exited).toBe(0);
  });
});

describe('while Postgres is primary', () => {
  beforeAll(async () => {
    await world.json(0, 'verify');
    await world.json(0, 'cutover', '--yes');
  });

  test.each([
    ['a second cutover', /phase: the phase is mirroring, not shadowing[\s\S]+Postgres is primary already/, ['cutover', '--yes']],
    ['uninstall', /phase: the phase is mirroring: SQLite is fenced[\s\S]+attacca rollback/, ['uninstall', '--yes']],
  ])('%s is refused', async (_, says, words) => {
    await refused(3, says, ...words);
  });

  test('a dry run of a second cutover says the same as a document', () => notReady('cutover', 'phase'));

  test('another file cannot finish or roll back what is not its own', async () => {
    using place = makePlace();
    const before = await state();
    for (const words of [
      ['finish', '--yes'],
      ['rollback', '--yes'],
    ]) {
      const ran = await run([...words, '--json', '--source', 'app.db', '--target', withPassword(world.pg.url)], { cwd: place.folder });
      expectRefusal(ran, 3, /other-source: it replicates/);
    }
    expect(await state()).toEqual(before);
  });
});
