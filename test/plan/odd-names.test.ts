/* Constraints, indexes and names of every kind, on a real Postgres. */
import { expect, test } from 'vitest';
import { planSql } from '../../src/plan/ddl/ddl.ts';
import { testPostgres } from '../support/postgres.ts';
import { decided } from './decided.ts';

const LONG = 'a_name_of_more_than_sixty_three_bytes_that_postgres_would_cut_off_';

const SCHEMA = `
  create table "Order" (id integer primary key autoincrement, "user" text not null unique collate nocase, "Limit" int check ("Limit" > 0), "two words" text);
  create table 'select' ([from] text, "a""b" int, c text collate rtrim, primary key ([from], "a""b")) without rowid;
  create table ${LONG}1 (id integer primary key, ${LONG}x int, ${LONG}y int);
  create table ${LONG}2 (id integer primary key);
  create table child (id integer primary key, o int references "Order" on delete cascade on update set null deferrable initially deferred,
    f text, b int, foreign key (f, b) references 'select' on delete set null);
  create index "Desc" on "Order" ("Limit" desc, "two words");
  create unique index folded on "Order" ("two words" collate nocase);
  create index trimmed on 'select' (c);
  create index ${LONG}i1 on ${LONG}1 (${LONG}x);
  create index ${LONG}i2 on ${LONG}1 (${LONG}y desc);
  create view "Limit" as select "user", "two words" from "Order";`;

test('names with capitals, blanks, quotes, reserved words and more than 63 bytes; actions, deferred keys, folded and trimmed indexes [G4]', async () => {
  const { plan, objects, findings } = decided(SCHEMA);
  await using postgres = await testPostgres();
  await postgres.query(planSql(plan));
  const tables = await postgres.query(
    `select relname as n from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`,
  );
  expect(tables).toHaveLength(5);
  const indexes = (await postgres.query(`select indexdef as d from pg_indexes where schemaname = 'public'`)).map(({ d }) =>
    d?.replace(/^.* USING btree /, ''),
  );
  expect(indexes).toEqual(
    expect.arrayContaining(['("Limit" DESC, "two words")', '(lower(("user" COLLATE "C")))', '(lower(("two words" COLLATE "C")))']),
  );
  expect(indexes.filter(definition => definition?.includes(LONG.slice(0, 60)))).toHaveLength(2);
  const keys = await postgres.query(`select pg_get_constraintdef(oid) as d from pg_constraint where contype = 'f' order by conname`);
  expect(keys.map(({ d }) => d)).toEqual([
    expect.stringMatching(/REFERENCES "select"\("from", "a""b"\) ON DELETE SET NULL/),
    expect.stringMatching(/REFERENCES "Order"\(id\) ON UPDATE SET NULL ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED/),
  ]);
  await postgres.query(`insert into "Order" ("user", "Limit", "two words") values ('Ann', 1, 'X')`);
  await expect(postgres.query(`insert into "Order" ("user") values ('ANN')`)).rejects.toThrow(/unique/);
  await expect(postgres.query(`insert into "Order" ("user", "Limit") values ('b', 0)`)).rejects.toThrow(/check/);
  await postgres.query(`insert into "Order" ("user", "two words") values ('É', 'É'), ('é', 'é')`); // ASCII only, as in SQLite
  await postgres.query('begin; insert into child (o) values (9); insert into "Order" (id, "user") values (9, $$n$$); commit');
  expect(await postgres.query('select "user" from "Limit" where "two words" = $1', ['X'])).toEqual([{ user: 'Ann' }]);
  const comments = await postgres.query(
    `select obj_description(to_regclass('"Order"')) as o, col_description(to_regclass('${LONG}1'), 2) as c`,
  );
  expect(comments).toEqual([{ o: 'SQLite: "Order"', c: `SQLite: "${LONG}x"` }]);
  const left = objects.filter(({ disposition }) => /left out|not created/.test(disposition)).map(({ name }) => name);
  const blocking = findings.filter(({ level }) => level === 'blocking');
  expect({ left, blocking }).toEqual({ left: [], blocking: [] });
});
