import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { Installed } from '../../../../src/cli/engine/engine.ts';
import { fenceWatch } from '../../../../src/cli/engine/mirror/fence-watch.ts';
import { closed, fixture } from '../../../sqlite/mirrored.ts';

test('work of ours that commits several times, with the mirror in between, is not taken for somebody else [G9]', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-fence-watch-'));
  const source = join(folder, 'app.db');
  new Database(source).exec('create table t (id integer primary key)').close();
  const told: unknown[] = [];
  const side = { query: async (text: string) => told.push(text) };
  const log = { error: (text: string) => told.push(text) };
  const watch = fenceWatch({ engine: { config: { source }, side, log }, plan: { tables: [{ id: 1, name: 't' }] } } as unknown as Installed);
  await watch.ours(async () => {
    for (const _ of [1, 2]) watch.foreign(); // the mirror has seen two commits of that work, with one of its own in between
  });
  watch.foreign(); // and now the last
  expect(told).toEqual([]);
  watch.foreign();
  expect(told).toEqual([expect.stringContaining('full_verified_at'), expect.stringContaining('past the fence')]);
  rmSync(folder, { recursive: true });
});

test('a trigger that is set aside, whose table somebody has renamed, is named once while there is time to mend that [G7] [G11]', async () => {
  const ddl = `create table t (id integer primary key); create table mail (n);
    create trigger seen after insert on mail begin insert into t values (new.n); end`;
  using app = fixture(ddl, { excluded: ['mail'] });
  await closed(app);
  const told: unknown[] = [];
  const kept: unknown[] = [];
  const log = { warn: (facts: unknown, text: string) => told.push([facts, text]) };
  const side = { query: async (_: string, values: readonly unknown[]) => kept.push(values.slice(0, 2)) };
  const watch = fenceWatch({ engine: { config: { source: app.path }, side, log }, plan: app.plan } as unknown as Installed);
  const looked = async (): Promise<number> => await watch.look(app.db).then(() => told.length);
  expect(await looked()).toBe(0);
  app.db.exec('alter table mail rename to post');
  for (const _ of [1, 2]) expect(await looked()).toBe(1);
  expect(told[0]).toEqual([{ triggers: ['seen'] }, expect.stringContaining('do not come back with a rollback')]);
  expect(kept, 'its statement is in the audit').toEqual([
    ['triggers have lost their table', expect.stringContaining('CREATE TRIGGER seen')],
  ]);
  app.db.exec('alter table post rename to mail');
  expect(await looked()).toBe(1);
});

test('a file that is primary takes no fence of a mirror: it is another one, and halts it [G7] [G8]', async () => {
  using app = fixture('create table t (id integer primary key)');
  await closed(app);
  const watch = fenceWatch({ engine: { config: { source: app.path } }, plan: app.plan } as unknown as Installed);
  app.db.exec(`update _attacca_control set "primary" = 'sqlite'; update _attacca_fence set closed = 0`);
  await expect(watch.look(app.db)).rejects.toMatchObject({ disposition: 'halt', message: 'the SQLite file has lost its record' });
});
