import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { expect, test } from 'vitest';
import { decide } from '../../src/plan/decide.ts';
import { openSource } from '../../src/sqlite/open.ts';
import { profile } from '../../src/sqlite/profile/profile.ts';
import { stretch } from '../../src/sqlite/read/digest.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';

const SCHEMA = `
  create table t (id integer primary key, v text collate nocase, d datetime collate nocase, b blob collate nocase, n collate nocase);
  insert into t values (1, 'x', '2024-01-01 00:00:00', x'01', 1), (2, null, '2024-01-02 00:00:00', null, 'n');`;

function digestOf(path: string, change: string): string | undefined {
  const app = new BetterSqlite3(path).unsafeMode();
  app.exec(`pragma writable_schema = on; ${SCHEMA} ${change}`);
  app.close();
  const db = openSource(path);
  try {
    const schema = readSchema(db);
    const { plan } = decide(schema, profile(db, schema));
    return stretch(db, plan.tables[0]!, null, 100)?.digest;
  } finally {
    db.close();
  }
}

test('a column with a collation that only the application has is digested like any other', () => {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-test-'));
  try {
    const theirs = digestOf(join(folder, 'a.db'), `update sqlite_schema set sql = replace(sql, 'nocase', 'theirs')`);
    expect(theirs).toMatch(/^[0-9a-f]{64}$/);
    expect(theirs).toBe(digestOf(join(folder, 'b.db'), ''));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
