-- Changes that only Postgres had when SQLite was opened without it (rollback --accept-loss), in their order; kept until attacca goes.
create table if not exists attacca.lost_change (
  id bigint generated always as identity primary key,
  epoch bigint not null,
  table_name text not null,
  op text not null,
  -- The key before the change; null for an insert or a truncate.
  key json,
  -- The row after it, every value as text; a large value that did not change is absent. null for a delete or a truncate.
  "row" json
);
