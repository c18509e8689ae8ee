/*
 * The same of programs at home: recorders, libraries, maps, messages; and views, triggers and indexes as SQL can be written.
 */
import type { Build } from './odd.ts';

const RECORDER = `
  CREATE TABLE event_data (data_id INTEGER NOT NULL, hash BIGINT, shared_data TEXT, PRIMARY KEY (data_id));
  CREATE TABLE states_meta (metadata_id INTEGER NOT NULL, entity_id VARCHAR(255), PRIMARY KEY (metadata_id));
  CREATE TABLE states (state_id INTEGER NOT NULL, entity_id CHAR(0), state VARCHAR(255), attributes CHAR(0), last_changed CHAR(0), last_changed_ts FLOAT, last_updated_ts FLOAT, old_state_id INTEGER, context_id_bin BLOB, origin_idx SMALLINT, metadata_id INTEGER, PRIMARY KEY (state_id), FOREIGN KEY(old_state_id) REFERENCES states (state_id), FOREIGN KEY(metadata_id) REFERENCES states_meta (metadata_id));
  CREATE INDEX ix_states_metadata_id_last_updated_ts ON states (metadata_id, last_updated_ts);
  CREATE UNIQUE INDEX ix_states_meta_entity_id ON states_meta (entity_id);
  CREATE TABLE statistics (id INTEGER NOT NULL, created DATETIME, created_ts FLOAT, metadata_id INTEGER, start DATETIME, mean FLOAT, min FLOAT, max FLOAT, sum FLOAT, PRIMARY KEY (id));
  CREATE UNIQUE INDEX ix_statistics_statistic_id_start_ts ON statistics (metadata_id, created_ts);
  CREATE TABLE recorder_runs (run_id INTEGER NOT NULL, start DATETIME NOT NULL, "end" DATETIME, closed_incorrect BOOLEAN NOT NULL, created DATETIME NOT NULL, PRIMARY KEY (run_id));
  CREATE VIEW latest AS WITH ranked AS (SELECT s.*, ROW_NUMBER() OVER (PARTITION BY metadata_id ORDER BY last_updated_ts DESC) AS place FROM states s) SELECT m.entity_id, r.state, datetime(r.last_updated_ts, 'unixepoch') AS at, r.last_updated_ts - LAG(r.last_updated_ts) OVER (ORDER BY r.state_id) AS gap FROM ranked r JOIN states_meta m USING (metadata_id) WHERE place = 1;
  CREATE VIEW hourly AS SELECT strftime('%Y-%m-%d %H:00', last_updated_ts, 'unixepoch') AS hour, avg(CAST(state AS REAL)) AS mean, min(state), max(state) FROM states WHERE state GLOB '[0-9]*' GROUP BY 1;
  insert into event_data values (1, 3000000000, '{"a":1}'), (2, null, null);
  insert into states_meta values (1, 'sun.sun'), (2, 'sensor.x');
  insert into states values (1, null, 'on', null, null, null, 1700000000.123456, null, x'0123456789abcdef0123456789abcdef', 0, 1), (2, '', '12.5', '', '', 1700000000.1, 1700000001.5, 1, null, 1, 2), (3, null, '13', null, null, null, 1700000002, 2, x'00', 0, 2);
  insert into statistics values (1, null, 1700000000.5, 1, null, 0.1, -1, 1e10, null), (2, '2024-01-01 00:00:00.000000', 1700003600, 1, '2024-01-01 00:00:00.000000', null, null, null, 5);
  insert into recorder_runs values (1, '2024-01-01 00:00:00.123456', null, 1, '2024-01-01 00:00:00.123456'), (2, '2024-01-02 00:00:00.123456', '2024-01-03 00:00:00.000000', 0, '2024-01-02 00:00:00.123456');`;

