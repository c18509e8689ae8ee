/*
 * What people do to a SQLite file that a daemon follows, and what becomes of it: it goes on, or it halts with the command that
 * does. The application's writes go on in any case.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { SwitchDocument } from '../../src/server/documents.ts';
import { backAgain, mirrored } from '../support/mirroring.ts';
import { buildShop, writeSome } from '../support/shop.ts';
import { caughtUp, type Daemon, isRunning, looks, openWorld, type World } from '../support/world.ts';

const hasShell = spawnSync('sqlite3', ['--version']).status === 0;

async function equal(world: World): Promise<void> {
  await world.until(caughtUp);
  await expect.poll(() => world.differences()).toEqual([]);
}

/** The daemon has halted for this file, says how to go on, and that way works. */
async function halted(world: World, daemon: Daemon): Promise<Daemon> {
  expect(await daemon.exited).toBe(1);
  expect(daemon.log()).toContain('attacca resync');
  writeSome(world.app, 3);
  expect((await world.run('resync')).code, 'it asks').toBe(2);
  await world.json(0, 'resync', '--yes');
  expect(await world.differences()).toEqual([]);
  const again = world.start();
  writeSome(world.app, 3);
  await equal(world);
  return again;
}

/** As a person puts a copy in place: the side files of the old one go with it. */
function replace(world: World, copy: string): void {
  for (const side of ['-wal', '-shm']) rmSync(`${world.source}${side}`, { force: true });
  renameSync(copy, world.source);
}

test('dropped and attached by hand: the journal comes back, and a copy is made again [G1] [G6]', async () => {
  await using world = await openWorld(buildShop(100));
  const daemon = world.start();
  await equal(world);
  world.app.exec('drop table _attacca_journal');
  await expect.poll(() => write(world)).toBe(true);
  await equal(world);
  world.app.exec('drop table _attacca_control'); // the journal is still the one that is followed
  await expect.poll(() => write(world)).toBe(true);
  await equal(world);
  world.app.exec('drop table _attacca_journal; drop table _attacca_control; drop table _attacca_canary');
  await expect.poll(() => write(world)).toBe(true);
  await halted(world, daemon);

  const other = new Database(':memory:');
  other.exec(`attach '${world.source}' as shop; insert into shop.log values ('attached', 1); update shop.customer set vip = 1`);
  other.close();
  await equal(world);

  await world.pg.query('alter table log disable trigger _attacca_fence');
  await world.pg.query('delete from log');
  await world.pg.query('alter table log enable always trigger _attacca_fence');
  const touched = (): number =>
    world
      .daemon()
      .log()
      .match(/somebody has touched the fence/g)?.length ?? 0;
  await expect.poll(touched).toBe(1);
  await looks(world, 2);
  expect(touched(), 'said once, though every look finds it').toBe(1);
  await world.json(3, 'resync', '--table', 'nonsense', '--yes');
  await world.json(0, 'resync', '--table', 'log', '--yes');
  expect(await world.differences()).toEqual([]);
});

/**
 * SQLite looks at the schema again when a statement runs, not when one fails to compile because of a trigger: a connection that
 * saw the journal go must read something before it can write again.
 */
const write = (world: World): boolean => {
  world.app.prepare('select count(*) from log').get();
  try {
    writeSome(world.app, 1);
    return true;
  } catch {
    return false;
  }
};

test('a file that is away for a moment is waited for [G7]', async () => {
  await using world = await openWorld(buildShop(20));
  const daemon = world.start();
  await equal(world);
  const away = `${world.source}.away`;
  renameSync(world.source, away);
  await expect.poll(() => daemon.log()).toContain('the SQLite file is away');
  renameSync(away, world.source);
  writeSome(world.app, 3);
  await equal(world);
  expect(isRunning(daemon)).toBe(true);
});

test('a copy that is half there is waited for, as `cp` writes it into the same file [G7]', async () => {
  await using world = await openWorld(db => {
    buildShop(100)(db);
    db.pragma('journal_mode = delete');
  });
  const daemon = world.start();
  await equal(world);
  const copy = join(world.folder, 'copy.db');
  world.app.prepare('vacuum into ?').run(copy);
  await world.reopen(async () => {
    writeFileSync(world.source, '');
    await expect.poll(() => daemon.log()).toContain('the SQLite file is away');
    expect(statSync(world.source).size, 'nobody writes into it').toBe(0);
    writeFileSync(world.source, readFileSync(copy).subarray(0, 10_000));
    await expect.poll(() => daemon.log()).toContain('is damaged or cut off');
    copyFileSync(copy, world.source);
  });
  writeSome(world.app, 10);
  await equal(world);
  expect(isRunning(daemon)).toBe(true);
});

test('the same beside an embedded Postgres, which cannot be ended while nobody can tell whether the file is fenced [G7]', async () => {
  const inTheFile = (db: Database.Database): void => {
    buildShop(20)(db);
    db.pragma('journal_mode = delete');
  };
  await using world = await openWorld(inTheFile, { target: undefined });
  const daemon = world.start();
  await world.until(caughtUp);
  const whole = readFileSync(world.source);
  await world.reopen(async () => {
    writeFileSync(world.source, Buffer.alloc(whole.length, 'x'));
    await expect.poll(() => daemon.log()).toMatch(/is not a SQLite database.+restarting until it works/);
    writeFileSync(world.source, whole);
  });
  writeSome(world.app, 3);
  await world.until(caughtUp);
  daemon.process.kill('SIGTERM');
  expect(await daemon.exited).toBe(0);
});

