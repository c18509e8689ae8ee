import { spawnSync } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import type { RowChange } from '../../src/change/change.ts';
import { RawText, tag } from '../../src/change/value.ts';
import { codecOf } from '../../src/plan/codec.ts';
import { sqliteSink } from '../../src/sqlite/apply.ts';
import { openSqlite } from '../../src/sqlite/fence.ts';
import { hold } from '../../src/sqlite/hold.ts';
import { readControl } from '../../src/sqlite/install.ts';
import { changes, closed, fixture, INSTALL, idOf, journalHead, lsn } from './mirrored.ts';

const DDL = `
  create table t (id integer primary key, u unique, v text);
  create table w (a text collate nocase, b integer, v, primary key (a, b)) without rowid;
  create table keyless (v);
  create table log (n integer primary key, line);
  insert into t values (1, 'i:1', 'one'), (2, 'i:2', 'two');`;

const opened: Disposable[] = [];
afterEach(() => {
  for (const each of opened.splice(0).reverse()) each[Symbol.dispose]();
});

/** A fenced file, its sink, and `apply` for one transaction after the other. */
async function mirrored(ddl = DDL, options: Parameters<typeof fixture>[1] = { excluded: ['log'] }) {
  const app = fixture(ddl, options);
  opened.push(app);
  await closed(app);
  const refenced: number[] = [];
  const sink = sqliteSink({ path: app.path, plan: app.plan, install: INSTALL, onRefenced: tables => refenced.push(...tables) });
  opened.push(sink);
  let position = 100;
  return {
    ...app,
    sink,
    refenced,
    id: (name: string): number => idOf(app.plan, name),
    apply: (...list: RowChange[]) => sink.apply({ position: lsn(++position), changes: changes(...list) }),
    rows: (sql: string): unknown[] => app.db.prepare(sql).raw().all(),
    marks: (): unknown[] => app.db.prepare('select tbl, k1 from _attacca_journal where tbl <> 0 order by seq').raw().all(),
  };
}

const halts = (text: string): unknown =>
  expect.objectContaining({ name: 'ReplicationError', disposition: 'halt', message: expect.stringContaining(text) });

test('rows, marks, LSN and watermark of a transaction commit together [G2]', async () => {
  const { apply, db, id, marks, rows, sink } = await mirrored();
  expect(await sink.checkpoint()).toBe(lsn(100));
  const t = id('t');
  await apply(
    { op: 'insert', table: t, row: ['3', 'i:3', 'three'] },
    { op: 'update', table: t, key: ['1'], row: ['1', 'i:1', 'uno'] },
    { op: 'update', table: t, key: ['2'], row: ['20', 'i:2', undefined] },
    { op: 'delete', table: t, key: ['3'] },
    { op: 'insert', table: 0, row: ['token'] },
  );
  expect(rows('select * from t order by id')).toEqual([
    [1n, 1n, 'uno'],
    [20n, 2n, 'two'],
  ]);
  expect(marks()).toEqual([3n, 1n, 2n, 20n, 3n].map(key => [BigInt(t), key]));
  expect(readControl(db)).toMatchObject({ lsn: '0/65', watermark: 'token' });
  expect(await sink.checkpoint()).toBe(lsn(101));
});

test('a replay changes nothing [G2]', async () => {
  const { apply, db, id, rows, sink } = await mirrored();
  const change: RowChange = { op: 'insert', table: id('t'), row: ['3', null, 'three'] };
  await apply(change);
  const head = journalHead(db);
  for (const position of [101, 100, 5]) await sink.apply({ position: lsn(position), changes: changes(change) });
  expect(journalHead(db)).toBe(head);
  expect(rows('select id from t order by id')).toEqual([[1n], [2n], [3n]]);
});

test('a transaction that fails half-way leaves nothing behind, and the fence closed [G2]', async () => {
  const { db, id, rows, sink, marks } = await mirrored();
  async function* failing(): AsyncGenerator<RowChange> {
    yield { op: 'delete', table: id('t'), key: ['1'] };
    throw new Error('connection lost');
  }
  await expect(sink.apply({ position: lsn(101), changes: failing() })).rejects.toThrow('connection lost');
  expect(rows('select id from t order by id')).toEqual([[1n], [2n]]);
  expect(marks()).toEqual([]);
  expect(await sink.checkpoint()).toBe(lsn(100));
  expect(() => db.exec('delete from t')).toThrow(/ATTACCA_FENCED/);
});

