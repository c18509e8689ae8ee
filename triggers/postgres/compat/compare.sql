-- An integer against a REAL, exactly: -1, 0 or 1. Postgres itself would round the integer first.
create or replace function sqlite_compat.compare(a bigint, b double precision) returns integer language sql immutable strict parallel safe as $$
  select case
    when b >= 9223372036854775807 then -1
    when b < -9223372036854775808 then 1
    when a <> trunc(b)::bigint then sign(a::numeric - trunc(b)::bigint)::integer
    else sign(trunc(b) - b)::integer end
$$;
