import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { traceless } from '../../src/sqlite/file/traces.ts';
import { openSource } from '../../src/sqlite/open.ts';
import { attacca } from '../support/world.ts';

function folderWith() {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-traces-'));
  const path = join(folder, 'app.db');
  const db = new Database(path);
  db.exec('pragma journal_mode = wal; create table t (id integer primary key); insert into t values (1)');
  return { folder, path, db, beside: () => readdirSync(folder).sort(), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

/** Reads as `assess` does. `meanwhile`: what others do. */
function read(path: string, meanwhile = (): void => {}): void {
  using _traces = traceless(path);
  const db = openSource(path, { readonly: true });
  db.prepare('select * from t').all();
  meanwhile();
  db.close();
}

test('reading a file that nobody else has open leaves nothing beside it, and every byte of it [G4]', async () => {
  using world = folderWith();
  world.db.close();
  const before = { bytes: readFileSync(world.path), changed: statSync(world.path).mtimeMs, beside: world.beside() };
  read(world.path);
  expect({ bytes: readFileSync(world.path), changed: statSync(world.path).mtimeMs, beside: world.beside() }).toEqual(before);
  for (const [command = '', ...words] of [
    ['assess'],
    ['plan'],
    ['status'],
    ['dashboard'],
    ['resync', '--yes'],
    ['rollback', '--accept-loss', '--yes'],
  ]) {
    const { code } = await attacca([command, ...words, '--source', world.path]);
    expect(code, command).toBe(command === 'assess' || command === 'plan' ? 0 : 3);
    expect(world.beside(), command).toEqual(before.beside);
  }
  expect({ bytes: readFileSync(world.path), changed: statSync(world.path).mtimeMs, beside: world.beside() }).toEqual(before);
});

test('so it does where the file is reached by a link', () => {
  using world = folderWith();
  world.db.close();
  mkdirSync(join(world.folder, 'links'));
  const link = join(world.folder, 'links', 'link.db');
  symlinkSync(world.path, link);
  read(link);
  expect(readdirSync(world.folder, { recursive: true }).sort()).toEqual(['app.db', 'links', 'links/link.db']);
});

test('what others use stays: their connection, and one that came meanwhile', () => {
  using world = folderWith();
  read(world.path);
  expect(world.beside()).toContain('app.db-wal');
  world.db.close();
  let late: Database.Database | undefined;
  read(world.path, () => {
    late = new Database(world.path);
    late.prepare('select * from t').all();
  });
  expect(world.beside()).toContain('app.db-wal');
  late!.exec('insert into t values (2)');
  read(world.path);
  expect(late!.prepare('select count(*) from t').pluck().get()).toBe(2);
  late!.close();
  expect(world.beside()).toEqual(['app.db']);
});

test('a WAL that a process left behind stays as it is', () => {
  using world = folderWith();
  const left = join(world.folder, 'left.db');
  copyFileSync(world.path, left);
  copyFileSync(`${world.path}-wal`, `${left}-wal`);
  const before = [readFileSync(left), readFileSync(`${left}-wal`)];
  expect(before[1]!.length).toBeGreaterThan(0);
  read(left);
  expect([readFileSync(left), readFileSync(`${left}-wal`)]).toEqual(before);
  world.db.close();
});
