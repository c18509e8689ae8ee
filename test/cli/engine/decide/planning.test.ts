import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, expect, test } from 'vitest';
import { decidePlan } from '../../../../src/cli/engine/decide/deciding.ts';
import { decideBeside } from '../../../../src/cli/engine/decide/planning.ts';
import { openSource } from '../../../../src/sqlite/open.ts';

const folder = mkdtempSync(join(tmpdir(), 'attacca-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('threads that share the values decide what one alone decides', async () => {
  const path = join(folder, 'app.db');
  const db = new Database(path);
  db.exec(/* sql */ `
    create table events (id integer primary key, at text, score real);
    with recursive n (n) as (values (1) union all select n + 1 from n where n < 120000)
      insert into events select n, strftime('%Y-%m-%dT%H:%M:%SZ', n, 'unixepoch'), case when n = 119999 then 'none' else n / 3.0 end from n`);
  db.close();
  const decided = decideBeside({ source: path, schema: 'public', planFile: undefined }, () => undefined, new AbortController().signal);
  const source = openSource(path, { scan: true });
  expect(await decided).toEqual(decidePlan(source, { schema: 'public', planFile: undefined }));
  source.close();
});

test('who gives up does not wait until every value is read', async () => {
  const path = join(folder, 'long.db');
  const db = new Database(path);
  db.exec(/* sql */ `
    create table texts (id integer primary key, a text, b text, c text, d text) without rowid;
    with recursive n (n) as (values (1) union all select n + 1 from n where n < 2000000)
      insert into texts select n, strftime('%Y-%m-%dT%H:%M:%SZ', n, 'unixepoch'), hex(n), 'x' || n, '{"n":' || n || '}' from n`);
  db.close();
  const stop = new AbortController();
  const told: number[] = [];
  const onProgress = ({ rows }: { readonly rows: number }): void => {
    told.push(rows);
    stop.abort();
  };
  const decided = decideBeside({ source: path, schema: 'public', planFile: undefined }, onProgress, stop.signal);
  await expect(decided).rejects.toMatchObject({ name: 'AbortError' });
  expect(told).toHaveLength(1);
});

test('a file that cannot be read is told as if there were no threads', async () => {
  const decided = decideBeside(
    { source: '/nowhere/app.db', schema: 'public', planFile: undefined },
    () => undefined,
    new AbortController().signal,
  );
  await expect(decided).rejects.toMatchObject({ message: expect.stringContaining('/nowhere/app.db') });
});

test('a table that a migration takes away while the values are read is no riddle', () => {
  const path = join(folder, 'migrated.db');
  const db = new Database(path);
  db.exec(/* sql */ `
    create table a (id integer primary key); create table z (id integer primary key);
    with recursive n (n) as (values (1) union all select n + 1 from n where n < 120000) insert into a select n from n`);
  const source = openSource(path, { scan: true });
  const beside = { begin: () => void db.exec('drop table z'), result: () => undefined };
  expect(() => decidePlan(source, { schema: 'public', planFile: undefined, beside })).toThrow(
    /the schema of the SQLite file has changed while it was read/,
  );
  source.close();
  db.close();
});

test('a table that is left out blocks nothing, whatever it is', () => {
  const path = join(folder, 'left-out.db');
  const db = new Database(path).unsafeMode();
  db.exec(`create table kept (id integer primary key); create table out (a text collate nocase primary key);
    pragma writable_schema = on; update sqlite_schema set sql = replace(sql, 'nocase', 'theirs')`);
  db.close();
  const planFile = join(folder, 'left-out.yaml');
  writeFileSync(planFile, 'version: 1\nexclude: [out]\n');
  const source = openSource(path, { scan: true });
  const { plan, findings } = decidePlan(source, { schema: 'public', planFile });
  expect(plan.tables.map(({ name }) => name)).toEqual(['kept']);
  expect(findings.filter(({ level }) => level === 'blocking')).toEqual([]);
  source.close();
});
