/*
 * Schemas as well-known kinds of application have them, invented here: their shapes of types, keys, triggers, views and indexes.
 */
import type { Build } from './odd.ts';

const BLOG = `
  create table wp_users (ID INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, user_login TEXT NOT NULL COLLATE NOCASE DEFAULT '', user_registered TEXT NOT NULL DEFAULT '0000-00-00 00:00:00', user_status INTEGER NOT NULL DEFAULT 0);
  create table wp_posts (ID INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, post_author INTEGER NOT NULL DEFAULT 0, post_date TEXT NOT NULL DEFAULT '0000-00-00 00:00:00', post_date_gmt TEXT NOT NULL DEFAULT '0000-00-00 00:00:00', post_content TEXT NOT NULL, post_title TEXT NOT NULL, post_status TEXT NOT NULL COLLATE NOCASE DEFAULT 'publish', menu_order INTEGER NOT NULL DEFAULT 0, comment_count INTEGER NOT NULL DEFAULT 0, guid TEXT NOT NULL DEFAULT '');
  create index wp_posts__type_status_date on wp_posts (post_status, post_date, ID);
  create index wp_posts__post_name on wp_posts (post_title collate nocase desc);
  create table wp_postmeta (meta_id INTEGER PRIMARY KEY AUTOINCREMENT, post_id INTEGER NOT NULL DEFAULT 0, meta_key TEXT COLLATE NOCASE DEFAULT NULL, meta_value TEXT);
  create table wp_options (option_id INTEGER PRIMARY KEY AUTOINCREMENT, option_name TEXT NOT NULL COLLATE NOCASE DEFAULT '' UNIQUE, option_value TEXT NOT NULL, autoload TEXT NOT NULL DEFAULT 'yes');
  create table _mysql_data_types_cache ("table" TEXT NOT NULL, column_or_index TEXT NOT NULL, mysql_type TEXT NOT NULL, PRIMARY KEY ("table", column_or_index));
  create trigger __wp_options_touched after update on wp_options for each row begin update wp_options set autoload = 'no' where rowid = new.rowid and new.option_value = ''; end;
  create view published as select p.ID, p.post_title, u.user_login as author, strftime('%Y-%m', p.post_date) as month, count(*) over (partition by p.post_author) as by_author from wp_posts p left join wp_users u on u.ID = p.post_author where p.post_status = 'publish' order by p.post_date desc;
  create view meta as select post_id, group_concat(meta_key || '=' || meta_value, '; ') as pairs from wp_postmeta group by post_id;
  insert into wp_users values (1, 'Admin', '2024-01-01 10:00:00', 0), (2, 'editor', '0000-00-00 00:00:00', 1);
  insert into wp_posts (post_author, post_date, post_content, post_title, guid) values (1, '2024-01-02 10:00:00', '<p>Hällo</p>', 'Hello', 'http://x/?p=1'), (2, '0000-00-00 00:00:00', '', '', ''), (1, '2024-02-02 10:00:00', 'a:1:{s:1:"x";}', 'hello', 'http://x/?p=3');
  insert into wp_postmeta values (1, 1, '_edit_lock', '1700000000:1'), (2, 1, null, null), (3, 3, '_Thumb', 'a:0:{}');
  insert into wp_options (option_name, option_value) values ('siteurl', 'http://x'), ('cron', 'a:2:{i:1;b:0;}');
  insert into _mysql_data_types_cache values ('wp_posts', 'ID', 'bigint(20) unsigned'), ('wp_posts', 'post_date', 'datetime');`;

