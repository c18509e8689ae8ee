/* Backups before a cutover and before finish, with the real binary: whole, checksummed, few, and without one nothing is switched. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { AuditDocument, StatusDocument, SwitchDocument } from '../../src/server/documents.ts';
import { buildShop } from '../support/shop.ts';
import { caughtUp, openWorld, type World } from '../support/world.ts';

const SCHEMA = `select type, name, tbl_name, sql from sqlite_schema order by type, name`;
const folderOf = (world: World): string => join(world.folder, '.attacca', 'backups');
const backups = (folder: string): string[] =>
  readdirSync(folder)
    .filter(name => name.endsWith('.db'))
    .sort();

/** What a backup holds, after its checksum was compared. */
function contentOf(folder: string, name: string) {
  const sha256 = createHash('sha256')
    .update(readFileSync(join(folder, name)))
    .digest('hex');
  expect(readFileSync(join(folder, `${name}.sha256`), 'utf8')).toBe(`${sha256}  ${name}\n`);
  const db = new Database(join(folder, name), { readonly: true });
  const content = { schema: db.prepare(SCHEMA).raw().all(), log: db.prepare('select * from log order by rowid').raw().all() };
  db.close();
  return { ...content, sha256 };
}

test('before a cutover and before finish there is a backup, without anything of attacca; only the newest stay [G11]', async () => {
  await using world = await openWorld(buildShop(100), { backup: { keep: 2 } });
  const schema = world.app.prepare(SCHEMA).raw().all();
  const daemon = world.start();
  await world.until(caughtUp);
  await world.json(0, 'verify');
  await world.json(0, 'cutover', '--dry-run');
  expect(backups(folderOf(world)), 'a dry run makes none').toEqual([]);
  writeFileSync(join(folderOf(world), 'somebody-elses.db'), '');
  writeFileSync(join(folderOf(world), 'app.db.2020-01-01T000000.000Z-before-cutover.db.partial'), 'of a process that died');
  await world.json(0, 'cutover', '--yes');
  const [first = '', ...others] = backups(folderOf(world));
  expect([first, others]).toEqual([
    expect.stringMatching(/^app\.db\.\d{4}-\d\d-\d\dT\d{6}\.\d{3}Z-before-cutover\.db$/),
    ['somebody-elses.db'],
  ]);
  const { entries } = await world.json<AuditDocument>(0, 'audit');
  const made = contentOf(folderOf(world), first);
  expect(made.schema).toEqual(schema);
  expect(made.log).toEqual(world.app.prepare('select * from log order by rowid').raw().all());
  expect(entries.find(({ event }) => event === 'backup before-cutover')?.detail).toMatchObject({ sha256: made.sha256 });

  await world.pg.query(`insert into log (message, at) values ('only in Postgres', 1)`);
  await expect.poll(() => world.app.prepare(`select count(*) from log where message = 'only in Postgres'`).pluck().get()).toBe(1);
  await world.json(0, 'rollback', '--yes');
  await world.until(caughtUp);
  await world.json(0, 'verify');
  await world.json(0, 'cutover', '--yes');
  await world.until(({ phase }) => phase === 'mirroring');
  await world.json(0, 'finish', '--yes');
  expect(await daemon.exited).toBe(0);
  const left = backups(folderOf(world));
  expect(left.map(name => name.replace(/\d{4}-.*Z-/, ''))).toEqual([
    'app.db.before-cutover.db',
    'app.db.before-finish.db',
    'somebody-elses.db',
  ]);
  expect(left[0]! > first).toBe(true);
  const last = contentOf(folderOf(world), left[1]!);
  expect(last.schema, 'the fence is not in it').toEqual(schema);
  expect(last.log).toContainEqual(['only in Postgres', 1]);
  expect(readdirSync(join(world.folder, '.attacca'))).toEqual(['backups']);
});

test('where no backup can be made nothing is fenced, and the reason is named; switched off, none is made [G9]', async () => {
  await using world = await openWorld(buildShop(30), { backup: { folder: 'elsewhere' } });
  const folder = join(world.folder, 'elsewhere');
  writeFileSync(folder, 'not a folder');
  const daemon = world.start();
  await world.until(caughtUp);
  await world.json(0, 'verify');
  for (const words of [
    ['cutover', '--dry-run'],
    ['cutover', '--yes'],
  ]) {
    const { blockers } = await world.json<SwitchDocument>(3, ...words);
    expect(blockers).toMatchObject([{ code: 'backup', reason: expect.stringContaining(folder) }]);
  }
  const status = await world.json<StatusDocument>(0, 'status');
  expect([status.phase, status.slot]).toEqual(['shadowing', null]);
  daemon.process.kill('SIGTERM');
  await daemon.exited;

  const config = join(world.folder, 'attacca.config.json');
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), backup: { enabled: false } }));
  world.start();
  await world.until(caughtUp);
  await world.json(0, 'cutover', '--yes');
  expect(existsSync(folderOf(world))).toBe(false);
});
