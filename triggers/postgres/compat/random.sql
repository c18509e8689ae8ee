-- random(): any integer of 64 bits.
create or replace function sqlite_compat.random() returns bigint language sql volatile as $$
  select ('x' || encode(sqlite_compat.randomblob(8), 'hex'))::bit(64)::bigint
$$;