const DJANGO = `
  CREATE TABLE "auth_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "password" varchar(128) NOT NULL, "last_login" datetime NULL, "is_superuser" bool NOT NULL, "username" varchar(150) NOT NULL UNIQUE, "date_joined" datetime NOT NULL);
  CREATE TABLE "django_content_type" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app_label" varchar(100) NOT NULL, "model" varchar(100) NOT NULL);
  CREATE UNIQUE INDEX "django_content_type_app_label_model_76bd3d3b_uniq" ON "django_content_type" ("app_label", "model");
  CREATE TABLE "django_session" ("session_key" varchar(40) NOT NULL PRIMARY KEY, "session_data" text NOT NULL, "expire_date" datetime NOT NULL);
  CREATE TABLE "shop_product" ("id" char(32) NOT NULL PRIMARY KEY, "name" varchar(200) NOT NULL, "price" decimal NOT NULL, "tags" text NOT NULL CHECK ((JSON_VALID("tags") OR "tags" IS NULL)), "stock" integer unsigned NOT NULL CHECK ("stock" >= 0), "rank" smallint unsigned NULL CHECK ("rank" >= 0), "taken" time NULL, "lasts" bigint NOT NULL, "picture" varchar(100) NOT NULL, "address" char(39) NULL, "upper_name" varchar(200) GENERATED ALWAYS AS (UPPER("name")) STORED, "seller_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "price_positive" CHECK ("price" > '0'), CONSTRAINT "name_or_rank" CHECK ((NOT ("name" = '' AND "name" IS NOT NULL) OR "rank" IS NOT NULL)));
  CREATE UNIQUE INDEX "one_per_seller" ON "shop_product" ("seller_id", "name") WHERE "stock" > 0;
  CREATE INDEX "lower_name" ON "shop_product" ((LOWER("name")) DESC);
  CREATE TABLE "shop_product_related" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "from_product_id" char(32) NOT NULL REFERENCES "shop_product" ("id") DEFERRABLE INITIALLY DEFERRED, "to_product_id" char(32) NOT NULL REFERENCES "shop_product" ("id") DEFERRABLE INITIALLY DEFERRED);
  CREATE UNIQUE INDEX "pair" ON "shop_product_related" ("from_product_id", "to_product_id");
  CREATE TABLE "django_admin_log" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "action_flag" smallint unsigned NOT NULL CHECK ("action_flag" >= 0), "object_id" text NULL, "content_type_id" integer NULL REFERENCES "django_content_type" ("id") DEFERRABLE INITIALLY DEFERRED, "action_time" datetime NOT NULL);
  insert into auth_user values (1, 'pbkdf2_sha256$1$x', '2024-01-01 10:00:00.123456', 1, 'Ann', '2023-12-31 23:59:59'), (2, '!', null, 0, 'bob', '2024-01-01 00:00:00.000001');
  insert into django_content_type values (1, 'auth', 'user'), (2, 'shop', 'product');
  insert into django_session values ('abc', '.eJx', '2024-02-01 00:00:00');
  insert into shop_product (id, name, price, tags, stock, rank, taken, lasts, picture, address, seller_id) values ('0123456789abcdef0123456789abcdef', 'Lamp', 9.99, '["a", {"b": 1}]', 3, null, '10:00:00', 86400000000, 'p/1.png', '192.168.0.1', 1), ('fedcba9876543210fedcba9876543210', 'lamp', 10, '{}', 0, 7, '10:00:00.5', -1, '', '::1', 2);
  insert into shop_product_related values (1, '0123456789abcdef0123456789abcdef', 'fedcba9876543210fedcba9876543210');
  insert into django_admin_log values (1, 2, '5', 2, '2024-01-01 10:00:00.5'), (2, 1, null, null, '2024-01-01 10:00:00');`;

