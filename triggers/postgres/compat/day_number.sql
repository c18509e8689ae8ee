-- Days since 1970 of a day in the Gregorian calendar, which began long before it was invented, with a year 0; 31 April is 1 May.
create or replace function sqlite_compat.day_number(year bigint, month bigint, day bigint) returns bigint
language sql immutable strict parallel safe as $$
  select era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * ((month + 9) % 12) + 2) / 5 + day - 1 - 719468
  from (select y, era, y - era * 400 as of_era
    from (select y, floor(y / 400.0)::bigint as era from (select year - case when month <= 2 then 1 else 0 end as y) as a) as b) as c
$$;
