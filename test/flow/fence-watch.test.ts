/*
 * What no trigger can stop in the fenced file is noticed while the daemon runs, put right where it can be, and reported; and no rollback
 * takes it along [G8] [G9].
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AuditDocument, SwitchDocument } from '../../src/server/documents.ts';
import { backAgain, mirrored, mirroringWorld, stopDaemon } from '../support/mirroring.ts';
import { buildShop } from '../support/shop.ts';
import { openWorld, type World } from '../support/world.ts';

const has = (program: string, words: readonly string[], input = ''): boolean => spawnSync(program, [...words], { input }).status === 0;
/** Its triggers can be switched off since 3.38. */
const hasShell = has('sqlite3', [':memory:'], '.dbconfig enable_trigger off\n');
const hasBlobs = has('python3', ['-c', 'import sqlite3; sqlite3.connect(":memory:").blobopen']);

const PAST = 'another process has written to the fenced SQLite file, past the fence';
const BLOB = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=60)
with db.blobopen('orders', 'photo', 5) as blob: blob.write(b'\\x99')
db.commit()`;

let world: World;

beforeAll(async () => {
  world = await openWorld(buildShop(20));
  await mirroringWorld(world);
});
afterAll(() => world[Symbol.asyncDispose]());

const codes = async (): Promise<string[]> =>
  (await world.json<SwitchDocument>(3, 'rollback', '--dry-run')).blockers.map(({ code }) => code);

/** The daemon says so; then a comparison finds it, and a new copy mends it. */
async function foundAndMended(says: string): Promise<void> {
  await expect.poll(() => world.daemon().log(), { interval: 50 }).toContain(says);
  await expect.poll(codes, { interval: 200 }).toContain('not-verified');
  await world.json(4, 'verify');
  await mended();
}

/** A fresh daemon reports anew. */
async function mended(): Promise<void> {
  await world.json(0, 'resync', '--yes');
  await world.until(mirrored);
  await world.json(0, 'verify');
  expect(await world.differences()).toEqual([]);
  await stopDaemon(world);
  world.start();
  await world.until(mirrored);
}

test('a table that was rebuilt as ORMs do it has its fence again, and is compared [G8]', async () => {
  world.app.pragma('foreign_keys = off');
  world.app.exec(`begin; create table n (order_id integer not null, n integer not null, sku text not null, primary key (order_id, n)) without rowid;
    insert into n select * from line; drop table line; alter table n rename to line; update line set sku = 'rebuilt' where order_id = 2; commit`);
  await expect.poll(() => world.daemon().log(), { interval: 50 }).toContain('SQLite fence was broken and is up again');
  expect(() => world.app.exec(`update line set sku = 'x'`)).toThrow(/ATTACCA_FENCED/);
  await expect.poll(() => world.daemon().log(), { interval: 50 }).toContain('"msg":"differs"');
  await mended();
});

test.skipIf(!hasShell)('a connection with its triggers switched off is noticed by its commit [G8] [G9]', async () => {
  const input = `.timeout 60000\n.dbconfig enable_trigger off\nupdate customer set note = 'past' where id = 4;\n`;
  expect(spawnSync('sqlite3', [world.source], { input }).status).toBe(0);
  await foundAndMended(PAST);
});

test.skipIf(!hasBlobs)('a blob handle is noticed by its commit [G8] [G9]', async () => {
  const { status, stderr } = spawnSync('python3', ['-c', BLOB, world.source], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  await foundAndMended(PAST);
});

test('what the application goes on keeping in a virtual table is its own: a rollback needs no new comparison for it [G9]', async () => {
  await using own = await openWorld(db => {
    buildShop(20)(db);
    db.exec(
      `create virtual table found using fts5 (title, body); create virtual table kept using fts5 (email, content='customer', content_rowid='id')`,
    );
  });
  await mirroringWorld(own);
  await own.json(0, 'verify');
  own.app.exec(`insert into found values ('a', 'b')`);
  await expect.poll(() => own.daemon().log(), { interval: 50 }).toContain('"others":["found"]');
  expect(own.daemon().log()).not.toContain(PAST);
  await own.json(0, 'rollback', '--dry-run');
});

test('triggers whose table has another name are named, and their statements kept: a rollback cannot bring them back [G7]', async () => {
  await using own = await openWorld(
    db => {
      buildShop(5)(db);
      db.exec(`create table stock (sku text); create trigger gone after insert on stock begin insert into log values ('stock', 1); end`);
    },
    { plan: 'plan.yaml' },
    { folder: withPlan('version: 1\nexclude: [stock]\n') },
  );
  await mirroringWorld(own);
  own.app.exec('alter table stock rename to goods');
  await expect.poll(() => own.daemon().log(), { interval: 50 }).toContain('"triggers":["gone"]');
  await own.json(0, 'verify');
  await own.json(0, 'rollback', '--yes');
  const { entries } = await own.json<AuditDocument>(0, 'audit');
  const [lost] = entries.filter(({ event }) => event === 'triggers have lost their table');
  expect(lost?.detail).toMatchObject({ triggers: [{ name: 'gone', sql: expect.stringMatching(/^CREATE TRIGGER gone/i) }] });
});

/** A folder with a plan file in it. */
function withPlan(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-test-'));
  writeFileSync(join(folder, 'plan.yaml'), text);
  return folder;
}

test('VACUUM, which numbers the rows of keyless tables anew, halts the mirror; resync copies it, and a rollback is possible [G7] [G10]', async () => {
  await world.pg.query('delete from log where at < 5');
  await world.until(mirrored);
  world.app.exec('vacuum');
  expect(await world.daemon().exited).toBe(1);
  expect(world.daemon().log()).toMatch(/VACUUM has renumbered[\s\S]+attacca resync/);
  await world.json(0, 'resync', '--yes');
  world.start();
  await world.pg.query(`update log set message = 'after' where at = 9`);
  expect(await backAgain(world)).toEqual([]);
});