const RAILS = `
  CREATE TABLE "schema_migrations" ("version" varchar NOT NULL PRIMARY KEY);
  CREATE TABLE "ar_internal_metadata" ("key" varchar NOT NULL PRIMARY KEY, "value" varchar, "created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL);
  CREATE TABLE "active_storage_blobs" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "key" varchar NOT NULL, "metadata" text, "byte_size" bigint NOT NULL, "created_at" datetime(6) NOT NULL);
  CREATE UNIQUE INDEX "index_active_storage_blobs_on_key" ON "active_storage_blobs" ("key");
  CREATE TABLE "comments" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "commentable_type" varchar NOT NULL, "commentable_id" integer NOT NULL, "body" text, "settings" json DEFAULT '{}' NOT NULL, "votes" integer DEFAULT 0 NOT NULL, "score" decimal(5,2) DEFAULT 0.0, "hidden" boolean DEFAULT 0 NOT NULL, "deleted_at" datetime(6), "lock_version" integer, "status" varchar DEFAULT 'new' CHECK (status IN ('new','seen')), "word_count" integer GENERATED ALWAYS AS (length(body) - length(replace(body, ' ', '')) + 1) VIRTUAL, "created_at" datetime(6) DEFAULT CURRENT_TIMESTAMP NOT NULL, "updated_at" datetime(6) NOT NULL);
  CREATE INDEX "index_comments_on_commentable" ON "comments" ("commentable_type", "commentable_id") WHERE deleted_at IS NULL;
  CREATE INDEX "index_comments_on_settings" ON "comments" (json_extract(settings, '$.color'));
  CREATE INDEX "index_comments_on_hidden" ON "comments" ("hidden") WHERE hidden = 1;
  CREATE TABLE "taggings" ("tag_id" integer NOT NULL, "comment_id" integer NOT NULL, CONSTRAINT "fk_rails_1" FOREIGN KEY ("comment_id") REFERENCES "comments" ("id") ON DELETE CASCADE);
  CREATE UNIQUE INDEX "index_taggings" ON "taggings" ("tag_id", "comment_id");
  CREATE VIRTUAL TABLE comment_search USING fts5(body, content='comments', content_rowid='id', tokenize='porter unicode61');
  CREATE TRIGGER comments_ai AFTER INSERT ON comments BEGIN INSERT INTO comment_search(rowid, body) VALUES (new.id, new.body); END;
  CREATE TRIGGER comments_ad AFTER DELETE ON comments BEGIN INSERT INTO comment_search(comment_search, rowid, body) VALUES('delete', old.id, old.body); END;
  CREATE TRIGGER comments_au AFTER UPDATE ON comments BEGIN INSERT INTO comment_search(comment_search, rowid, body) VALUES('delete', old.id, old.body); INSERT INTO comment_search(rowid, body) VALUES (new.id, new.body); END;
  CREATE VIEW comment_totals AS SELECT commentable_type || '#' || commentable_id AS target, COUNT(*) AS n, AVG(score) AS mean, SUM(CASE WHEN hidden THEN 1 ELSE 0 END) AS hidden, MAX(created_at) AS latest FROM comments WHERE deleted_at IS NULL GROUP BY commentable_type, commentable_id HAVING COUNT(*) > 0;
  CREATE VIEW colors AS SELECT id, settings ->> '$.color' AS color, json_extract(settings, '$.size') AS size FROM comments;
  insert into schema_migrations values ('20240101000000'), ('20240102000000');
  insert into ar_internal_metadata values ('environment', 'production', '2024-01-01 00:00:00.000000', '2024-01-01 00:00:00.123456');
  insert into active_storage_blobs values (1, 'k1', '{"identified":true}', 12345678901, '2024-01-01 00:00:00.123456');
  insert into comments (commentable_type, commentable_id, body, settings, score, hidden, deleted_at, updated_at, created_at) values ('Post', 1, 'one two three', '{"color":"red","size":2}', 1.5, 0, null, '2024-01-01 00:00:00.123456', '2024-01-01 00:00:00.123456'), ('Post', 1, null, '{}', 0, 1, '2024-01-02 00:00:00.000000', '2024-01-01 00:00:00.500000', '2024-01-01 00:00:00.123456'), ('Photo', 1, 'x', '{"color":null}', null, 0, null, '2024-01-01 00:00:00.123456', '2024-01-01 00:00:00.123456');
  insert into taggings values (1, 1), (2, 1), (1, 3);`;

