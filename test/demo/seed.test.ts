import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { buildApplication } from '../../src/demo/seed.ts';

test('the application has what the demo promises to move', () => {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-seed-'));
  const path = join(folder, 'shop.db');
  const built = buildApplication(path);
  expect(built.tables).toBeGreaterThanOrEqual(10);
  expect(built.rows).toBeGreaterThan(100_000);

  const db = new Database(path, { readonly: true });
  const list = (sql: string) => db.prepare(sql).pluck().all();
  expect(list('pragma journal_mode')).toEqual(['wal']);
  expect(list('pragma foreign_key_check')).toEqual([]);
  expect(list('select distinct typeof(note) from customers order by 1')).toEqual(['blob', 'integer', 'null', 'real', 'text']);
  expect(list('select distinct vip from customers order by 1')).toEqual([0, 1]);
  expect(list("select name from pragma_table_list where wr and schema = 'main' order by 1")).toEqual(['sessions', 'settings']);
  expect(list("select count(*) from sqlite_sequence where name in ('customers', 'orders')")).toEqual([2]);
  expect(list("select count(*) from pragma_table_xinfo('activity') where pk > 0")).toEqual([0]);
  expect(list("select count(*) from pragma_table_xinfo('stock') where pk > 0")).toEqual([2]);
  expect(list("select name from sqlite_schema where type = 'trigger'")).toEqual(['order_total']);
  db.close();
  rmSync(folder, { recursive: true });
});