test('another file in its place: the same history goes on, an older one halts, and resync takes it as the truth [G7]', async () => {
  await using world = await openWorld(buildShop(100));
  const daemon = world.start();
  await equal(world);
  const copy = `${world.folder}/copy.db`;
  const older = `${world.folder}/older.db`;
  world.app.prepare('vacuum into ?').run(older);
  writeSome(world.app, 10);
  await equal(world);

  await world.reopen(() => {
    const db = new Database(world.source);
    db.prepare('vacuum into ?').run(copy);
    db.close();
    replace(world, copy);
  });
  writeSome(world.app, 10);
  await equal(world);

  copyFileSync(older, copy);
  await world.reopen(() => replace(world, copy));
  writeSome(world.app, 30); // its journal passes the checkpoint, under other nonces
  await halted(world, daemon);
});

test.skipIf(!hasShell)('a copy made by `.dump`, where rows without a key have other numbers: they are copied again [G1]', async () => {
  await using world = await openWorld(buildShop(100));
  world.start();
  await equal(world);
  world.app.exec('delete from log where at <= 10');
  await equal(world);
  const copy = `${world.folder}/copy.db`;
  const version = world.app.pragma('schema_version', { simple: true });
  await world.reopen(() => {
    execFileSync('sqlite3', [copy], { input: execFileSync('sqlite3', [world.source, '.dump']) });
    execFileSync('sqlite3', [copy, `pragma schema_version = ${version}`]);
    replace(world, copy);
  });
  writeSome(world.app, 3);
  await equal(world);
  await world.json(0, 'verify');
});

test('an older content in the same file, as `.restore` puts it there: it halts, and resync takes it as the truth [G7]', async () => {
  await using world = await openWorld(buildShop(100));
  const daemon = world.start();
  await equal(world);
  const older = `${world.folder}/older.db`;
  world.app.prepare('vacuum into ?').run(older);
  writeSome(world.app, 10);
  await equal(world);
  const restored = new Database(older);
  await restored.backup(world.source);
  restored.close();
  expect(world.app.prepare('select count(*) from customer where id > 1000').pluck().get()).toBe(0);
  await daemon.exited;
  expect(await world.json(0, 'status')).toMatchObject({ lag: null, halt: { hint: expect.stringContaining('attacca resync') } });
  await halted(world, daemon);
});

test('a copy from before the cutover in the place of the mirror: it halts, resync makes it the mirror again, and finish fences it [G8] [G10] [G11]', async () => {
  await using world = await openWorld(db => {
    buildShop(50)(db);
    db.exec('create trigger noted after insert on orders begin update customer set note = 1 where id = new.customer_id; end');
  });
  const captured = join(world.folder, 'captured.db');
  let daemon = world.start();
  await equal(world);
  world.app.prepare('vacuum into ?').run(captured);
  await world.json(0, 'verify');
  await world.json(0, 'cutover', '--yes');
  await world.until(mirrored);

  await world.reopen(() => replace(world, captured));
  await world.pg.query(`insert into log values ('in postgres', 1000)`);
  expect(await daemon.exited).toBe(1);
  expect(daemon.log()).toMatch(/another file was put in place[\s\S]+attacca resync/);
  await world.json(0, 'resync', '--yes');
  expect(() => world.app.exec(`insert into log values ('past', 1)`)).toThrow('ATTACCA_FENCED');
  daemon = world.start();
  expect(await backAgain(world)).toEqual([]);
  expect(world.app.prepare(`select count(*) from log where at = 1000`).pluck().get()).toBe(1);
  expect(world.app.prepare(`select count(*) from sqlite_schema where name = 'noted'`).pluck().get()).toBe(1);

  await world.json(0, 'cutover', '--yes');
  await world.until(mirrored);
  const backups = join(world.folder, '.attacca', 'backups'); // without anything of attacca in them
  const [backup = ''] = readdirSync(backups).filter(name => name.endsWith('.db'));
  await world.reopen(() => replace(world, join(backups, backup)));
  expect(await daemon.exited).toBe(1);
  const next = world.start(); // as a supervisor does
  expect(await next.exited).toBe(1);
  expect(next.log()).toMatch(/lost its record[\s\S]+attacca resync/);
  await world.json(0, 'resync', '--yes');
  expect(() => world.app.exec('delete from log')).toThrow('ATTACCA_FENCED');

  const [another = ''] = readdirSync(backups).filter(name => name.endsWith('.db'));
  await world.reopen(() => replace(world, join(backups, another)));
  await world.json(0, 'finish', '--yes');
  expect(() => world.app.exec('delete from log')).toThrow('ATTACCA_FENCED');
});

test('a table that cannot be replicated: the others go on, and a cutover is refused with the reason [G9]', async () => {
  await using world = await openWorld(buildShop(100));
  world.start();
  await equal(world);
  world.app.exec('create table odd (rowid text, _rowid_ text, oid text); alter table log add column level integer default 3');
  writeSome2(world);
  await world.until(caughtUp);
  await world.json(0, 'verify');
  const { blockers } = await world
    .json<SwitchDocument>(0, 'cutover', '--dry-run')
    .catch(() => world.json<SwitchDocument>(3, 'cutover', '--dry-run'));
  expect(blockers).toMatchObject([{ code: 'new-tables', reason: expect.stringContaining('odd (Rows have no key') }]);
  world.app.exec('drop table odd');
  await equal(world);
});

const writeSome2 = (world: World): void => {
  world.app.exec(`insert into log (message, at, level) values ('x', 5, 6)`);
};