const PRISMA = `
  CREATE TABLE "_prisma_migrations" ("id" TEXT PRIMARY KEY NOT NULL, "checksum" TEXT NOT NULL, "finished_at" DATETIME, "migration_name" TEXT NOT NULL, "logs" TEXT, "rolled_back_at" DATETIME, "started_at" DATETIME NOT NULL DEFAULT current_timestamp, "applied_steps_count" INTEGER UNSIGNED NOT NULL DEFAULT 0);
  CREATE TABLE "User" ("id" TEXT NOT NULL PRIMARY KEY, "email" TEXT NOT NULL, "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, "balance" DECIMAL NOT NULL DEFAULT 0, "big" BIGINT, "data" JSONB, "active" BOOLEAN NOT NULL DEFAULT true, "avatar" BLOB, "ratio" REAL);
  CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
  CREATE TABLE "Post" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "title" TEXT NOT NULL, "authorId" TEXT, "updatedAt" DATETIME NOT NULL, CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User" ("id") ON DELETE SET NULL ON UPDATE CASCADE);
  CREATE INDEX "Post_authorId_updatedAt_idx" ON "Post"("authorId", "updatedAt" DESC);
  CREATE TABLE "_PostToTag" ("A" INTEGER NOT NULL, "B" TEXT NOT NULL, CONSTRAINT "_PostToTag_A_fkey" FOREIGN KEY ("A") REFERENCES "Post" ("id") ON DELETE CASCADE ON UPDATE CASCADE);
  CREATE UNIQUE INDEX "_PostToTag_AB_unique" ON "_PostToTag"("A", "B");
  CREATE INDEX "_PostToTag_B_index" ON "_PostToTag"("B");
  insert into _prisma_migrations (id, checksum, finished_at, migration_name) values ('a0000000-0000-4000-8000-00000000000f', 'x', 1700000000123, 'init');
  insert into "User" values ('clx1', 'a@x', 1700000000123, 12.5, 9007199254740993, '{"a":[1,2]}', 1, x'00ff', 0.1), ('clx2', 'A@x', 1700000000456, 3, -1, null, 0, null, 1e300);
  insert into "Post" values (1, 'a', 'clx1', 1700000000123), (2, 'b', null, 1700000000124);
  insert into "_PostToTag" values (1, 'x'), (2, 'x'), (1, 'y');`;

