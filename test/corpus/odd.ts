/*
 * Databases that the corpus does not have: each one variety that SQLite allows and a translation trips over.
 */
import Database from 'better-sqlite3';

export type Build = string | ((db: Database.Database) => void);

const LONG = 'a_name_of_more_than_sixty_three_bytes_that_postgres_would_cut_off_';
const numbered = (count: number, column: (n: number) => string): string => Array.from({ length: count }, (_, n) => column(n)).join(', ');

const NAMES = `
  create table "user" ("select" integer primary key, "Order" text, "group by" text, "a.b" text, "100%" real, "it's" text, "q""uote" text, "Ünï" text);
  insert into "user" values (1, 'a', 'b', 'c', 1.5, 'd', 'e', 'f'), (2, null, '', 'c', 2.0, 'd', 'e', 'f');
  create index "an index, too" on "user" ("group by", "a.b" desc);
  create unique index "user_pkey" on "user" ("Order");
  create table "${LONG}one" ("${LONG}x" integer primary key, "${LONG}y" text, "${LONG}z" text);
  create table "${LONG}two" ("${LONG}x" integer primary key references "${LONG}one", "${LONG}y" text);
  create index "${LONG}i" on "${LONG}one" ("${LONG}y");
  create index "${LONG}j" on "${LONG}one" ("${LONG}z");
  insert into "${LONG}one" values (1, 'a', 'b'), (2, 'c', 'd');
  insert into "${LONG}two" values (1, 'a');
  create table "${'n'.repeat(2000)}" ("${'é'.repeat(1000)}" text primary key, "${'é'.repeat(1001)}" text);
  insert into "${'n'.repeat(2000)}" values ('a', 'b');
  create table pg_class (ctid integer primary key, xmin text, xmax text, cmin text, cmax text, tableoid text);
  insert into pg_class values (1, 'a', 'b', 'c', 'd', 'e');
  create table [brackets] ([a b] int, \`back tick\` text, 'single' text);
  insert into brackets values (1, 'x', 'y');
  create table "with
newline	and tab" ("x
y" text);
  insert into "with
newline	and tab" values ('a');
  create table "ROWID" (oid text, "_attacca_rowid" text, x);
  insert into "ROWID" values ('a', 'b', 1), ('a', 'b', 1);`;

const VALUES = `
  create table v (id integer primary key, any, n numeric, i integer, r real, t text, b blob);
  insert into v values (1, 9223372036854775807, 9223372036854775807, 9223372036854775807, 9007199254740993, '', x''),
    (2, -9223372036854775808, -9223372036854775808, -9223372036854775808, -0.0, 'x', x'00'),
    (3, 1e999, 1e999, 1e999, -1e999, 'tab	new
line \\ back \\N \\. ', x'5c'), (4, 5e-324, 2.2250738585072014e-308, 0.1, 1.7976931348623157e308, '\\N', null),
    (5, 'text', 'text', 'text', 'text', cast(x'ff' as text), 'text'), (6, x'00ff', x'00', x'', x'01', x'00', 17),
    (7, 'a' || char(0) || 'b', 0.30000000000000004, 1.5, 3, char(0), 2.5), (8, -0.0, 1e15, 9007199254740993, 1e15, char(0xd7ff, 0xe000, 0x10ffff), x'ffff');
  create table texts (id integer primary key, nul text, bad text, planes text);
  insert into texts values (1, 'a' || char(0), cast(x'c328' as text), char(0x1f701)), (2, char(0), cast(x'eda080' as text), char(0xfffe, 0xffff)), (3, '', 'fine', '');
  create table reals (id integer primary key, r real, d double, f float, n decimal(10, 2));
  insert into reals values (1, 1, 0.1, 1e22, 10), (2, 1e300, -1, 1e-7, 10.5), (3, null, 4e18, 9.2e18, 1e20), (4, 123456789012345678, 1, 1, 0.07);
  create table big (id integer primary key, t text, b blob);
  insert into big values (1, hex(zeroblob(500000)), zeroblob(1000000));`;