const LIBRARY = `
  CREATE TABLE books (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL DEFAULT 'Unknown' COLLATE NOCASE, sort TEXT COLLATE NOCASE, timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP, pubdate TIMESTAMP DEFAULT CURRENT_TIMESTAMP, series_index REAL NOT NULL DEFAULT 1.0, uuid TEXT, has_cover BOOL DEFAULT 0, last_modified TIMESTAMP NOT NULL DEFAULT "2000-01-01 00:00:00+00:00");
  CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, link TEXT NOT NULL DEFAULT "", UNIQUE(name));
  CREATE TABLE books_authors_link (id INTEGER PRIMARY KEY, book INTEGER NOT NULL, author INTEGER NOT NULL, UNIQUE(book, author));
  CREATE TABLE ratings (id INTEGER PRIMARY KEY, rating INTEGER CHECK(rating > -1 AND rating < 11), UNIQUE (rating));
  CREATE TABLE custom_column_1 (id INTEGER PRIMARY KEY AUTOINCREMENT, value INT NOT NULL CHECK (value IN (0,1)), UNIQUE(value));
  CREATE VIEW meta AS SELECT id, title, (SELECT concat(name) FROM books_authors_link AS bal JOIN authors ON(author = authors.id) WHERE book = books.id) authors, (SELECT group_concat(name, ' & ') FROM books_authors_link JOIN authors ON author = authors.id WHERE book = books.id) names, series_index FROM books;
  CREATE VIEW tag_browser AS SELECT id, name, (SELECT COUNT(id) FROM books_authors_link WHERE author = authors.id) count, (SELECT AVG(rating) FROM ratings) avg_rating, name AS sort FROM authors;
  CREATE TRIGGER books_delete_trg AFTER DELETE ON books BEGIN DELETE FROM books_authors_link WHERE book = OLD.id; END;
  CREATE TRIGGER fkc_insert BEFORE INSERT ON books_authors_link BEGIN SELECT CASE WHEN ((SELECT id FROM books WHERE id = NEW.book) IS NULL) THEN RAISE(ABORT, 'Foreign key violation: book not in books') END; END;
  CREATE INDEX authors_idx ON books (sort COLLATE NOCASE); CREATE INDEX books_idx ON books (sort DESC, id);
  insert into books (id, title, sort, timestamp, pubdate, uuid, has_cover, last_modified) values (1, 'Élan', 'elan', '2024-01-01 10:00:00.123456+00:00', '0101-01-01 00:00:00+00:00', 'a0000000-0000-4000-8000-00000000000f', 1, '2024-01-01 10:00:00+00:00'), (2, 'b', null, '2024-01-01 10:00:00+00:00', '2020-05-05 00:00:00+00:00', null, 0, '2024-01-01 10:00:00.1+00:00');
  insert into authors values (1, 'Ann', ''), (2, 'ÉMILE', ''), (3, 'émile', 'x'); insert into books_authors_link values (1, 1, 1), (2, 1, 2), (3, 2, 3);
  insert into ratings values (1, 0), (2, 10), (3, null); insert into custom_column_1 values (1, 0), (2, 1);`;

const MAP = (db: Parameters<Exclude<Build, string>>[0]): void => {
  db.exec(`
    pragma application_id = 1196444487; pragma user_version = 10300;
    CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY, organization TEXT NOT NULL, definition TEXT NOT NULL, description TEXT);
    CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE, last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), min_x DOUBLE, max_x DOUBLE, srs_id INTEGER, CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
    CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name), CONSTRAINT uk_gc_table_name UNIQUE (table_name), CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name));
    CREATE TABLE "road segments" ("fid" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, "geom" LINESTRING, "Name" TEXT(80), "lanes" MEDIUMINT, "opened" DATE, "oneway" BOOLEAN, "len.km" DOUBLE);
    CREATE VIRTUAL TABLE "rtree_road segments_geom" USING rtree(id, minx, maxx, miny, maxy);
    insert into gpkg_spatial_ref_sys values ('WGS 84', 4326, 'EPSG', 'GEOGCS["WGS 84"]', null), ('Undefined', -1, 'NONE', 'undefined', 'x');
    insert into gpkg_contents values ('road segments', 'features', 'roads', '2024-01-01T00:00:00.000Z', -1.5, 2, 4326);
    insert into gpkg_geometry_columns values ('road segments', 'geom', 'LINESTRING', 4326, 0);
    insert into "road segments" values (1, x'47500001e6100000', 'Höhe', 2, '2020-02-29', 1, 1.25), (2, null, null, null, null, 0, 1e-300);
    insert into "rtree_road segments_geom" values (1, 0, 1, 0, 1);
    CREATE TRIGGER "rtree_insert" AFTER INSERT ON "road segments" WHEN (new."geom" NOT NULL AND NOT ST_IsEmpty(NEW."geom")) BEGIN INSERT OR REPLACE INTO "rtree_road segments_geom" VALUES (NEW."fid", ST_MinX(NEW."geom"), ST_MaxX(NEW."geom"), ST_MinY(NEW."geom"), ST_MaxY(NEW."geom")); END;
    CREATE TRIGGER "rtree_delete" AFTER DELETE ON "road segments" WHEN old."geom" NOT NULL BEGIN DELETE FROM "rtree_road segments_geom" WHERE id = OLD."fid"; END;`);
};

