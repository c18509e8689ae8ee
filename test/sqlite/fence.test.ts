import { spawnSync } from 'node:child_process';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { Seq } from '../../src/change/change.ts';
import { captureTriggers } from '../../src/sqlite/capture/capture.ts';
import { readFileControl } from '../../src/sqlite/capture/control.ts';
import { install } from '../../src/sqlite/capture/install.ts';
import { isSettled } from '../../src/sqlite/capture/steps.ts';
import {
  closeCopy,
  closeSqlite,
  type FenceState,
  fenceState,
  keepFenceOnly,
  openSqlite,
  openWithLoss,
  refence,
} from '../../src/sqlite/mirror/fence.ts';
import { hold } from '../../src/sqlite/mirror/hold.ts';
import { closed, type Fixture, fixture, INSTALL, idOf, journalHead, lsn, SOURCE } from './mirrored.ts';

const DDL = `
  create table t (id integer primary key, u unique, v);
  create table w (k text primary key, v) without rowid;
  create table keyless (v);
  create table "odd "" 'name'" (id integer primary key autoincrement, v);
  create table other (id integer primary key, v);
  create view seen as select * from t;
  create trigger seen_insert instead of insert on seen begin insert into t values (new.id, new.u, new.v); end;
  insert into t values (1, 1, 1), (2, 2, 2);
  insert into w values ('a', 1); insert into keyless values (1); insert into "odd "" 'name'" values (1, 1);`;

const FENCED = /ATTACCA_FENCED epoch=1 primary=postgres: this database is closed; read the flag and run the whole transaction again there/;

const REFUSED = [
  'insert into t values (9, 9, 9)',
  'insert into t default values',
  'update t set v = 3',
  'delete from t',
  'delete from t where id = 1',
  ...['ignore', 'replace', 'fail', 'abort', 'rollback'].flatMap(or => [
    `insert or ${or} into t values (1, 1, 9)`,
    `update or ${or} t set u = 2 where id = 1`,
  ]),
  'replace into t values (1, 2, 9)',
  'insert into t values (1, 1, 9) on conflict do nothing',
  'insert into t values (1, 1, 9) on conflict (u) do update set v = 9',
  'insert into t select id + 10, u + 10, v from t',
  'with n as (select 1) update t set v = 8',
  `insert into w values ('b', 1)`,
  `update w set v = 2`,
  `delete from w`,
  'insert into keyless values (2)',
  'update keyless set rowid = 5',
  'delete from keyless',
  `insert into "odd "" 'name'" (v) values (2)`,
  'insert into seen values (9, 9, 9)',
];

const TABLES = ['t', 'w', 'keyless', `"odd "" 'name'"`];
const rows = (db: Database.Database): unknown[] => TABLES.map(table => db.prepare(`select * from ${table}`).raw().all());

const PYTHON = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
for sql in sys.argv[2:]:
    try:
        db.execute('begin immediate')
        db.execute(sql)
        print('accepted', sql)
    except sqlite3.Error as error:
        print(error)
    if db.in_transaction: print('still in a transaction'); db.execute('rollback')
