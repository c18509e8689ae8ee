import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { install } from '../../src/sqlite/capture/install.ts';
import { backUp, pacing } from '../../src/sqlite/file/backup.ts';
import { closed, fixture, INSTALL } from './mirrored.ts';

const DDL = /* sql */ `
  create table pair (side text primary key, n integer not null) without rowid;
  create table filler (id integer primary key autoincrement, body blob);
  create table seen (n integer);
  create index filler_body on filler (length(body));
  create trigger count_pair after update on pair begin insert into seen values (new.n); end;
  insert into pair values ('left', 0), ('right', 0);
  insert into filler (body) with recursive n (i) as (select 1 union all select i + 1 from n where i < 6000) select randomblob(2000) from n;`;
const SCHEMA = /* sql */ `select type, name, tbl_name, sql from sqlite_schema order by type, name`;
const rowsOf = (db: BetterSqlite3.Database) => ({
  schema: db.prepare(SCHEMA).raw().all(),
  sequence: db.prepare('select * from sqlite_sequence').raw().all(),
  rows: ['pair', 'seen'].map(table => db.prepare(`select * from ${table}`).raw().all()),
  filler: db.prepare('select count(*), sum(id), max(hex(body)) from filler').raw().get(),
});

function opened(path: string): BetterSqlite3.Database {
  const db = new BetterSqlite3(path, { readonly: true });
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  return db;
}

describe('a backup is the file as the application would have it without attacca', () => {
  test.each(['captured', 'fenced'])('%s, the schema and every row are what they were [G11]', async state => {
    using f = fixture(DDL);
    f.db.prepare('pragma user_version = 77').run();
    const before = rowsOf(f.db);
    if (state === 'captured') await install(f.db, f.plan, { install: INSTALL, target: 'pg' }, 5_000);
    else await closed(f);
    const path = join(f.path, '..', 'copy.db');
    await backUp(f.path, path, () => undefined);
    const copy = opened(path);
    expect(rowsOf(copy.defaultSafeIntegers(true))).toEqual(before);
    expect(copy.pragma('user_version', { simple: true })).toBe(77n);
    copy.close();
  });
});

test('beside a writer that never rests it ends, is one committed state, and the writer never waits: WAL [G6]', async () => {
  using f = fixture(DDL);
  const writer = new BetterSqlite3(f.path, { timeout: 0 });
  const step = writer.transaction(() =>
    writer.exec(`update pair set n = n + 1 where side = 'left'; update pair set n = n + 1 where side = 'right'`),
  );
  let steps = 0;
  // A writer between any two of SQLite's steps: without the read transaction each of them would begin the copy anew.
  const path = join(f.path, '..', 'copy.db');
  await backUp(f.path, path, () => {
    step();
    steps++;
  });
  writer.close();
  const copy = opened(path);
  const [left, right] = copy.prepare('select n from pair order by side').pluck().all();
  expect(left).toBe(right);
  expect(steps).toBeGreaterThan(3);
  copy.close();
});

test('in rollback-journal mode no lock is kept between two steps, and steps grow until a copy falls between two commits [G6]', async () => {
  using f = fixture(DDL, { journal: 'delete' });
  const writer = new BetterSqlite3(f.path, { timeout: 0 });
  const path = join(f.path, '..', 'copy.db');
  let writes = 0;
  await backUp(f.path, path, () => {
    if (writes++ < 12) writer.prepare(`update pair set n = n + 1`).run(); // BUSY if a lock were kept
  });
  writer.close();
  const copy = opened(path);
  expect(copy.prepare('select n from pair').pluck().all()).toEqual([Math.min(writes, 12), Math.min(writes, 12)]);
  copy.close();
});

describe('how large the steps of a rollback-journal copy are', () => {
  test('they grow with every restart, and none takes longer than writers may wait', () => {
    let at = 0;
    const pace = pacing(() => at);
    expect([pace(100_000), pace(99_000), pace(100_000), pace(98_000), pace(100_000)]).toEqual([1_000, 1_000, 2_000, 2_000, 4_000]);
    at += 400; // the step of 4,000 took 400 ms
    expect(pace(96_000)).toBe(1_000);
    expect(pace(100_000)).toBe(1_000);
  });

  test('where writers never rest it gives up, with a reason', () => {
    const pace = pacing(() => 0);
    const restart = (): void => {
      pace(1);
      pace(2);
    };
    expect(() => {
      for (let n = 0; n < 1_000; n++) restart();
    }).toThrow('no copy of it came to an end');
  });
});
