-- `always`, because a replica-role session skips others.
alter table {table} enable always trigger _attacca_fence;
-- Whoever switches it off leaves another version of it in the catalog, also after switching it on again.
insert into attacca.witness (object, state)
  select 'fence:' || oid, xmin::text from pg_catalog.pg_trigger where tgrelid = {relation}::pg_catalog.regclass and tgname = '_attacca_fence'
  on conflict (object) do update set state = excluded.state;
