import { expect, test } from 'vitest';
import { Refused } from '../../src/change/errors.ts';
import { template } from '../../src/change/template.ts';
import { appTriggers, bringBack, homeless, setAside } from '../../src/sqlite/mirror/app-triggers.ts';
import type { Database } from '../../src/sqlite/open.ts';
import { type Fixture, fixture } from './mirrored.ts';

const TABLES = `
  create table t (id integer primary key, a text);
  create table u (x unique);
  create table w (k text primary key, n) without rowid;
  create table log (n integer primary key, line);
  create view v as select id, a from t;
  create virtual table f using fts5 (a, content = t, content_rowid = id);`;

const opened = (triggers: string): Fixture => {
  const app = fixture(`${TABLES} ${triggers}`, { excluded: ['log'] });
  app.db.exec(template('sqlite/fence.sql', {}));
  return app;
};
const names = (db: Database): unknown[] => db.prepare(`select name from sqlite_schema where type = 'trigger' order by rowid`).pluck().all();
const lines = (db: Database): unknown[] => db.prepare('select line from log order by n').pluck().all();

test.each([
  ['an insert', 'after insert on t begin insert into u values (new.a); end', 'writes'],
  ['an update', `before update of a on t begin update w set n = 1 where k = new.a; end`, 'writes'],
  ['a delete of all rows', 'after delete on t begin delete from u; end', 'writes'],
  ['a replace in its own table', 'after insert on u begin replace into u values (1); end', 'writes'],
  [
    'an upsert behind a condition that is never true',
    'after insert on t when 0 begin insert into w values (1, 2) on conflict do update set n = 3; end',
    'writes',
  ],
  [
    'a write to a replicated table and to another',
    'after insert on t begin insert into log (line) values (1); insert into u values (1); end',
    'writes',
  ],
  [
    'a write to a replicated table and to FTS5',
    'after insert on t begin insert into f (rowid, a) values (1, 2); delete from u; end',
    'mixes',
  ],
  ['a write from an unreplicated table', 'after insert on log begin insert into u values (new.n); end', 'writes'],
  ['a check', `before insert on t when new.a is null begin select raise(abort, 'no'); end`, 'refuses'],
  ['a silent refusal', `before insert on t begin select raise(ignore) where new.a = 'x'; end`, 'refuses'],
  ['FTS5', 'after insert on t begin insert into f (rowid, a) values (new.id, new.a); end', 'keeps'],
  ['an unreplicated table', 'after update on w begin insert into log (line) values (new.n); end', 'keeps'],
  ['a read of a replicated table', 'after insert on t begin insert into log (line) select count(*) from u; end', 'keeps'],
  ['INSTEAD OF on a view', 'instead of insert on v begin insert into t values (new.id, new.a); end', 'keeps'],
  ['UPDATE OF a column that is not there', `before update of gone on t begin select raise(abort, 'no'); end`, 'keeps'],
  ['a check by a function of the application', 'after insert on t begin select app_function(new.a); end', 'refuses'],
  [
    'a write by functions of the application',
    'after insert on t begin update t set a = f(new.a), id = g() where id = new.id; end',
    'writes',
  ],
  [
    'a trigger that stays, with a function of the application',
    'after insert on t begin insert into log (line) values (app_function(new.a, 1)); end',
    'unreadable',
  ],
  ['text in double quotes', 'after insert on t when new.a = "I" begin insert into log (line) values (1); end', 'unreadable'],
])('%s is told from what SQLite compiles', (_, body, does) => {
  using app = opened(`create trigger "odd ' -- name" ${body};`);
  expect(appTriggers(app.db, app.plan)).toMatchObject([{ name: "odd ' -- name", does }]);
});

test('each trigger of a table is judged by itself', () => {
  using app = opened(`
    create trigger logs after insert on t begin insert into log (line) values (1); end;
    create trigger writes after insert on t begin insert into u values (new.a); end;
    create trigger checks after insert on u begin select raise(abort, 'no') where new.x = 9; end;`);
  expect(appTriggers(app.db, app.plan).map(({ name, does }) => [name, does])).toEqual([
    ['logs', 'keeps'],
    ['writes', 'writes'],
    ['checks', 'refuses'],
  ]);
});