const VALUES = [
  null,
  0n,
  -1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
  0,
  -0,
  0.1,
  1,
  1e300,
  -Infinity,
  '',
  'text',
  'a\0b',
  '😀',
  '1',
  '-0',
  new RawText(new Uint8Array([0xff, 0x61, 0])),
  new Uint8Array(),
  new Uint8Array([0, 255]),
];

test.each(VALUES.map(value => [value === null ? 'NULL' : tag(value), value] as const))(
  '%s arrives with its storage class and every bit [G4]',
  async (name, value) => {
    const { apply, db, id } = await mirrored();
    const text = codecOf({ codec: 'tagged', affinity: 'blob' }).encode(value) as string | null;
    await apply({ op: 'insert', table: id('w'), row: ['k', '1', text] }, { op: 'insert', table: id('keyless'), row: ['-5', text] });
    await apply({ op: 'update', table: id('keyless'), key: ['-5'], row: ['-5', text] });
    for (const table of ['w', 'keyless']) {
      const [type, bytes] = db
        .prepare(`select typeof(v), case when typeof(v) in ('text', 'blob') then cast(v as blob) else v end from ${table}`)
        .raw()
        .get() as [string, unknown];
      const stored =
        bytes instanceof Uint8Array
          ? `${type === 'text' ? 'x' : 'b'}:${Buffer.from(bytes).toString('hex')}`
          : bytes === null
            ? 'NULL'
            : tag(bytes as bigint);
      expect(stored).toBe(type === 'text' && !name.startsWith('x:') ? `x:${Buffer.from(name.slice(2)).toString('hex')}` : name);
    }
  },
);

test('keys of bytes that are not UTF-8 are found again [G4]', async () => {
  const { apply, id, rows } = await mirrored('create table r (k primary key, v) without rowid');
  await apply({ op: 'insert', table: id('r'), row: ['x:ff61', 'i:1'] }, { op: 'insert', table: id('r'), row: ['i:1', 'i:1'] });
  await apply({ op: 'update', table: id('r'), key: ['x:ff61'], row: ['x:ff62', 'i:2'] });
  expect(rows('select hex(k), v from r order by v')).toEqual([
    ['31', 1n],
    ['FF62', 2n],
  ]);
  await apply({ op: 'delete', table: id('r'), key: ['x:ff62'] });
  expect(rows('select hex(k) from r')).toEqual([['31']]);
});

test('NOCASE keys are told apart by their bytes; TRUNCATE empties and marks the table whole', async () => {
  const { apply, id, rows, marks } = await mirrored();
  const w = id('w');
  await apply({ op: 'insert', table: w, row: ['a', '1', null] });
  await expect(apply({ op: 'delete', table: w, key: ['A', '1'] })).rejects.toThrow(halts('that SQLite does not have'));
  await apply({ op: 'update', table: w, key: ['a', '1'], row: ['A', '1', null] });
  expect(rows('select a from w')).toEqual([['A']]);
  await apply({ op: 'truncate', tables: [w, id('t'), 0] }, { op: 'insert', table: w, row: ['c', '1', null] });
  expect(rows('select a from w union all select id from t')).toEqual([['c']]);
  expect(marks()).toEqual(
    expect.arrayContaining([
      [BigInt(-w), null],
      [BigInt(-id('t')), null],
    ]),
  );
});

test('unique values may change hands within a transaction', async () => {
  const { apply, id, rows, marks } = await mirrored();
  const t = id('t');
  await apply(
    { op: 'update', table: t, key: ['1'], row: ['1', 'i:2', undefined] },
    { op: 'insert', table: t, row: ['3', 'i:2', 'x'] },
    { op: 'update', table: t, key: ['1'], row: ['1', 'i:7', undefined] },
    { op: 'update', table: t, key: ['3'], row: ['4', undefined, 'four'] },
    { op: 'insert', table: t, row: ['5', 'i:1', 'five'] },
    { op: 'insert', table: t, row: ['6', 'i:2', 'gone'] },
    { op: 'delete', table: t, key: ['6'] },
    { op: 'update', table: t, key: ['2'], row: ['2', 'i:1', 'dos'] },
    { op: 'update', table: t, key: ['5'], row: ['5', 'i:5', undefined] },
  );
  expect(rows('select * from t order by id')).toEqual([
    [1n, 7n, 'one'],
    [2n, 1n, 'dos'],
    [4n, 2n, 'four'],
    [5n, 5n, 'five'],
  ]);
  expect(marks().length).toBeGreaterThanOrEqual(9);
});