`;

/** Each tries every statement on the file at `path`, and returns what it was told of each. */
const TOOLS = {
  Node: path => {
    const db = new Database(path);
    const told = REFUSED.map(sql => messageOf(() => db.exec(sql)));
    db.close();
    return told;
  },
  'the sqlite3 shell': path => {
    const { stderr } = spawnSync('sqlite3', [path], { input: REFUSED.map(sql => `${sql};`).join('\n'), encoding: 'utf8' });
    return stderr.match(new RegExp(FENCED, 'g')) ?? [];
  },
  "Python's sqlite3": path =>
    spawnSync('python3', ['-c', PYTHON, path, ...REFUSED], { encoding: 'utf8' })
      .stdout.trim()
      .split('\n'),
} satisfies Record<string, (path: string) => readonly string[]>;
const absent = (tool: string): boolean =>
  (tool === 'the sqlite3 shell' && spawnSync('sqlite3', ['-version']).status !== 0) ||
  (tool === "Python's sqlite3" && spawnSync('python3', ['-c', 'import sqlite3']).status !== 0);

function messageOf(work: () => void): string {
  try {
    work();
    return 'accepted';
  } catch (error) {
    return String(error);
  }
}

describe.each(Object.keys(TOOLS) as (keyof typeof TOOLS)[])('%s', tool => {
  test.skipIf(absent(tool)).each(['wal', 'delete'] as const)(
    'is refused every row write by the fence, in journal mode %s [G8]',
    async journal => {
      using app = fixture(DDL, { journal, excluded: ['other'] });
      const before = rows(app.db);
      await closed(app);
      expect(TOOLS[tool](app.path)).toEqual(REFUSED.map(() => expect.stringMatching(FENCED)));
      expect(rows(app.db)).toEqual(before);
    },
  );
});

test('statements prepared before, in a connection opened before, meet the fence [G8]', async () => {
  using app = fixture(DDL);
  const statements = ['insert into t values (9, 9, 9)', 'update t set v = 0', 'delete from t'].map(sql => app.db.prepare(sql));
  app.db.exec('begin');
  statements[1]?.run();
  app.db.exec('rollback');
  await closed(app);
  for (const statement of statements) expect(() => statement.run()).toThrow(FENCED);
});

test('a write through ATTACH, past a TEMP table of the same name, meets the fence [G8]', async () => {
  using app = fixture(DDL);
  await closed(app);
  using other = fixture('create table x (y)');
  other.db.exec(`attach ${`'${app.path}'`} as app; create temp table _attacca_fence (closed); insert into temp._attacca_fence values (0)`);
  expect(() => other.db.exec('insert into app.t values (9, 9, 9)')).toThrow(FENCED);
});

test('a fence row that is deleted, nulled or rewritten as text does not open it [G8]', async () => {
  using app = fixture(DDL);
  await closed(app);
  for (const sql of ['update _attacca_fence set closed = null', `update _attacca_fence set closed = 'no'`, 'delete from _attacca_fence']) {
    app.db.exec(sql);
    for (const write of ['insert into t default values', 'update t set v = 3', 'delete from t'])
      expect(() => app.db.exec(write)).toThrow(FENCED);
    expect(fenceState(app.db, app.plan)).toEqual({ closed: true, epoch: 1n, intact: true });
  }
});

test('nothing that a fenced transaction did before stays behind [G8]', async () => {
  using app = fixture(DDL, { excluded: ['other'] });
  await closed(app);
  app.db.exec(`begin immediate; insert into other values (1, 'half')`);
  expect(() => app.db.exec('update t set v = 3')).toThrow(FENCED);
  expect(app.db.inTransaction).toBe(false);
  expect(app.db.prepare('select count(*) from other').pluck().get()).toBe(0n);
});

test('closing and opening record the switch, and keep the schema as it was', async () => {
  using app = fixture(`${DDL} create trigger audit after insert on t begin insert into w values (new.id, 1); end;`);
  const { db, plan, path } = app;
  await install(db, plan, { install: INSTALL, target: 'pg' }, 1_000);
  const schema = (): unknown => db.prepare('select type, name, sql from sqlite_schema order by name').raw().all();
  const before = schema();
  const head = journalHead(db);
  const capture = db.prepare<[], string>(`select sql from sqlite_schema where name glob '_attacca_insert_*' limit 1`).pluck().get()!;

  using closing = await hold(path, 1_000);
  closeSqlite(closing, plan, 1n)({ seq: head, lsn: lsn(0x16_0000_00ffn), source: SOURCE });
  expect(fenceState(db, plan)).toEqual({ closed: false, epoch: undefined, intact: false });
  await closing.commit(1_000);
  expect(fenceState(db, plan)).toEqual({ closed: true, epoch: 1n, intact: true });
  expect(captureTriggers(db)).toEqual([]);
  db.exec(capture); // as somebody who puts back the triggers that he remembers
  expect(readFileControl(db)).toMatchObject({ primary: 'postgres', epoch: 1n, seq: head, lsn: '16/FF', source: SOURCE });

  using opening = await hold(path, 1_000);
  const { head: mark, number } = openSqlite(opening, plan, 2n);
  number(new Map([[idOf(plan, `odd " 'name'`), 40n]]));
  await opening.commit(1_000);
  expect(fenceState(db, plan)).toEqual({ closed: false, epoch: undefined, intact: false });
  expect(readFileControl(db)).toMatchObject({ primary: 'sqlite', epoch: 2n, seq: mark.seq, lsn: null, source: null });
  expect(schema()).toEqual(before);
  expect(isSettled(db, plan), 'what a switch does to the schema is no riddle afterwards').toBe(true);

  db.exec(`insert into "odd "" 'name'" (v) values (2)`);
  expect(db.prepare(`select max(id) from "odd "" 'name'"`).pluck().get()).toBe(41n);
  expect(journalHead(db)).toBeGreaterThan(mark.seq);
});