const PLACES = `
  CREATE TABLE moz_places (id INTEGER PRIMARY KEY, url LONGVARCHAR, title LONGVARCHAR, rev_host LONGVARCHAR, visit_count INTEGER DEFAULT 0, hidden INTEGER DEFAULT 0 NOT NULL, typed INTEGER DEFAULT 0 NOT NULL, frecency INTEGER DEFAULT -1 NOT NULL, last_visit_date INTEGER, guid TEXT, foreign_count INTEGER DEFAULT 0 NOT NULL, url_hash INTEGER DEFAULT 0 NOT NULL, origin_id INTEGER REFERENCES moz_origins(id), recalc_frecency INTEGER NOT NULL DEFAULT 0);
  CREATE INDEX moz_places_url_hashindex ON moz_places (url_hash);
  CREATE UNIQUE INDEX moz_places_guid_uniqueindex ON moz_places (guid);
  CREATE TABLE moz_origins (id INTEGER PRIMARY KEY, prefix TEXT NOT NULL, host TEXT NOT NULL, frecency INTEGER NOT NULL, UNIQUE (prefix, host));
  CREATE TABLE moz_historyvisits (id INTEGER PRIMARY KEY, from_visit INTEGER, place_id INTEGER, visit_date INTEGER, visit_type INTEGER, session INTEGER);
  CREATE TABLE moz_inputhistory (place_id INTEGER NOT NULL, input LONGVARCHAR NOT NULL, use_count INTEGER, PRIMARY KEY (place_id, input));
  CREATE TABLE moz_meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
  CREATE TABLE moz_places_metadata (id INTEGER PRIMARY KEY, place_id INTEGER NOT NULL, created_at INTEGER NOT NULL DEFAULT 0, scrolling_time INTEGER NOT NULL DEFAULT 0, FOREIGN KEY (place_id) REFERENCES moz_places(id) ON DELETE CASCADE, CHECK (created_at >= 0));
  CREATE UNIQUE INDEX moz_places_metadata_place_created ON moz_places_metadata (place_id, created_at);
  CREATE TRIGGER moz_visits_added AFTER INSERT ON moz_historyvisits BEGIN UPDATE moz_places SET visit_count = visit_count + 1, last_visit_date = MAX(IFNULL(last_visit_date, 0), NEW.visit_date) WHERE id = NEW.place_id; END;
  insert into moz_origins values (1, 'https://', 'example.org', 100), (2, 'http://', 'example.org', -1);
  insert into moz_places (id, url, title, rev_host, last_visit_date, guid, url_hash, origin_id) values (1, 'https://example.org/', 'Ex', 'gro.elpmaxe.', 1700000000123456, 'abcdefghijkl', 47357795150914, 1), (2, 'http://example.org/', null, null, null, null, 125508050257634, 2);
  insert into moz_historyvisits values (1, 0, 1, 1700000000123456, 1, 0), (2, 1, 1, 1700000001123456, 2, 0);
  insert into moz_inputhistory values (1, 'ex', 1.5), (1, 'EX', 2);
  insert into moz_meta values ('a', 1), ('b', 'text'), ('c', 1.5), ('d', x'00');
  insert into moz_places_metadata values (1, 1, 1700000000123, 10);`;

const CHROME = `
  CREATE TABLE meta(key LONGVARCHAR NOT NULL UNIQUE PRIMARY KEY, value LONGVARCHAR);
  CREATE TABLE urls(id INTEGER PRIMARY KEY AUTOINCREMENT,url LONGVARCHAR,title LONGVARCHAR,visit_count INTEGER DEFAULT 0 NOT NULL,typed_count INTEGER DEFAULT 0 NOT NULL,last_visit_time INTEGER NOT NULL,hidden INTEGER DEFAULT 0 NOT NULL);
  CREATE TABLE visits(id INTEGER PRIMARY KEY AUTOINCREMENT,url INTEGER NOT NULL,visit_time INTEGER NOT NULL,from_visit INTEGER,transition INTEGER DEFAULT 0 NOT NULL,segment_id INTEGER,visit_duration INTEGER DEFAULT 0 NOT NULL,incremented_omnibox_typed_score BOOLEAN DEFAULT FALSE NOT NULL);
  CREATE TABLE cookies(creation_utc INTEGER NOT NULL,host_key TEXT NOT NULL,top_frame_site_key TEXT NOT NULL,name TEXT NOT NULL,value TEXT NOT NULL,encrypted_value BLOB NOT NULL,path TEXT NOT NULL,expires_utc INTEGER NOT NULL,is_secure INTEGER NOT NULL,samesite INTEGER NOT NULL);
  CREATE UNIQUE INDEX cookies_unique_index ON cookies(host_key, top_frame_site_key, name, path);
  CREATE TABLE keyword_search_terms (keyword_id INTEGER NOT NULL,url_id INTEGER NOT NULL,term LONGVARCHAR NOT NULL,normalized_term LONGVARCHAR NOT NULL);
  CREATE INDEX keyword_search_terms_index1 ON keyword_search_terms (keyword_id, normalized_term);
  CREATE TABLE downloads (id INTEGER PRIMARY KEY,guid VARCHAR NOT NULL,current_path LONGVARCHAR NOT NULL,start_time INTEGER NOT NULL,received_bytes INTEGER NOT NULL,hash BLOB NOT NULL,opened INTEGER NOT NULL,mime_type VARCHAR(255) NOT NULL);
  CREATE INDEX urls_url_index ON urls (url);
  CREATE INDEX visits_time_index ON visits (visit_time);
  insert into meta values ('version', '58'), ('mmap_status', '-1'), ('last_compatible_version', '16');
  insert into urls values (1, 'https://x/', 'X', 3, 0, 13345000000000123, 0), (2, 'chrome://y', '', 0, 0, 0, 1);
  insert into visits values (1, 1, 13345000000000123, 0, 805306368, 0, 1000, 0), (2, 2, 13345000000000124, 1, -2147483648, null, 0, 1);
  insert into cookies values (13345000000000123, '.x', '', 'a', '', x'763130', '/', 0, 1, -1);
  insert into keyword_search_terms values (2, 1, 'Foo', 'foo'), (2, 1, 'Foo', 'foo');
  insert into downloads values (1, '2F5B3D0E-AAAA-4BBB-8CCC-123456789ABC', 'a', 13345000000000123, 5, x'', 0, 'text/plain');`;