const DATES = `
  create table d (id integer primary key, a datetime, b datetime, c timestamp, e date, f text, g datetime, h integer, created_at text, updated_at datetime);
  insert into d values
    (1, '2024-01-01 00:00:00', '2024-01-01T00:00:00Z', 1700000000, '2024-02-29', '2024-01-01', 2460310.5, 1700000000123, '2024-01-01T00:00:00.123456789Z', '2024-01-01 00:00:00+02:00'),
    (2, '0000-00-00 00:00:00', '0001-01-01T00:00:00Z', 0, '0000-00-00', '20240101', 0.0, 0, '2024-01-01T00:00:00.1Z', '2024-01-01 00:00:00-11:30'),
    (3, '9999-12-31 23:59:59', '', 1700000001, '9999-12-31', '4 hours ago', 2460310.25, -1, '', '2024-01-01 00:00:00'),
    (4, '2024-02-30 00:00:00', '2024-01-01T24:00:00Z', null, '0000-01-01', '', null, 1e12, null, 17),
    (5, '2024-12-31 23:59:60', '10000-01-01T00:00:00Z', 253402300800, '2023-02-29', ' 2024-01-01', 1, 2, '2024-01-01T00:00:00.120Z', current_timestamp);
  create table clean (id integer primary key, s datetime, ms datetime, webkit datetime, core timestamp, iso datetime, day date, zoned datetime, compact timestamp);
  insert into clean values (1, 1700000000, 1700000000123, 13344473600000000, 700000000.25, '2024-01-01 00:00:00.500', '2024-01-01', '2024-01-01T05:00:00+05:30', '20240101000000'),
    (2, 1700000001, 1700000000124, 13344473600000001, 700000001.5, '0001-01-01 00:00:00.001', '9999-12-31', '2024-06-01T05:00:00+05:30', '20240229235959');`;

const BOOLEANS = `
  create table b (id integer primary key, a boolean, b bool, c boolean, d boolean, e boolean default 'false', f boolean default true, g tinyint(1), h boolean not null check (h in (0, 1)), i boolean);
  create index only_true on b (id) where h = 1;
  insert into b values (1, 1, 't', 'true', 'Y', 'false', 1, 1, 0, 2), (2, 0, 'f', 'false', 'N', 'true', 0, 0, 1, 1), (3, null, null, null, null, 'false', null, 5, 1, 'maybe');`;

const KEYS = `
  create table none (a, b text);
  insert into none values (1, 'x'), (1, 'x'), (null, null);
  create table nullable (k text primary key, v);
  insert into nullable values (null, 1), (null, 2), ('a', 3);
  create table nocase (k text primary key collate nocase, v text unique collate nocase);
  insert into nocase values ('a', 'A'), ('B', 'b'), ('É', 'É'), ('é', 'é');
  create table mixed (k primary key, v) without rowid;
  insert into mixed values (1, 'integer'), ('1', 'text'), (x'31', 'blob'), (1.5, 'real');
  create table composite (a text, b integer, c blob, v, primary key (a, b desc, c)) without rowid;
  insert into composite values ('', 0, x'', 1), ('', -9223372036854775808, x'00', 2), ('ä', 1, x'ff', 3);
  create table realkey (k real primary key, v text);
  insert into realkey values (1, 'a'), (1.5, 'b'), (-1e999, 'c'), (1e-300, 'd');
  create table shadowed (rowid text, oid integer, _rowid_ blob, v text not null unique);
  insert into shadowed values ('r', 1, x'00', 'a'), (null, null, null, 'b');
  create table down (id integer primary key desc, v text);
  insert into down values (5, 'a'), (null, 'b');
  create table inty (id int primary key, v text);
  insert into inty values (1, 'a'), (-3, 'b'), (9223372036854775807, 'c');
  create table auto (id integer primary key autoincrement, v text);
  insert into auto values (9007199254740993, 'a'), (-7, 'b');
  create table last (id integer primary key, v text);
  insert into last values (9223372036854775807, 'the last there is');
  create table several (a text not null, b text not null, c text, unique (a, b), unique (c), unique (b, c));
  insert into several values ('a', 'b', null), ('a', 'c', null), ('b', 'b', 'x');
  create table rtrimmed (k text primary key collate rtrim, v);
  insert into rtrimmed values ('a', 1), ('b  ', 2);
  create table onlyid (id integer primary key);
  insert into onlyid values (1), (2), (-1);`;

