-- VACUUM numbers the rows of a table without any index anew: then this row is no longer at 1000. And a table that stands
-- behind this one in sqlite_schema was made after it: somebody rebuilt it, and what the rebuild changed was not captured.
drop table if exists _attacca_canary;
create table _attacca_canary (x);
-- x: schema_version when the schema was last dealt with, and for which plan.
insert into _attacca_canary (rowid, x) select 1000, schema_version || ' {edition}' from pragma_schema_version;