const CARDS = `
  CREATE TABLE col (id integer primary key, crt integer not null, mod integer not null, scm integer not null, ver integer not null, conf text not null, models text not null, decks text not null, tags text not null);
  CREATE TABLE notes (id integer primary key, guid text not null, mid integer not null, mod integer not null, usn integer not null, tags text not null, flds text not null, sfld integer not null, csum integer not null, flags integer not null, data text not null);
  CREATE TABLE cards (id integer primary key, nid integer not null, did integer not null, ord integer not null, due integer not null, ivl integer not null, factor integer not null, data text not null);
  CREATE TABLE revlog (id integer primary key, cid integer not null, usn integer not null, ease integer not null, ivl integer not null, time integer not null);
  CREATE TABLE graves (usn integer not null, oid integer not null, type integer not null);
  CREATE TABLE fields (ntid integer NOT NULL, ord integer NOT NULL, name text NOT NULL COLLATE NOCASE, config blob NOT NULL, PRIMARY KEY (ntid, ord)) without rowid;
  CREATE UNIQUE INDEX idx_fields_name_ntid ON fields (name, ntid);
  CREATE TABLE tags (tag text NOT NULL PRIMARY KEY COLLATE NOCASE, usn integer NOT NULL, collapsed boolean NOT NULL, config blob NULL) without rowid;
  CREATE INDEX ix_notes_csum on notes (csum); CREATE INDEX idx_cards_odue ON cards (due) WHERE ord != 0;
  insert into col values (1, 1700000000, 1700000000123, 1700000000123, 18, '{}', '{}', '{}', '{}');
  insert into notes values (1700000000001, 'a!b', 1, 1700000000, -1, ' x y ', 'front' || char(31) || 'back', 'front', 123, 0, ''), (1700000000002, 'c', 1, 1700000000, -1, '', '12' || char(31) || 'x', 12, 9007199254740993, 0, ''), (1700000000003, 'd', 1, 1, 0, '', '', 1.5, 0, 0, '');
  insert into cards values (1, 1700000000001, 1, 0, 5, 10, 2500, '{"pos":0}'), (2, 1700000000002, 1, 1, -5, -60, 0, '');
  insert into revlog values (1700000000123, 1, -1, 3, 10, 4000); insert into graves values (-1, 5, 0), (-1, 5, 0);
  insert into fields values (1, 0, 'Front', x'0a01'), (1, 1, 'Back', x''), (2, 0, 'front', x'ff');
  insert into tags values ('x', -1, 0, null), ('ÄÖ', -1, 1, x'00');`;

export const INVENTED: Readonly<Record<string, Build>> = {
  blog: BLOG,
  django: DJANGO,
  rails: RAILS,
  prisma: PRISMA,
  places: PLACES,
  chrome: CHROME,
  cards: CARDS,
};