const MESSAGES = `
  CREATE TABLE thread (_id INTEGER PRIMARY KEY AUTOINCREMENT, date INTEGER DEFAULT 0, recipient_id INTEGER NOT NULL UNIQUE, snippet TEXT, archived INTEGER DEFAULT 0, active INTEGER DEFAULT 0);
  CREATE TABLE message (_id INTEGER PRIMARY KEY AUTOINCREMENT, date_sent INTEGER NOT NULL, thread_id INTEGER NOT NULL REFERENCES thread (_id) ON DELETE CASCADE, body TEXT, type INTEGER, quote_id INTEGER DEFAULT 0, link_previews TEXT DEFAULT NULL, unread INTEGER DEFAULT 0, server_guid TEXT DEFAULT NULL, UNIQUE (date_sent, thread_id) ON CONFLICT IGNORE);
  CREATE INDEX message_thread_story_date ON message (thread_id, date_sent DESC) WHERE unread = 1 AND body IS NOT NULL;
  CREATE UNIQUE INDEX message_guid ON message (server_guid);
  CREATE VIRTUAL TABLE message_fts USING fts5 (body, thread_id UNINDEXED, content=message, content_rowid=_id);
  CREATE TRIGGER message_ai AFTER INSERT ON message BEGIN INSERT INTO message_fts(rowid, body, thread_id) VALUES (new._id, new.body, new.thread_id); END;
  CREATE TRIGGER message_ad AFTER DELETE ON message BEGIN INSERT INTO message_fts(message_fts, rowid, body, thread_id) VALUES('delete', old._id, old.body, old.thread_id); END;
  CREATE TRIGGER message_au AFTER UPDATE ON message BEGIN INSERT INTO message_fts(message_fts, rowid, body, thread_id) VALUES('delete', old._id, old.body, old.thread_id); INSERT INTO message_fts(rowid, body, thread_id) VALUES (new._id, new.body, new.thread_id); END;
  CREATE TRIGGER thread_touch AFTER INSERT ON message BEGIN INSERT INTO thread (recipient_id, date) VALUES (-new.thread_id, new.date_sent) ON CONFLICT (recipient_id) DO UPDATE SET date = excluded.date, snippet = 'again'; END;
  CREATE TABLE key_value (_id INTEGER PRIMARY KEY, key TEXT UNIQUE, value TEXT, type INTEGER);
  CREATE TABLE wa_props (prop_name TEXT PRIMARY KEY ON CONFLICT REPLACE, prop_value TEXT);
  
  CREATE VIRTUAL TABLE old_search USING fts4 (body, tokenize=unicode61);
  CREATE VIEW unread AS SELECT t._id, IIF(COUNT(*) > 99, '99+', CAST(COUNT(*) AS TEXT)) AS badge, group_concat(m.body ORDER BY m.date_sent DESC) AS bodies, printf('%02d:%02d', SUM(m.type) / 60, SUM(m.type) % 60) AS duration FROM thread t JOIN message m ON m.thread_id = t._id WHERE m.unread = 1 GROUP BY t._id;
  insert into thread (_id, date, recipient_id) values (1, 1700000000123, 1), (2, 0, 2);
  insert into message (date_sent, thread_id, body, type, unread, server_guid) values (1700000000123, 1, 'hello 😀', 10485783, 1, null), (1700000000124, 1, null, 0, 1, 'A0000000-0000-4000-8000-00000000000F'), (1700000000125, 2, 'x' || char(0) || 'y', 5, 0, 'b');
  insert into key_value values (1, 'a', 'true', 1), (2, 'b', x'0001', 2); insert into wa_props values ('a', 'b');
  insert into old_search (body) values ('red apple');`;

