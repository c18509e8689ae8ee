/** Tables for which capture makes triggers of every kind; understood by SQLite since 3.9 (indexes on expressions). */
export const SHAPES = /* sql */ `
  create table plain (id integer primary key autoincrement, a text, b real);
  create table keyed (k text collate nocase not null, l, v text default 'v', primary key (k, l));
  create table "odd ""name" (k text primary key not null, "a b" integer, v) without rowid;
  create table none (x, y);
  create table uniques (id integer primary key, u text unique, c text not null default 'x' unique, n text, w integer, r text);
  create unique index nocase on uniques (n collate nocase);
  create unique index partial on uniques (w desc) where w > 10 and n is not null;
  create unique index expression on uniques (lower(r), w);
  create table pair (a, b, unique (a, b) on conflict replace);
`;

/** The same for SQLite 3.31 and newer: generated columns. */
export const GENERATED = /* sql */ `
  create table made (id integer primary key, a text, b text, g text as (lower(a) || b), unique (g));
`;

/** Writes to each of SHAPES in every way; each line is one statement that succeeds in every SQLite. */
export const WRITES = [
  "insert into plain (a, b) values ('one', 1.5), ('two', 2.5)",
  "update plain set a = 'uno' where id = 1",
  'update plain set id = id + 10',
  "replace into plain (id, a) values (11, 'again')",
  'delete from plain where id = 12',
  "insert into keyed (k, l) values ('a', 1), ('b', 2)",
  "replace into keyed (k, l, v) values ('A', 1, 'w')",
  "update keyed set k = 'B' where k = 'b'",
  `insert into "odd ""name" (k, "a b") values ('x', 1), ('y', 2)`,
  `update "odd ""name" set k = 'z' where "a b" = 2`,
  "insert into none values (1, 'a'), (2, 'b')",
  'update none set rowid = 7 where x = 1',
  'delete from none where x = 2',
  "insert into uniques (u, c, n, w, r) values ('u1', 'c1', 'N1', 11, 'R1'), ('u2', 'c2', 'N2', 12, 'R2')",
  "replace into uniques (u, c, n, w, r) values ('u1', 'c3', 'N3', 13, 'R3')",
  "insert or replace into uniques (u, c, n, w, r) values ('u4', null, 'n2', 14, 'R4')",
  "update or replace uniques set w = 14, n = 'N9' where u = 'u1'",
  "insert or ignore into uniques (u, c) values ('u4', 'c9')",
  "insert into pair values (1, 'a'), (1, 'a'), (2, 'b')",
  "update pair set a = 1, b = 'a' where a = 2",
] as const;
