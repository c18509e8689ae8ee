-- Year, month and day of a number of days since 1970: the inverse of day_number.
create or replace function sqlite_compat.day_date(days bigint) returns bigint[] language sql immutable strict parallel safe as $$
  select array[y + case when m <= 2 then 1 else 0 end, m, d] from (
    select y, case when mp < 10 then mp + 3 else mp - 9 end as m, doy - (153 * mp + 2) / 5 + 1 as d from (
      select y, doy, (5 * doy + 2) / 153 as mp from (
        select yoe + era * 400 as y, doe - (365 * yoe + yoe / 4 - yoe / 100) as doy from (
          select era, doe, (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365 as yoe from (
            select era, days + 719468 - era * 146097 as doe
            from (select floor((days + 719468) / 146097.0)::bigint as era) as a) as b) as c) as e) as f) as g
$$;
