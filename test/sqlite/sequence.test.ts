import { expect, test } from 'vitest';
import { nextIds, raiseSequences } from '../../src/sqlite/mirror/sequence.ts';
import { fixture, idOf } from './mirrored.ts';

const DDL = `
  create table auto (id integer primary key autoincrement, v);
  create table plain (id integer primary key, v);
  create table keyless (v);
  create table word (k text primary key, v);`;

test('ids of deleted rows count as used where AUTOINCREMENT remembers them', () => {
  using app = fixture(DDL);
  const { db, plan } = app;
  const ids = (): unknown[] => ['auto', 'plain', 'keyless', 'word'].map(name => nextIds(db, plan).get(idOf(plan, name)));
  expect(ids()).toEqual([null, null, null, undefined]);
  db.exec(`
    insert into auto (id) values (7); delete from auto; insert into plain (id) values (-3); insert into keyless (rowid, v) values (5, 1)`);
  expect(ids()).toEqual([7n, null, 5n, undefined]);
  db.exec('insert into auto (id) values (9223372036854775807)');
  expect(ids()[0]).toBe(2n ** 63n - 1n);
});

test('AUTOINCREMENT goes on after the ids that Postgres has used, and never goes back', () => {
  using app = fixture(DDL);
  const { db, plan } = app;
  const id = idOf(plan, 'auto');
  const given = (): unknown => db.prepare('insert into auto (v) values (1) returning id').pluck().get();
  raiseSequences(db, plan, new Map([[id, 40n]]));
  expect(given()).toBe(41n);
  db.exec('delete from auto'); // whose ids are used all the same
  raiseSequences(db, plan, new Map([[id, 3n]]));
  expect(given()).toBe(42n);
  raiseSequences(db, plan, new Map([[id, 2n ** 53n + 1n]]));
  expect(given()).toBe(2n ** 53n + 2n);
});
