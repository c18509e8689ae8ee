import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { RowChange } from '../../src/change/change.ts';
import { sqliteSink } from '../../src/sqlite/mirror/apply.ts';
import { openSqlite } from '../../src/sqlite/mirror/fence.ts';
import { hold } from '../../src/sqlite/mirror/hold.ts';
import { changes, journalHead, lsn } from './mirrored.ts';
import { DDL, halts, mirrored } from './sink.ts';

const TRIGGERS = `${DDL}
  create virtual table f using fts5 (v, content = t, content_rowid = id);
  insert into f (f) values ('rebuild');
  create trigger search after insert on t begin insert into f (rowid, v) values (new.id, new.v); end;
  create trigger forget after delete on t begin insert into f (f, rowid, v) values ('delete', old.id, old.v); end;
  create trigger derives after insert on t begin insert into keyless values ('derived'); end;
  create trigger logs after insert on t begin insert or replace into log values (1, new.v); end;
  create trigger checks before insert on t begin select raise(abort, 'too long') where length(new.v) > 5; end;`;

test('triggers of the application neither double what Postgres has nor refuse it, and FTS5 keeps up', async () => {
  const { apply, db, id, path, plan, rows } = await mirrored(TRIGGERS);
  const before = rows(`select name from sqlite_schema where type = 'trigger' and name not glob '_attacca*'`);
  await apply(
    { op: 'insert', table: id('t'), row: ['3', null, 'a longer text'] },
    { op: 'insert', table: id('keyless'), row: ['1', 't:derived'] },
  );
  await apply({ op: 'insert', table: id('t'), row: ['4', null, 'more'] });
  expect(rows('select * from keyless')).toEqual([['derived']]);
  expect(rows('select * from log')).toEqual([[1n, 'more']]);
  expect(rows(`select rowid from f('longer')`)).toEqual([[3n]]);
  await apply({ op: 'delete', table: id('t'), key: ['3'] });
  expect(rows(`select rowid from f('longer')`)).toEqual([]);
  expect(before).toEqual([['search'], ['forget'], ['logs']]);

  using held = await hold(path, 1_000);
  openSqlite(held, plan, 2n);
  await held.commit(1_000);
  db.exec(`insert into t values (9, 9, 'nine')`);
  expect(rows('select count(*) from keyless')).toEqual([[2n]]);
  expect(() => db.exec(`insert into t values (10, 10, 'too long')`)).toThrow('too long');
});

test('what the mirror wrote is at or below the head that opening returns, and the next write is above it [G5]', async () => {
  const { apply, db, id, marks, path, plan, sink } = await mirrored();
  await apply({ op: 'insert', table: id('t'), row: ['3', null, 'x'] });
  using held = await hold(path, 1_000);
  const { head } = openSqlite(held, plan, 2n);
  await held.commit(1_000);
  expect(head.seq).toBe(journalHead(db));
  const before = marks().length;
  db.exec(`update t set v = 'y' where id = 3`);
  expect(marks().slice(before)).toEqual([[BigInt(id('t')), 3n]]);
  await expect(sink.checkpoint()).rejects.toThrow(halts('SQLite is primary'));
  await expect(apply({ op: 'delete', table: id('t'), key: ['3'] })).rejects.toThrow(halts('SQLite is primary'));
});

