/* Generated columns on the whole way: computed on both sides, written by nobody, compared. */
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import type { VerifyDocument } from '../../src/server/documents.ts';
import { caughtUp, openWorld } from '../support/world.ts';

const GENERATED = 'total, label, fold, age, note';

const SCHEMA = `
  create table line (id integer primary key, price integer not null, amount integer, total int generated always as (price * coalesce(amount, 1)),
    name text collate nocase, label text generated always as (upper(name) || '/' || id) stored not null, fold text as (lower(name)) virtual,
    doc text, age integer as (json_extract(doc, '$.age')), note as (doc ->> '$.note'), likely_ as (likelihood(price, 0.5)));
  create index by_total on line (total desc) where total > 10;
  create unique index by_fold on line (fold, price);
  create view totals as select label, total from line where age is null or age > 3;
  insert into line (price, amount, name, doc) values (5, 3, 'Äpfel', '{"age": 7, "note": "x"}'), (2, null, 'pears', '{"note": 1.5}'), (9, 9, '', null);`;

test('VIRTUAL and STORED columns have equal values on both sides, there and back [G4]', async () => {
  await using world = await openWorld(db => db.exec(SCHEMA));
  const daemon = world.start();
  await world.until(caughtUp);
  const db = new Database(world.source);
  const theirs = async () =>
    (await world.pg.query(`select total, label, fold, age, substr(note, 3) as note from line order by id`)).map(Object.values);
  const ours = () =>
    db
      .prepare(`select ${GENERATED} from line order by id`)
      .raw()
      .all()
      .map(row => (row as unknown[]).map(value => (value === null ? null : String(value))));
  expect(await theirs()).toEqual(ours());
  const kinds = await world.pg.query(
    `select string_agg(attname || ':' || attgenerated::text, ' ' order by attnum) as k from pg_attribute where attrelid = 'line'::regclass and attnum > 0`,
  );
  expect(kinds[0]?.k).toBe('id: price: amount: name: doc: total:s label:s fold:s age:s note:s');
  const indexes = await world.pg.query(`select indexdef as d from pg_indexes where tablename = 'line' order by indexname`);
  expect(indexes.map(({ d }) => d?.replace(/^.* USING btree /, ''))).toEqual(
    expect.arrayContaining(['(total DESC) WHERE (total > 10)', '(fold, price)']),
  );

  db.exec(`update line set price = 6 where id = 1; insert into line (price, name) values (1, 'x'); delete from line where id = 3`);
  db.exec(`alter table line add column more int; alter table line add column twice int as (more * 2)`);
  db.exec('update line set more = 21 where id = 2');
  // The last commit: the earlier ones may already be there while the new columns are not.
  await expect.poll(() => world.pg.query('select twice from line where id = 2')).toEqual([{ twice: '42' }]);
  expect(await theirs()).toEqual(ours());
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, differences: 0 });
  await world.pg.query(`alter table line drop column fold, add column fold text`);
  expect(await world.json<VerifyDocument>(4, 'verify')).toMatchObject({ ok: false });
  await world.pg.query(`alter table line drop column fold, add column fold text generated always as (lower(name collate "C")) stored`);
  await world.pg.query(`create unique index by_fold on line (fold, price)`);

  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true });

  await world.json(0, 'cutover', '--yes');
  expect(await world.pg.query(`select * from totals order by label`)).toHaveLength(3);
  await world.pg.query(`update line set amount = 4, doc = '{"age": 1}' where id = 1`);
  await world.pg.query(`insert into line (price, name) values (70, 'From Postgres')`);
  await expect.poll(ours).toEqual(await theirs());
  expect(await world.json<VerifyDocument>(0, 'verify')).toMatchObject({ ok: true, differences: 0 });
  await world.json(0, 'rollback', '--yes');
  await world.until(caughtUp);
  expect(ours().map(([total]) => total)).toEqual(['24', '2', '1', '70']);
  expect(await theirs()).toEqual(ours());
  await world.json(0, 'uninstall', '--yes');
  expect(await daemon.exited).toBe(0);
  db.close();
});

test('an INSERT without a list means the same on both sides, also in a table without a key and with a computed column [G4]', async () => {
  const tags = 'create table tag (post integer, label integer, twice integer as (label * 2))';
  await using world = await openWorld(db => db.exec(`${tags}; insert into tag values (1, 2)`));
  world.start();
  await world.until(caughtUp);
  world.app.exec('alter table tag add column weight integer; update tag set weight = 3'); // it must not stand behind them in Postgres
  await expect
    .poll(() => world.pg.query('select * from tag'))
    .toEqual([{ post: '1', label: '2', weight: '3', twice: '4', _attacca_rowid: '1' }]);
  await world.json(0, 'verify');
  await world.json(0, 'cutover', '--yes');
  await world.pg.query('insert into tag values (5, 6, 7)');
  const rows = world.app.prepare('select post, label, weight, twice from tag order by post').raw();
  await expect
    .poll(() => rows.all())
    .toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 12],
    ]);
});
