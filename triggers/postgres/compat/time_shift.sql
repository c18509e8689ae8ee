-- A modifier of the date functions: months and years by the calendar (31 January and a month is 2 or 3 March), the rest by the clock.
create or replace function sqlite_compat.time_shift(value bigint, amount numeric, unit text) returns bigint
language plpgsql immutable strict parallel safe as $$
declare
  days bigint := floor(value / 86400000.0);
  rest bigint := value - days * 86400000;
  date bigint[] := sqlite_compat.day_date(days);
  months bigint;
  year bigint;
  result bigint;
begin
  case unit
    when 'start of day' then result := value - rest;
    when 'start of month' then result := (days - date[3] + 1) * 86400000;
    when 'start of year' then result := sqlite_compat.day_number(date[1], 1, 1) * 86400000;
    when 'weekday' then result := value + (amount::bigint - ((days + 4) % 7 + 7) % 7 + 7) % 7 * 86400000;
    when 'day' then result := value + round(amount * 86400000)::bigint;
    when 'hour' then result := value + round(amount * 3600000)::bigint;
    when 'minute' then result := value + round(amount * 60000)::bigint;
    when 'second' then result := value + round(amount * 1000)::bigint;
    else
      months := date[1] * 12 + date[2] - 1 + (amount * case unit when 'year' then 12 else 1 end)::bigint;
      year := floor(months / 12.0);
      result := sqlite_compat.day_number(year, months - year * 12 + 1, date[3]) * 86400000 + rest;
  end case;
  return case when result between -210866760000000 and 253402300799999 then result end;
end $$;
