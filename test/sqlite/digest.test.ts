import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { expect, test } from 'vitest';
import { decide } from '../../src/plan/decide.ts';
import { openSource } from '../../src/sqlite/open.ts';
import { profile } from '../../src/sqlite/profile/profile.ts';
import { stretch } from '../../src/sqlite/read/digest.ts';
import { readPortion } from '../../src/sqlite/read/portion.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';

const SCHEMA = `
  create table t (id integer primary key, v text collate nocase, d datetime collate nocase, b blob collate nocase, n collate nocase,
    i integer collate nocase, f boolean collate nocase, r real collate nocase, u numeric collate nocase);
  insert into t values (1, 'x', '2024-01-01 00:00:00', x'01', 1, 7, 1, 0.5, 3), (2, null, '2024-01-02 00:00:00', null, 'n', 8, 0, 1.5, 4);`;

/** The digest of its rows, and what the first copy sends of them. */
function readOf(path: string, change: string): { digest: string | undefined; csv: string } {
  const app = new BetterSqlite3(path).unsafeMode();
  app.exec(`pragma writable_schema = on; ${SCHEMA} ${change}`);
  app.close();
  const db = openSource(path);
  try {
    const schema = readSchema(db);
    const { plan } = decide(schema, profile(db, schema));
    const [table] = plan.tables;
    const { csv } = readPortion(db, table!, null, { rows: 10, bytes: 10_000, ms: 10_000 });
    return { digest: stretch(db, table!, null, 100)?.digest, csv: Buffer.concat(csv).toString() };
  } finally {
    db.close();
  }
}

test('a column with a collation that only the application has is digested and copied like any other [G4]', () => {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-test-'));
  try {
    const theirs = readOf(join(folder, 'a.db'), `update sqlite_schema set sql = replace(sql, 'nocase', 'theirs')`);
    expect(theirs.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(theirs.csv.split('\n')).toHaveLength(3);
    expect(theirs).toEqual(readOf(join(folder, 'b.db'), ''));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('behind or up to a key that does not fit no stretch has a digest: its rows are compared one by one [G4]', () => {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-test-'));
  const path = join(folder, 'app.db');
  const app = new BetterSqlite3(path);
  app.exec(`create table n (k integer not null primary key, v) without rowid; insert into n values (1, 1);
    create table s (k text not null primary key, v) without rowid; insert into s values ('a', 1)`);
  const db = openSource(path);
  try {
    const schema = readSchema(db);
    const [n, s] = decide(schema, profile(db, schema)).plan.tables;
    app.exec(`insert into n values ('z', 1), (x'02', 1); insert into s values (x'01', 1)`);
    expect([stretch(db, n!, null, 1)?.cursor, stretch(db, s!, null, 1)?.cursor]).toEqual(['["i:1"]', '["t:a"]']);
    expect([stretch(db, n!, null, 2), stretch(db, n!, '["t:z"]', 2), stretch(db, s!, null, 2)]).toEqual([undefined, undefined, undefined]);
  } finally {
    db.close();
    app.close();
    rmSync(folder, { recursive: true });
  }
});