test.each(['wal', 'delete'] as const)(
  'while the sink applies no other connection can write, and readers see the state before, in %s [G8]',
  async journal => {
    const { db, id, path, rows, sink } = await mirrored(DDL, { journal, excluded: ['log'] });
    db.pragma('busy_timeout = 0');
    async function* slow(): AsyncGenerator<RowChange> {
      for (let n = 0; n < 20_000; n++) yield { op: 'insert', table: id('keyless'), row: [String(n + 1), `t:${'x'.repeat(1_000)}`] };
      expect(() => db.exec('delete from t')).toThrow(expect.objectContaining({ code: expect.stringMatching(/^SQLITE_BUSY/) }));
      expect(() => db.exec('insert into log values (1, 1)')).toThrow(expect.objectContaining({ code: 'SQLITE_BUSY' }));
      const shell = spawnSync('sqlite3', [path, 'select count(*) from keyless; delete from t;'], { encoding: 'utf8' });
      expect(shell.stdout).toBe('0\n');
      expect(shell.stderr).toContain('locked');
    }
    await sink.apply({ position: lsn(101), changes: slow() });
    expect(rows('select count(*) from keyless')).toEqual([[20_000n]]);
    expect(() => db.exec('delete from t')).toThrow(/ATTACCA_FENCED/);
  },
);

test('a table rebuilt during mirroring is fenced again and marked whole, to be compared [G8]', async () => {
  const { apply, db, id, marks, refenced, rows } = await mirrored();
  await apply({ op: 'insert', table: id('keyless'), row: ['1', 'i:1'] });
  db.exec(
    `create table n (id integer primary key, u unique, v text); insert into n select * from t; drop table t; alter table n rename to t`,
  );
  db.exec(`update t set v = 'rogue' where id = 1`);
  await apply({ op: 'delete', table: id('t'), key: ['2'] });
  expect(refenced).toEqual([id('t')]);
  expect(() => db.exec(`update t set v = 'rogue'`)).toThrow(/ATTACCA_FENCED/);
  expect(marks()).toContainEqual([BigInt(-id('t')), null]);
  expect(rows('select id from t')).toEqual([[1n]]);
});

test('a commit of somebody else is noticed, also one before the first batch, and none of its own is taken for one [G8]', async () => {
  const { apply, db, foreign, id, sink } = await mirrored();
  await sink.checkpoint();
  await apply({ op: 'insert', table: id('keyless'), row: ['1', 'i:1'] });
  await apply({ op: 'insert', table: id('keyless'), row: ['2', 'i:2'] });
  expect(foreign).toHaveLength(0);
  db.exec(`insert into log values (1, 'past the fence')`);
  await apply({ op: 'insert', table: id('keyless'), row: ['3', 'i:3'] });
  expect(foreign).toHaveLength(1);

  const fresh = await mirrored();
  await fresh.sink.checkpoint();
  fresh.db.exec(`insert into log values (1, 'past the fence')`);
  await fresh.apply({ op: 'insert', table: id('keyless'), row: ['1', 'i:1'] });
  expect(fresh.foreign).toHaveLength(1);
});

test('VACUUM halts the mirror of keyless tables before it writes a wrong row [G7]', async () => {
  const { apply, db, id } = await mirrored();
  await apply({ op: 'insert', table: id('keyless'), row: ['7', 'i:7'] });
  db.exec('vacuum');
  await expect(apply({ op: 'delete', table: id('keyless'), key: ['7'] })).rejects.toThrow(halts('VACUUM'));
});

test('a trigger of the application that rolls back ends the transaction for good: nothing of it is written, and the clash is named [G2]', async () => {
  const ddl = `${DDL} insert into log (n) values (1);
    create trigger keeps after insert on t begin insert or rollback into log (n) values (1); end;`;
  const app = await mirrored(ddl);
  const change = { op: 'insert', table: app.id('t'), row: ['3', 'i:3', null] } as const;
  await expect(app.apply(change, { ...change, row: ['4', 'i:4', null] })).rejects.toEqual(halts('UNIQUE constraint failed: log.n'));
  expect([app.rows('select id from t'), app.marks()]).toEqual([[[1n], [2n]], []]);
});

test('a file of another installation is not written to', async () => {
  const { path, plan } = await mirrored();
  using sink = sqliteSink({ path, plan, install: 'other' });
  await expect(sink.checkpoint()).rejects.toThrow(halts('does not belong'));
  await expect(sink.apply({ position: lsn(500), changes: changes() })).rejects.toThrow(halts('does not belong'));
});
