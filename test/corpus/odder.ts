/*
 * More of what SQLite allows: limits that Postgres has and SQLite has not, forms of time, bytes that formats use as marks.
 */
import type Database from 'better-sqlite3';
import type { Build } from './odd.ts';

const numbered = (count: number, column: (n: number) => string): string => Array.from({ length: count }, (_, n) => column(n)).join(', ');

/** Postgres takes 32 columns in a key, an index or a unique constraint. */
const LIMITS = `
  create table widekey (${numbered(40, n => `c${n} integer not null`)}, v text, primary key (${numbered(40, n => `c${n}`)}));
  insert into widekey values (${numbered(40, n => `${n}`)}, 'a'), (${numbered(40, n => `${n + 1}`)}, 'b');
  create table wideindex (id integer primary key, ${numbered(40, n => `c${n} text`)}, unique (${numbered(33, n => `c${n}`)}));
  create index over_all on wideindex (${numbered(40, n => `c${n}`)});
  insert into wideindex (id, c0, c39) values (1, 'a', 'z'), (2, 'b', null);
  create table longtext (k text primary key, u text unique, v blob unique);
  insert into longtext values (hex(zeroblob(2000)), hex(zeroblob(1400)), zeroblob(3000)), ('short', 'short', x'00');
  create table used_up (id integer primary key autoincrement, v text);
  insert into used_up values (9223372036854775806, 'the last but one');
  create table emptied (id integer primary key autoincrement, v text);
  insert into emptied values (1000000, 'gone'); delete from emptied;
  create table defaults (id integer primary key, a integer default -1, b real default +1.5, c default 0x10, d text default 'it''s', e blob default x'00ff', f real default 1e400, g default null,
    h text default '', i integer default (1 + 2), j text default (hex(randomblob(4))), k integer default (strftime('%s', 'now')), l default true, m text default "dqs", n date default current_date, o numeric default 1.10);
  insert into defaults (id) values (1), (2);`;

/** Bytes and texts that CSV, COPY, JSON or SQL use as marks. */
const MARKS = `
  create table marks (id integer primary key, t text, j json, b blob, k text unique);
  insert into marks values (1, char(1), '"\\u0001"', x'01', char(1)), (2, char(2), '[]', x'02', char(2)), (3, char(1, 1, 2, 10, 13, 9), '{}', x'0102', char(1, 2)),
    (4, '\\.', '{"\\\\": 1}', x'5c2e', '\\.'), (5, '\\N', null, x'5c4e', '\\N'), (6, char(13, 10), null, null, char(13)), (7, 'a' || char(127, 128, 159, 8232), null, null, char(8232)),
    (8, '{1,2}', '[1,2]', null, '{}'), (9, 'NULL', 'null', null, 'NULL'), (10, '"quoted"', '"quoted"', null, '"'), (11, 'b:00', null, null, 'b:00'), (12, ' i:1', null, null, ' ');
  create table "%s $1 :x ?" ("@p" integer primary key, "$$" text, "--" text, "/*" text, ";" text);
  insert into "%s $1 :x ?" values (1, '$$', '--', '/*', ';');
  create table lines (k text primary key, v text) without rowid;
  insert into lines values ('', 'empty'), (char(10), 'newline'), (' ', 'blank'), (char(0), 'nul'), (char(65533), 'replacement'), (cast(x'ff' as text), 'invalid'), ('a' || char(0), 'a nul'), ('a', 'a');`;

/** Points in time as applications write them, whose type is certain from the name, the declaration and every value. */
const TIMES = `
  create table visits (id integer primary key, last_visit_time integer, creation_utc integer not null, ns datetime, julian_day integer, spent datetime, iso datetime, at text, seen_at text, date_added integer);
  insert into visits values (1, 13345000000000000, 13345000000000001, 1700000000123456000, 2460000, '10:00:00', '2024-01-01T00:00:00.000Z', '2024-01-01 00:00:00', '2024-01-01T00:00:00.123456+00:00', 1700000000),
    (2, 13345000000000123, 13345000000999999, 1700000000000001000, 2460001, '23:59:59', '2024-01-01T00:00:00.120Z', '1970-01-01 00:00:00', '2024-01-01T00:00:00+00:00', 0);
  create table ZNOTE (Z_PK integer primary key, Z_ENT integer, ZCREATIONDATE timestamp, ZMODIFIED timestamp, ZTITLE varchar);
  insert into ZNOTE values (1, 4, 700000000.25, 700000000, 'a'), (2, 4, 700000001, 700000000.5, null), (3, 4, null, 0, '');
  create table never (id integer primary key, seconds datetime, text datetime, day date, julian datetime);
  insert into never values (1, 1700000000, '2024-01-01 00:00:00', '2024-01-01', 2460310.5), (2, 0, '', '0000-00-00', 2460310.500001), (3, 1700000001, '2024-01-02 00:00:00', '2024-01-02', 0);
  create index by_day on never (day);`;

/** JSON as other languages write it, beside the real one. */
const DOCUMENTS = `
  create table documents (id integer primary key, a json, b json, c json, d json, meta_json text, e text check (json_valid(e)), title text as (json_extract(a, '$.title')));
  insert into documents (id, a, b, c, d, meta_json, e) values (1, '{"title": "a"}', '{''x'': True}', '[1,]', '{"a": 1', '{"b":1,"a":[1.50,1e2]}', '{}'), (2, '{}', '{"x": NaN}', '[1]', '{}', ' [ ] ', '[]'), (3, null, null, null, null, '"text"', null);
  create index by_title on documents (json_extract(a, '$.title'));
  create index with_meta on documents (id) where json_extract(meta_json, '$.a') is not null;`;

const VIEWS = `
  create table t (id integer primary key, a integer, b text, c real); insert into t values (1, 1, 'x', 1.5), (2, 2, 'y', null), (3, 1, 'x', -1.5);
  create view recursive_one as with recursive n (i) as (select 1 union all select i + 1 from n where i < 3) select i from n;
  create view windowed as select id, row_number() over (partition by b order by id) as place, sum(a) over (order by id) as total from t;
  create view of_view as select place from windowed where place > 1;
  create view mixed_union as select a from t union all select b from t;
  create view star as select *, a as again from t left join (select id as other from t) on other = t.id;
  create view named (p, q) as select a, count(*) from t group by 1 having count(*) > 1 order by 2 desc limit 5;
  create view loose as select b, max(c) from t;
  create view dated as select date('now', '-1 day') as d, datetime(a, 'unixepoch') as u, strftime('%W', 'now') as w from t;
  create view "of ""quotes""" as select "b" as "x y", [a], \`c\` from main.t where b like 'X%' escape '!' or b glob '[xy]*' or b in ('x') and not exists (select 1);
  create view cast_view as select cast(b as integer) as n, a || b as ab, a / 2 as half, a % 2 as odd, ~a as inverted, a <> 1 as other, b is not 'x' as different, iif(a > 1, 'many', 'one') as word, coalesce(c, 0) as filled from t;
  create view gone_column as select no_such from t;`;

const MANY = (db: Database.Database): void => {
  for (let n = 0; n < 120; n++)
    db.exec(
      `create table t${n} (id integer primary key, v text, w references t${Math.max(0, n - 1)}); insert into t${n} values (1, 'a', null)`,
    );
};

export const ODDER: Readonly<Record<string, Build>> = {
  limits: LIMITS,
  marks: MARKS,
  times: TIMES,
  documents: DOCUMENTS,
  views: VIEWS,
  many: MANY,
  large_pages: `pragma page_size = 65536; pragma journal_mode = persist; ${TIMES}`,
};
