-- CAST(… AS INTEGER): of a text the integer that it begins with, 0 without one; of a REAL its whole part. Both end at 64 bits.
create or replace function sqlite_compat.cast_integer(value text) returns bigint language sql immutable strict parallel safe as $$
  select case when n > 9223372036854775807 then 9223372036854775807 when n < -9223372036854775808 then -9223372036854775808 else n end::bigint
  from (select coalesce(substring(value from '^[ \t\n\v\f\r]*([+-]?[0-9]+)'), '0')::numeric as n) as prefix
$$;
create or replace function sqlite_compat.cast_integer(value double precision) returns bigint language sql immutable strict parallel safe as $$
  select case
    when value >= 9223372036854775807 then 9223372036854775807
    when value <= -9223372036854775808 then -9223372036854775808
    else trunc(value)::bigint end
$$;