const SQL = `
  create table person (id integer primary key, name text not null, born date, score real, data text default '{}', tags text, boss integer references person (id), at datetime default current_timestamp);
  create index by_name on person (name collate nocase, score desc);
  create index by_year on person (strftime('%Y', born), lower(name) desc) where born is not null;
  create index by_mail on person (data ->> '$.mail');
  create unique index one_mail on person (json_extract(data, '$.mail')) where json_extract(data, '$.mail') is not null;
  create view tree as with recursive up (id, name, depth) as (select id, name, 0 from person where boss is null union all select p.id, p.name, depth + 1 from person p join up on p.boss = up.id) select * from up;
  create view spread as select id, rank() over w as r, dense_rank() over w as d, ntile(2) over w as half, first_value(name) over w as first, sum(score) over (order by id rows between unbounded preceding and current row) as running, percent_rank() over w as pr from person window w as (order by score desc);
  create view dates as select id, date(born, '+1 month', 'start of month', '-1 day') as month_end, strftime('%d.%m.%Y', born) as shown, strftime('%s', born) as seconds, julianday(born) as jd, strftime('%j', born) as day_of_year, strftime('%w', born) as weekday, cast(strftime('%Y', 'now') - strftime('%Y', born) as integer) as age, time(at) as t, unixepoch(at) as ue, datetime(at, 'localtime') as local from person;
  create view texts as select id, printf('%5.2f|%-10s|%x', score, name, id) as f, group_concat(name) over () as everyone, instr(name, 'n') as i, substr(name, -2) as tail, trim(name, 'a') as trimmed, replace(name, 'a', '') as less, char(65, 66) as ab, hex(name) as hexed, name like 'A%' as liked, name glob 'A*' as globbed, quote(name) as q, unicode(name) as u, name || coalesce(' ' || tags, '') as full from person;
  create view grouped as select substr(name, 1, 1) as letter, count(distinct boss) as bosses, total(score) as t, avg(score) as a, group_concat(name, ', ') as names, json_group_array(name) as list, max(score) filter (where boss is not null) as best from person group by letter having count(*) >= 1 order by 2 desc, letter;
  create view jsons as select id, data ->> 'mail' as mail, data -> '$.a' as a, json_array_length(data, '$.a') as n, json_type(data, '$.a') as t, json_extract(data, '$.mail', '$.a') as both from person;
  create view exploded as select p.id, j.value from person p, json_each(p.data, '$.a') j;
  create view sets as select name from person where score > 1 union select name from person where boss is null except select name from person where id = 3 intersect select name from person;
  create view pick as select p.*, (select count(*) from person c where c.boss = p.id) as reports, exists (select 1 from person c where c.boss = p.id) as leads, case p.boss when null then 'x' when 1 then 'one' else 'other' end as word, p.score is not null and p.score > 1 as good, iif(p.score > 1, 1, 0) as flag, p.id in (1, 2) as early, p.score between 1 and 2 as between_, not p.boss as nb, -p.score as neg, p.id << 1 as shifted, p.id & 1 as odd, round(p.score, 1) as rounded, max(p.id, 2) as at_least, nullif(p.name, '') as n, ifnull(p.boss, 0) as b, typeof(p.score) as ty, p.rowid as rid from person p where p.name not in ('x') limit 10 offset 0;
  create view bare as select name, max(score) from person;
  create view two as select a.id, b.name from person a natural join (select id, name from person) b;
  create view "values" (a, b) as values (1, 'x'), (2, null);
  create trigger upsert after insert on person when new.tags is not null begin insert into person (id, name) values (new.id + 1000, new.name) on conflict (id) do update set score = coalesce(score, 0) + 1 where name <> 'x'; end;
  create trigger through instead of update on pick begin update person set name = new.name where id = old.id; end;
  create trigger guard before delete on person when old.boss is null and (select count(*) from person where boss = old.id) > 0 begin select raise(abort, 'has reports'); end;
  create table log (id integer primary key, who text, what text check (what in ('a', 'b') and (who is null or length(who) < 20)), at text default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), n integer default (abs(random()) % 10), code text default (upper(hex(randomblob(4)))), day text generated always as (substr(at, 1, 10)) virtual, big as (n > 5) stored, unique (who, what) on conflict replace);
  create index log_day on log (day desc, id) where big;
  insert into person (id, name, born, score, data, tags, boss) values (1, 'Ann', '1990-02-28', 1.5, '{"mail":"a@x","a":[1,2]}', null, null), (2, 'bob', null, 3, '{}', null, 1), (3, 'Cid', '2001-12-31', null, '{"mail":"c@x","a":"t"}', 'x', 1);
  insert into log (who, what) values ('x', 'a'), (null, 'b'), (null, 'b');`;

export const INVENTED_MORE: Readonly<Record<string, Build>> = {
  recorder: RECORDER,
  library: LIBRARY,
  map: MAP,
  messages: MESSAGES,
  sql: SQL,
};