const STRICT = `
  create table s (id integer primary key, i int not null, r real, t text, b blob, a any) strict;
  insert into s values (1, 1, 1, 'a', x'00', 1), (2, -1, 1.5, '', x'', 'text'), (3, 0, null, null, null, x'01'), (4, 4, 4, '4', x'04', 4.0);
  create table g (id integer primary key, a integer, j text, twice integer as (a * 2), stored text as (upper(j)) stored, at text generated always as (json_extract(j, '$.at')) virtual);
  insert into g (id, a, j) values (1, 5, '{"at": 1}'), (2, null, '{}'), (3, -1, '{"at": "x"}');
  create index by_twice on g (twice);`;

const REFERENCES = `
  pragma foreign_keys = off;
  create table parent (id integer primary key, code text unique, num numeric unique, name text collate nocase unique);
  insert into parent values (1, 'a', 1, 'Name'), (2, 'b', 2.5, 'Other');
  create table child (id integer primary key, parent_id integer references parent on delete cascade on update set null, code text references parent (code),
    num smallint references parent (num), name text references parent (name) deferrable initially deferred, gone integer references missing (id));
  insert into child values (1, 1, 'a', 1, 'NAME', 4), (2, 99, 'zz', 7, 'nobody', null), (3, null, null, null, null, null);
  create table self (id integer primary key, up integer references self on delete set null);
  insert into self values (1, null), (2, 1), (3, 3), (4, 77);
  create table x (id integer primary key, y integer references y);
  create table y (id integer primary key, x integer references x);
  insert into x values (1, 1); insert into y values (1, 1);
  create table untyped (id primary key, other references untyped);
  insert into untyped values ('a', 'a'), (1, 'a');`;

const TYPES = `
  create table t (id integer primary key, a point, b string, c guid, e longvarchar(10), f varchar(3), g "INTERGER NON", h unsigned, i none, j foo, k "text nocase",
    l json, m "blob sub_type text", n int64, o nvarchar(40), p character varying(5), q native character(7));
  insert into t values (1, x'0001', '007', '00112233-4455-6677-8899-AABBCCDDEEFF', 'longer than ten', 'äöü and more', 5, 5, 5, 'x', 'y', '{"a": 1, "a": 2}', 'text', 1, 'x', 'y', 'z'),
    (2, x'', 'seven', '00112233-4455-6677-8899-aabbccddeeff', '', '', '5', -5, '5', x'00', '', '{"b": 1e400}', x'00', 1.5, '', '', ''),
    (3, null, '8', null, null, null, null, null, null, null, null, 'not json', null, null, null, null, null);`;

const INDEXES = `
  create table i (id integer primary key, t text, u text, n text collate nocase, at text default (strftime('%Y-%m-%d %H:%M:%f', 'now')), q text default "quoted", c text default current_timestamp, x default (1 + 1));
  create index partial on i (t) where u is not null and t <> '';
  create unique index expressed on i (lower(t));
  create index downward on i (t desc, n);
  create index folded on i (t collate nocase);
  create unique index folded_n on i (n);
  create index long_text on i (u);
  insert into i (id, t, u, n) values (1, 'a', hex(randomblob(20000)), 'a'), (2, 'B', 'short', 'b'), (3, null, null, null);
  create view of_i as select id, upper(t) as big, count(*) as n from i group by id;
  create view broken as select gone from nowhere;
  create view app as select app_function(t) from i;
  create trigger touched after update on i begin update i set c = 'touched' where id = new.id and c is not 'touched'; end;
  create trigger app_trigger after insert on i begin update i set q = app_function(new.t) where id = new.id; end;
  create trigger never before update of gone on i begin select raise(abort, 'never'); end;
  create virtual table f using fts5 (t, content = i, content_rowid = id);
  create virtual table r using rtree (id, x0, x1);
  insert into r values (1, 0, 1);
  create virtual table own using fts5 (a, b, tokenize = 'trigram');
  create virtual table contentless using fts5 (a, content = '');
  insert into own values ('abc', 'def');
  insert into contentless (rowid, a) values (1, 'abc');
  create table keeps (id integer primary key on conflict replace, u text unique on conflict replace, v integer default -1 not null on conflict replace);
  insert into keeps values (1, 'a', 1), (2, 'b', 2);
  create view writable as select id, v from keeps;
  create trigger through instead of insert on writable begin insert into keeps (v) values (new.v); end;
  analyze;
  create table long_key (k text primary key, v text);
  insert into long_key values ('short', 'a');`;

