-- The role that attacca needs, and nothing more. Run as a superuser in the target database:
--   psql -v role=replicator -v db=app -f least-privilege.sql
create role :"role" login;
grant connect, create on database :"db" to :"role";
grant usage, create on schema public to :"role";
-- Only for a cutover: the way back is a logical replication slot. Needs wal_level = logical.
-- On Amazon RDS and Aurora no role can have this; there: grant rds_replication to :"role";
alter role :"role" replication;
-- Optional, PostgreSQL 15 or newer: lets attacca silence foreign key actions while it applies, so that foreign keys can exist
-- during the soak. Without it they are added in the cutover.
--   grant set on parameter session_replication_role to :"role";
-- The tables belong to this role. Where the application has a role of its own, it needs these rights before the cutover, also on what is made later:
--   grant usage on schema public to app;
--   alter default privileges for role replicator in schema public grant select, insert, update, delete on tables to app;
--   alter default privileges for role replicator in schema public grant usage on sequences to app;
-- Only if the flag lives in a row of this database (flag.kind "postgres"); the table is the application's:
--   create table app_flag (name text primary key, value text not null, epoch bigint not null default 0);
--   grant select, insert, update on app_flag to :"role";