test('a switch that is not committed did not happen', async () => {
  using app = fixture(DDL);
  await install(app.db, app.plan, { install: INSTALL, target: 'pg' }, 1_000);
  const held = await hold(app.path, 1_000);
  closeSqlite(held, app.plan, 1n)({ seq: 1n as Seq, lsn: lsn(1), source: SOURCE });
  held.release();
  app.db.exec('update t set v = 3');
  expect(readFileControl(app.db)).toMatchObject({ primary: 'sqlite', epoch: 0n });
});

test('a switch to an epoch that is not newer, or to the side that is open, halts [G8]', async () => {
  using app = fixture(DDL);
  await closed(app);
  using held = await hold(app.path, 1_000);
  const halt = expect.objectContaining({ disposition: 'halt' });
  expect(() => closeSqlite(held, app.plan, 2n)).toThrow(halt);
  expect(() => openSqlite(held, app.plan, 1n)).toThrow(halt);
  expect(() => openWithLoss(held, 1n)).toThrow(halt);

  using open = fixture(DDL);
  await install(open.db, open.plan, { install: INSTALL, target: 'pg' }, 1_000);
  using other = await hold(open.path, 1_000);
  expect(() => openSqlite(other, open.plan, 5n)).toThrow(halt);
  expect(() => openWithLoss(other, 5n)).toThrow(halt);
  expect(() => closeSqlite(other, open.plan, 0n), 'at the epoch that is in force').toThrow(halt);
});

test('a table that an ORM rebuilt is found open and closed again [G8]', async () => {
  using app = fixture(DDL);
  const { db, plan, path } = app;
  await closed(app);
  db.pragma('legacy_alter_table = on');
  db.exec('begin; create table t2 (id integer primary key, u unique, v); drop table t; alter table t2 rename to t; commit');
  db.exec('insert into t values (5, 5, 5)');
  expect(fenceState(db, plan)).toEqual({ closed: true, epoch: 1n, intact: false });

  using held = await hold(path, 1_000);
  expect(refence(held.db, plan, 1n)).toEqual([idOf(plan, 't')]);
  expect(refence(held.db, plan, 1n)).toEqual([]);
  await held.commit(1_000);
  expect(fenceState(db, plan).intact).toBe(true);
  expect(() => db.exec('insert into t values (6, 6, 6)')).toThrow(FENCED);
});

test.each(['insert', 'update', 'delete'])('a fence that lacks its %s trigger is open, and closed again [G8]', async event => {
  using app = fixture(DDL);
  const { db, plan, path } = app;
  await closed(app);
  db.exec(`drop trigger _attacca_fence_${event}_${idOf(plan, 'w')}`);
  expect(fenceState(db, plan)).toEqual({ closed: true, epoch: 1n, intact: false });
  using held = await hold(path, 1_000);
  expect(refence(held.db, plan, 1n)).toEqual([idOf(plan, 'w')]);
  await held.commit(1_000);
  expect(fenceState(db, plan).intact).toBe(true);
});