/** Modules, tokenizers, collations and functions that only the application has. */
const FOREIGN = (db: Database.Database): void => {
  db.exec(`
    create table place (id integer primary key, name text, geometry point check (1));
    insert into place values (1, 'Basel', x'0001'), (2, 'Bern', null);
    create trigger gone_function before insert on place when not is_valid(new.geometry) begin select raise(abort, 'not valid'); end;
    create view in_index as select * from idx_place;`);
  db.unsafeMode(true);
  db.pragma('writable_schema = on');
  const add = db.prepare(`insert into sqlite_schema (type, name, tbl_name, rootpage, sql) values ('table', ?, ?, 0, ?)`);
  add.run('idx_place', 'idx_place', 'create virtual table idx_place using VirtualSpatialIndex ()');
  add.run('searched', 'searched', 'create virtual table searched using fts3 (name, tokenize=HeaderTokenizer)');
  db.pragma('writable_schema = off');
};

const WIDE = (db: Database.Database): void => {
  db.exec(
    `create table wide (id integer primary key, ${numbered(200, n => `c${n} ${['text', 'integer', 'real', 'blob', 'datetime'][n % 5]}`)})`,
  );
  db.exec(`insert into wide (id, c0, c199, c101) values (1, 'a', '2024-01-01 00:00:00', 5), (2, null, null, null)`);
  db.exec(`create table wider (${numbered(700, n => `c${n}`)})`);
  db.exec(`insert into wider (c0, c699) values (1, 2)`);
};

const TEXTS = `
  create table "naïve" (id integer primary key, t text, n text collate nocase unique, d datetime, j json, x);
  insert into "naïve" values (1, 'äöü 🜁', 'É', '2024-01-01 00:00:00', '{"ä": "🜁"}', 'x'), (2, '', 'é', '2024-01-02 00:00:00', '[]', 5), (3, 'a' || char(0) || 'b', null, null, null, x'00'), (4, null, 'e', null, null, 1.5);
  create table k (k text primary key, v text default 'ü') without rowid;
  insert into k values ('ß', 'a'), ('ss', 'b'), ('🜁', 'c');`;

const encoded = (encoding: string): Build => `pragma encoding = '${encoding}'; ${TEXTS}`;

/** By name; each is made anew in a file of its own. */
export const ODD: Readonly<Record<string, Build>> = {
  names: NAMES,
  values: VALUES,
  dates: DATES,
  booleans: BOOLEANS,
  keys: KEYS,
  strict: STRICT,
  references: REFERENCES,
  types: TYPES,
  indexes: INDEXES,
  foreign: FOREIGN,
  wide: WIDE,
  pages: `pragma page_size = 512; pragma auto_vacuum = 1; pragma user_version = 7; ${TEXTS}`,
  utf16le: encoded('UTF-16le'),
  utf16be: encoded('UTF-16be'),
  empty: `create table e (id integer primary key, a text, b boolean, c datetime); create table f (a, b); create table g (k text primary key) without rowid;`,
  nothing: `create table t (a); drop table t;`,
  wal: `pragma journal_mode = wal; ${TEXTS}`,
};

/** Those that Postgres cannot have: to be refused, with a reason. */
export const IMPOSSIBLE: Readonly<Record<string, Build>> = {
  zero: '',
  keyless: `create table shadowed (rowid text, oid integer, _rowid_ blob, v text); insert into shadowed values (1, 2, 3, 4);`,
  'too-wide': db => db.exec(`create table w (${numbered(1_700, n => `c${n}`)}); insert into w (c0) values (1)`),
};

/** Makes the file. */
export function build(path: string, what: Build): void {
  const db = new Database(path);
  try {
    if (typeof what === 'string') db.exec(what);
    else what(db);
  } finally {
    db.close();
  }
}
