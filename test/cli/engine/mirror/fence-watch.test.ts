import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { Installed } from '../../../../src/cli/engine/engine.ts';
import { fenceWatch } from '../../../../src/cli/engine/mirror/fence-watch.ts';

test('work of ours that commits several times, with the mirror in between, is not taken for somebody else [G9]', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-fence-watch-'));
  const source = join(folder, 'app.db');
  new Database(source).exec('create table t (id integer primary key)').close();
  const told: unknown[] = [];
  const side = { query: async (text: string) => told.push(text) };
  const log = { error: (text: string) => told.push(text) };
  const watch = fenceWatch({ engine: { config: { source }, side, log }, plan: { tables: [{ id: 1, name: 't' }] } } as unknown as Installed);
  await watch.ours(async () => {
    watch.foreign(); // the mirror has seen the first commit of that work
  });
  watch.foreign(); // and now the last
  expect(told).toEqual([]);
  watch.foreign();
  expect(told).toEqual([expect.stringContaining('full_verified_at'), expect.stringContaining('past the fence')]);
  rmSync(folder, { recursive: true });
});
