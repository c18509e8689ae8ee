-- A time that a number gives, in milliseconds since 1970: seconds since 1970 (epoch), or days by the Julian calendar.
create or replace function sqlite_compat.time_number(value double precision, epoch boolean) returns bigint
language sql immutable strict parallel safe as $$
  select case when ms >= 0 and ms < 464269060800000 then ms::bigint - 210866760000000 end from (
    select case
      when epoch and value between -210866760000 and 253402300799 then floor(value * 1000.0 + 210866760000000.0 + 0.5)
      when not epoch and value >= 0 and value < 5373484.5 then floor(value * 86400000.0 + 0.5) end as ms) as julian
$$;
