import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { SourceMoved, UsageError } from '../../src/change/errors.ts';
import { isLocked, openSource, PATIENT_MS } from '../../src/sqlite/open.ts';
import { persist, readTransaction, writeTransaction } from '../../src/sqlite/transaction.ts';
import { scratch } from './planned.ts';

test.each([
  ['a file that is not there', 'no file at', () => {}],
  ['a folder', 'is a folder', (path: string) => mkdirSync(path)],
  ['something else', 'not a SQLite database, or is encrypted', (path: string) => writeFileSync(path, Buffer.alloc(8192, 7))],
])('%s: one sentence and a hint', (_, sentence, make) => {
  using world = scratch('');
  const path = join(dirname(world.path), 'other.db');
  make(path);
  expect(() => openSource(path)).toThrow(UsageError);
  expect(() => openSource(path)).toThrow(sentence);
});

test('an empty file is a database without a table', () => {
  using world = scratch('');
  const path = join(dirname(world.path), 'other.db');
  writeFileSync(path, '');
  expect(() => openSource(path)).toThrow(expect.objectContaining({ blockers: [expect.objectContaining({ code: 'no-tables' })] }));
});

test('a file that was cut off', () => {
  using world = scratch(
    'create table t (x); insert into t select randomblob(1000) from (values (1), (2), (3), (4), (5), (6), (7), (8), (9))',
    { wal: false },
  );
  const path = join(dirname(world.path), 'cut.db');
  world.db.exec(`vacuum into '${path}'`);
  truncateSync(path, 8192);
  expect(readFileSync(path)).toHaveLength(8192);
  expect(() => openSource(path)).toThrow('is damaged or cut off');
});

test('a file that another process has locked', async () => {
  using world = scratch('create table t (x)', { wal: false });
  const script = `const D = require('better-sqlite3'); const d = new D(process.argv[1]); d.exec('begin exclusive'); console.log('locked'); setInterval(() => {}, 1000)`;
  const child = spawn(process.execPath, ['-e', script, world.path], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  expect(() => openSource(world.path)).toThrow('is locked by another process');
  child.kill('SIGKILL');
  await once(child, 'exit');
});

test('beside a writer that never pauses it is opened all the same (rollback-journal mode) [G6]', async () => {
  using world = scratch('create table t (x)', { wal: false });
  const script = `const d = new (require('better-sqlite3'))(process.argv[1]); d.pragma('synchronous = extra');
    const insert = d.prepare('insert into t values (1)'); insert.run(); console.log('writing');
    for (;;) try { insert.run(); } catch {}`;
  const child = spawn(process.execPath, ['-e', script, world.path], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  try {
    for (let n = 0; n < 25; n++) openSource(world.path, n % 2 === 0 ? {} : { readonly: true, scan: true }).close();
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}, 60_000);

test('who reads the whole file outlasts a writer that others would not wait for (rollback-journal mode)', async () => {
  using world = scratch('create table t (x)', { wal: false });
  using db = openSource(world.path, { readonly: true, readWaitMs: PATIENT_MS });
  const script = `const d = new (require('better-sqlite3'))(process.argv[1]); d.exec('begin exclusive'); console.log('locked');
    setTimeout(() => d.exec('commit'), 3000)`; // longer than an ordinary read waits
  const child = spawn(process.execPath, ['-e', script, world.path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  expect(db.prepare('select count(*) from t').pluck().get()).toBe(0n);
  await ended;
});

test('a transaction whose process was killed is rolled back before anything is read, or the file stays untouched (rollback-journal mode) [G3]', async () => {
  const rows = 'with recursive n (i) as (values (1) union all select i + 1 from n where i < 500) select hex(randomblob(500)) from n';
  using world = scratch(`create table t (x); insert into t ${rows}`, { wal: false });
  const script = `const d = new (require('better-sqlite3'))(process.argv[1]); d.pragma('cache_size = 5');
    d.exec("begin; update t set x = 'half' || x"); process.kill(process.pid, 'SIGKILL')`;
  await once(spawn(process.execPath, ['-e', script, world.path], { stdio: 'inherit' }), 'exit');
  const before = readFileSync(world.path);
  expect(before.includes('half'), 'what was written is in the file').toBe(true);
  expect(() => openSource(world.path, { readonly: true, untouched: true })).toThrow('holds a transaction that was cut short');
  expect(readFileSync(world.path)).toEqual(before);
  using db = openSource(world.path, { readonly: true });
  expect(db.prepare(`select count(*) from t where x like 'half%'`).pluck().get()).toBe(0n);
});

test('integers come back as bigint', () => {
  using world = scratch('create table t (x); insert into t values (9007199254740993)');
  const db = openSource(world.path, { readonly: true });
  expect(db.prepare('select x from t').pluck().get()).toBe(9007199254740993n);
  db.close();
});

test('a read transaction sees one state until it is released', () => {
  using world = scratch('create table t (x)');
  const db = openSource(world.path);
  const count = db.prepare('select count(*) from t').pluck();
  {
    using _state = readTransaction(db);
    world.db.exec('insert into t values (1)');
    expect(count.get()).toBe(0n);
  }
  expect(count.get()).toBe(1n);
  db.close();
});

test('a write transaction waits for the lock, and rolls back when its function throws', async () => {
  using world = scratch('create table t (x)');
  const db = openSource(world.path);
  world.db.exec('begin immediate');
  setImmediate(() => world.db.exec('commit'));
  await writeTransaction(db, 5_000, () => db.exec('insert into t values (1)'));
  const failing = writeTransaction(db, 5_000, () => {
    db.exec('insert into t values (2)');
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(db.prepare('select x from t').pluck().all()).toEqual([1n]);
  db.close();
});

test('what SQLite does not write because another file has the name now is a file to follow, not one without rights [G7]', async () => {
  using world = scratch('create table t (x)', { wal: false });
  using db = openSource(world.path);
  writeFileSync(`${world.path}.copy`, readFileSync(world.path));
  await expect(
    writeTransaction(db, 5_000, () => {
      renameSync(`${world.path}.copy`, world.path);
      db.exec('insert into t values (1)');
    }),
  ).rejects.toBeInstanceOf(SourceMoved);
});

test('in rollback-journal mode a reader in the way of COMMIT is waited for', async () => {
  using world = scratch('create table t (x)', { wal: false });
  const db = openSource(world.path);
  const reader = openSource(world.path);
  const state = readTransaction(reader);
  setTimeout(() => state.release(), 20);
  await writeTransaction(db, 5_000, () => db.exec('insert into t values (1)'));
  expect(reader.prepare('select count(*) from t').pluck().get()).toBe(1n);
  reader.close();
  db.close();
});

test('opening can wait for whoever holds the file, without blocking the event loop, and not for ever', async () => {
  using world = scratch('create table t (x)', { wal: false });
  world.db.exec('begin exclusive');
  const open = () => openSource(world.path, { waitMs: 0 });
  const given = persist(open, 0).catch(error => error);
  expect(await given).toMatchObject({ disposition: 'retry' });
  expect(isLocked(await given)).toBe(true);
  const opened = persist(open, 60_000);
  setImmediate(() => world.db.exec('commit'));
  (await opened).close();
});