const ORDERED = [1, 2, 3, 4, 5]
  .map(n => {
    const write = n % 2 === 0 ? 'delete from u;' : '';
    return `create trigger z${9 - n} after insert on t begin ${write} insert into log (line) values ('${n}'); end;`;
  })
  .join('\n');

test('triggers come back in the order in which they fired, those that stayed included', () => {
  using app = opened(ORDERED);
  const before = names(app.db);
  app.db.exec(`insert into t (a) values ('x')`);
  const fired = lines(app.db);
  expect(fired).toEqual(['5', '4', '3', '2', '1']);

  setAside(app.db, app.plan);
  expect(names(app.db)).toEqual(['z8', 'z6', 'z4']);
  bringBack(app.db);
  expect(names(app.db)).toEqual(before);
  expect(app.db.prepare('select count(*) from _attacca_app_trigger').pluck().get()).toBe(0n);

  app.db.exec(`delete from log; insert into t (a) values ('y')`);
  expect(lines(app.db)).toEqual(fired);
});

test('what the application changed about its triggers meanwhile is left as it is', () => {
  using app = opened(ORDERED);
  setAside(app.db, app.plan);
  app.db.exec(`
    drop trigger z8;
    create trigger z7 after insert on t begin insert into log (line) values ('new'); end;
    create trigger z0 after insert on t begin insert into log (line) values ('newest'); end;`);
  bringBack(app.db);
  app.db.exec(`insert into t (a) values ('x')`);
  expect(lines(app.db).sort()).toEqual(['3', '4', '5', 'new', 'newest']);
});

test('a trigger that would leave an index behind refuses the switch; as two it does not [G9] [G10]', () => {
  const both = ['insert into f (rowid, a) values (new.id, new.a);', 'insert into u values (new.a);'];
  using app = opened(`create trigger b after insert on t begin ${both.join(' ')} end;`);
  app.db.exec('begin');
  expect(() => setAside(app.db, app.plan)).toThrow(
    expect.objectContaining({ blockers: [expect.objectContaining({ code: 'trigger-mixed' })] }),
  );
  app.db.exec('rollback; drop trigger b');
  for (const [n, part] of both.entries()) app.db.exec(`create trigger b${n} after insert on t begin ${part} end`);
  setAside(app.db, app.plan);
  expect(names(app.db)).toEqual(['b0']);
});

test('a trigger that nobody can judge refuses the switch and names the table', () => {
  using app = opened('create trigger g after insert on t begin insert into log (line) values (app_function(new.a)); end;');
  app.db.exec('begin');
  expect(() => setAside(app.db, app.plan)).toThrow(Refused);
  app.db.exec('rollback');
  expect(names(app.db)).toEqual(['g']);
});

test.each(['gone', '"x on t"', `'it''s gone'`, '[on]', '`a`'])(
  'a trigger whose table %s was dropped meanwhile went with it; the others come back',
  table => {
    const excluded = ['gone', 'x on t', "it's gone", 'on', 'a', 'log'];
    using app = fixture(`${TABLES} create table ${table} (n); create trigger "stays on" after insert on t begin delete from u; end;`, {
      excluded,
    });
    app.db.exec(template('sqlite/fence.sql', {}));
    app.db.exec(`create trigger if not exists "a on t" /* on t */ after update of n on ${table} begin insert into u values (1); end`);
    setAside(app.db, app.plan);
    expect(names(app.db)).toEqual([]);
    expect(homeless(app.db)).toEqual([]);
    app.db.exec(`drop table ${table}`);
    expect(homeless(app.db)).toMatchObject([{ name: 'a on t', sql: expect.stringMatching(/^create trigger/i) }]);
    bringBack(app.db);
    expect(names(app.db)).toEqual(['stays on']);
  },
);