test('a copy from before the cutover is closed where it takes the place of the fenced file, and no other file is [G8]', async () => {
  const shut = async (app: Fixture): Promise<FenceState> => {
    using held = await hold(app.path, 1_000);
    closeCopy(held.db, app.plan, { install: INSTALL, target: 'pg' }, { epoch: 3n, lsn: lsn(100), source: SOURCE });
    await held.commit(1_000);
    return fenceState(app.db, app.plan);
  };
  using bare = fixture(DDL);
  expect(await shut(bare)).toEqual({ closed: true, epoch: 3n, intact: true });

  using captured = fixture(DDL);
  await install(captured.db, captured.plan, { install: INSTALL, target: 'pg' }, 1_000);
  expect(await shut(captured)).toEqual({ closed: true, epoch: 3n, intact: true });

  using theirs = fixture(DDL);
  await install(theirs.db, theirs.plan, { install: 'another', target: 'pg' }, 1_000);
  expect(await shut(theirs)).toEqual({ closed: false, epoch: undefined, intact: false });
  expect(captureTriggers(theirs.db)).not.toEqual([]);

  using mirror = fixture(DDL);
  await closed(mirror);
  expect(await shut(mirror)).toEqual({ closed: true, epoch: 1n, intact: true });

  using finished = fixture(DDL);
  await closed(finished);
  finished.db.transaction(() => keepFenceOnly(finished.db, finished.plan))();
  const schema = finished.db.prepare('select * from sqlite_schema').all();
  await shut(finished);
  expect(finished.db.prepare('select * from sqlite_schema').all()).toEqual(schema);
});

test('a fence that went with the table when it was renamed, or that is of an earlier switch, is none [G8]', async () => {
  using app = fixture(DDL);
  const { db, plan, path } = app;
  await closed(app);
  db.exec('alter table t rename to old; create table t (id integer primary key, u unique, v)');
  expect(fenceState(db, plan).intact).toBe(false);
  using held = await hold(path, 1_000);
  expect(refence(held.db, plan, 1n)).toEqual([idOf(plan, 't')]);
  await held.commit(1_000);
  expect(() => db.exec('insert into t values (6, 6, 6)')).toThrow(FENCED);

  db.exec('update _attacca_control set epoch = 3');
  expect(fenceState(db, plan)).toEqual({ closed: true, epoch: 3n, intact: false });
});

test('finish leaves the fence, the application triggers, and nothing else of ours [G11]', async () => {
  const trigger = `create trigger audit after insert on t begin insert into w values (new.id, 1); end;
    create trigger checks before insert on t begin select raise(abort, 'checked first'); end;`;
  using app = fixture(`${DDL} ${trigger}`);
  const schema = (): unknown =>
    app.db.prepare(`select name, sql from sqlite_schema where name not glob '_attacca_*' order by name`).raw().all();
  const before = schema();
  await closed(app);
  using held = await hold(app.path, 1_000);
  keepFenceOnly(held.db, app.plan);
  await held.commit(1_000);

  expect(schema()).toEqual(before);
  const ours = app.db.prepare(`select name from sqlite_schema where name glob '_attacca_*'`).pluck().all() as string[];
  expect(ours.every(name => name.startsWith('_attacca_fence'))).toBe(true);
  for (const sql of REFUSED.filter(statement => !statement.includes('other'))) expect(() => app.db.exec(sql), sql).toThrow(FENCED);
});

test('a transaction that read before the fence is refused when it writes, and leaves nothing [G8]', async () => {
  using app = fixture(DDL);
  await install(app.db, app.plan, { install: INSTALL, target: 'pg' }, 1_000);
  using held = await hold(app.path, 1_000);
  app.db.exec('begin');
  app.db.prepare('select * from t').all();
  closeSqlite(held, app.plan, 1n)({ seq: journalHead(held.db), lsn: lsn(1), source: SOURCE });

  app.db.pragma('busy_timeout = 0');
  expect(() => app.db.exec('update t set v = 3')).toThrow(expect.objectContaining({ code: 'SQLITE_BUSY' }));
  await held.commit(1_000);
  expect(() => app.db.exec('update t set v = 3')).toThrow(expect.objectContaining({ code: 'SQLITE_BUSY_SNAPSHOT' }));
  app.db.exec('rollback');
  expect(() => app.db.exec('update t set v = 3')).toThrow(FENCED);
  expect(app.db.prepare('select v from t').pluck().all()).toEqual([1n, 2n]);
});
