-- randomblob(): this many random bytes, at least one.
create or replace function sqlite_compat.randomblob(size bigint) returns bytea language plpgsql volatile strict as $$
declare
  bytes bytea := '';
begin
  while length(bytes) < greatest(size, 1) loop
    bytes := bytes || sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
  end loop;
  return substr(bytes, 1, greatest(size, 1)::integer);
end $$;
