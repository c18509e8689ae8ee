-- What exists only while Postgres is primary.

-- One row: 1 closed, 0 open for the transaction that set it. The triggers read it, so that attacca itself can write.
create table _attacca_fence (closed);
insert into _attacca_fence (closed) values (1);

-- Triggers of the application, in the order of sqlite_schema. sql is null for those that stayed.
create table _attacca_app_trigger (position integer primary key, name text, sql text);
