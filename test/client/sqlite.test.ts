import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { OutcomeUnknown, Refusal } from '../../src/client/refusal.ts';
import { type SqliteDatabase, sqliteSide } from '../../src/client/sqlite.ts';

function fileWith(ddl: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-client-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'app.db');
  const db = new Database(path);
  db.exec(ddl);
  db.close();
  return path;
}

test('a COMMIT that failed on the disk may have been one: it is not run again [G10]', async () => {
  const db = new Database(fileWith('create table t (x)'));
  const fail = (): never => {
    throw Object.assign(new Error('disk'), { code: 'SQLITE_IOERR_FSYNC' });
  };
  const failing: SqliteDatabase = {
    prepare: sql => (sql === 'commit' ? { run: fail, get: fail, all: fail } : db.prepare(sql)),
    exec: sql => db.exec(sql),
    close: () => db.close(),
    get inTransaction() {
      return db.inTransaction;
    },
  };
  const side = sqliteSide(() => failing, 1_000);
  let runs = 0;
  await expect(side.write(() => ++runs)).rejects.toBeInstanceOf(OutcomeUnknown);
  expect(runs).toBe(1);
  await side.close();
});

test('a COMMIT that SQLite refuses has kept nothing, and the next transaction begins', async () => {
  const path = fileWith('create table p (id integer primary key); create table c (p references p deferrable initially deferred)');
  const side = sqliteSide(() => new Database(path), 1_000);
  await expect(side.write(tx => tx.run('insert into c values (1)'))).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT_FOREIGNKEY' });
  await side.write(tx => tx.run('insert into p values (1)'));
  expect(await side.read(tx => tx.all('select p from c union all select id from p'))).toEqual([{ p: 1 }]);
  await side.close();
});

test('a COMMIT that a reader holds up for long is given up, and has kept nothing', async () => {
  const path = fileWith('create table t (x)');
  const reader = new Database(path);
  reader.exec('begin; select * from t');
  const side = sqliteSide(() => new Database(path), 1_000);
  await expect(side.write(tx => tx.run('insert into t values (1)'))).rejects.toBeInstanceOf(Refusal);
  reader.exec('commit');
  await side.write(tx => tx.run('insert into t values (2)'));
  expect(reader.prepare('select x from t').pluck().all()).toEqual([2]);
  reader.close();
  await side.close();
});

test('a boolean is stored as an integer, also where the column has no type', async () => {
  const path = fileWith('create table t (x)');
  const side = sqliteSide(() => new Database(path), 1_000);
  await side.write(tx => tx.run('insert into t values (?), (?)', true, false));
  expect(await side.read(tx => tx.all('select x, typeof(x) as type from t'))).toEqual([1, 0].map(x => ({ x, type: 'integer' })));
  await side.close();
});

test('what only reads cannot write', async () => {
  const path = fileWith('create table t (x)');
  const side = sqliteSide(() => new Database(path), 1_000);
  await expect(side.read(tx => tx.run('insert into t values (1)'))).rejects.toMatchObject({ code: 'SQLITE_READONLY' });
  expect(await side.read(tx => tx.all('select x from t'))).toEqual([]);
  await side.close();
});

test('after a refusal each further statement of the transaction is refused alike, also where the transaction still stands', async () => {
  const path = fileWith('create table t (x); create table u (x)');
  const db = new Database(path);
  db.exec("create trigger f before insert on t begin select raise(abort, 'ATTACCA_FENCED epoch=1 primary=postgres'); end");
  const side = sqliteSide(() => db, 1_000);
  const met: unknown[] = [];
  const work = side.write(async tx => {
    for (const table of ['t', 'u']) await tx.run(`insert into ${table} values (1)`).catch(error => met.push(error));
  });
  await expect(work).rejects.toBeInstanceOf(Refusal);
  expect(met).toEqual([met[0], met[0]]);
  expect(db.prepare('select count(*) from u').pluck().get()).toBe(0);
  await side.close();
});

test.each(['null', '0', '1', "'no'"])('a fence row of %s is closed, for reads and for what meets no row too [G8]', async closed => {
  const path = fileWith(`create table t (x); create table _attacca_fence (closed); insert into _attacca_fence values (${closed})`);
  const side = sqliteSide(() => new Database(path), 1_000);
  await expect(side.read(tx => tx.all('select x from t'))).rejects.toBeInstanceOf(Refusal);
  await expect(side.write(tx => tx.run('delete from t'))).rejects.toBeInstanceOf(Refusal);
  await side.close();
});