test('what SQLite cannot hold halts, names the row by its key, and applies nothing of the transaction [G7]', async () => {
  const { apply, id, rows, sink } = await mirrored();
  const t = id('t');
  const clash = apply({ op: 'insert', table: t, row: ['3', 'i:9', null] }, { op: 'insert', table: t, row: ['4', 'i:9', 'secret'] });
  await expect(clash).rejects.toThrow(halts('key ["i:4"]: UNIQUE constraint failed: t.u'));
  await expect(clash).rejects.not.toThrow('secret');
  const wide = apply({ op: 'insert', table: t, row: ['99999999999999999999', null, null] });
  await expect(wide).rejects.toThrow(halts('an integer beyond 64 bits'));
  await expect(apply({ op: 'update', table: t, key: ['77'], row: ['77', null, null] })).rejects.toThrow(halts('key ["i:77"]'));
  await expect(apply({ op: 'delete', table: t, key: ['x'] })).rejects.toThrow(halts('not an integer'));
  await expect(apply({ op: 'insert', table: 99, row: [] })).rejects.toThrow(halts('table 99'));
  expect(rows('select id from t order by id')).toEqual([[1n], [2n]]);
  expect(await sink.checkpoint()).toBe(lsn(100));
});

test('checks, foreign keys with actions and ON CONFLICT REPLACE of the file do not act on what Postgres decided', async () => {
  const { apply, id, rows } = await mirrored(`
    create table p (id integer primary key, n integer check (n < 10));
    create table c (id integer primary key, p integer references p on delete cascade, u integer unique on conflict replace);
    insert into p values (1, 1); insert into c values (1, 1, 1);`);
  await apply({ op: 'delete', table: id('p'), key: ['1'] }, { op: 'insert', table: id('p'), row: ['1', '50'] });
  expect(rows('select id from c')).toEqual([[1n]]);
  await expect(apply({ op: 'insert', table: id('c'), row: ['2', null, '1'] })).rejects.toThrow(halts('UNIQUE'));
  await expect(
    apply({ op: 'insert', table: id('c'), row: ['2', null, '2'] }, { op: 'update', table: id('c'), key: ['2'], row: ['2', null, '1'] }),
  ).rejects.toThrow(halts('UNIQUE'));
  expect(rows('select * from c')).toEqual([[1n, 1n, 1n]]);
});

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
  openSqlite(held, plan, { epoch: 2n, usedIds: new Map() });
  await held.commit(1_000);
  db.exec(`insert into t values (9, 9, 'nine')`);
  expect(rows('select count(*) from keyless')).toEqual([[2n]]);
  expect(() => db.exec(`insert into t values (10, 10, 'too long')`)).toThrow('too long');
});

test('what the mirror wrote is at or below the head that opening returns, and the next write is above it [G5]', async () => {
  const { apply, db, id, marks, path, plan, sink } = await mirrored();
  await apply({ op: 'insert', table: id('t'), row: ['3', null, 'x'] });
  using held = await hold(path, 1_000);
  const head = openSqlite(held, plan, { epoch: 2n, usedIds: new Map() });
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

test('VACUUM halts the mirror of keyless tables before it writes a wrong row [G7]', async () => {
  const { apply, db, id } = await mirrored();
  await apply({ op: 'insert', table: id('keyless'), row: ['7', 'i:7'] });
  db.exec('vacuum');
  await expect(apply({ op: 'delete', table: id('keyless'), key: ['7'] })).rejects.toThrow(halts('VACUUM'));
});

test('a file of another installation is not written to', async () => {
  const { path, plan } = await mirrored();
  using sink = sqliteSink({ path, plan, install: 'other' });
  await expect(sink.checkpoint()).rejects.toThrow(halts('does not belong'));
  await expect(sink.apply({ position: lsn(500), changes: changes() })).rejects.toThrow(halts('does not belong'));
});
