-- The database of both examples: sqlite3 shop.db < shop.sql
pragma journal_mode = wal;
create table stock (item integer primary key, pieces integer not null);
create table purchase (token text primary key, item integer not null references stock (item), pieces integer not null);
create index purchase_item on purchase (item);
insert into stock (item, pieces) values (1, 100000), (2, 100000), (3, 100000);
