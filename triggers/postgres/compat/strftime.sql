-- strftime() of milliseconds since 1970. %Z, which SQLite does not know, is the year as date() writes it.
create or replace function sqlite_compat.strftime(format text, value bigint) returns text language plpgsql immutable strict parallel safe as $$
declare
  days bigint := floor(value / 86400000.0);
  rest bigint := value - days * 86400000;
  date bigint[] := sqlite_compat.day_date(days);
  clock time := time '00:00' + make_interval(secs => rest / 1000);
  weekday bigint := ((days + 4) % 7 + 7) % 7;
  yearday bigint := days - sqlite_compat.day_number(date[1], 1, 1);
  year text := case when date[1] < 0 then '-' || lpad((-date[1])::text, greatest(3, length((-date[1])::text)), '0') else lpad(date[1]::text, 4, '0') end;
  result text := '';
  part text;
begin
  for part in select m[1] from regexp_matches(format, '%.|[^%]+', 'gs') as m loop
    result := result || case part
      when '%d' then lpad(date[3]::text, 2, '0')
      when '%e' then lpad(date[3]::text, 2)
      when '%f' then to_char(clock, 'SS') || '.' || lpad((rest % 1000)::text, 3, '0')
      when '%F' then year || '-' || lpad(date[2]::text, 2, '0') || '-' || lpad(date[3]::text, 2, '0')
      when '%H' then to_char(clock, 'HH24')
      when '%I' then to_char(clock, 'HH12')
      when '%k' then lpad(extract(hour from clock)::text, 2)
      when '%l' then lpad((to_char(clock, 'HH12')::integer)::text, 2)
      when '%j' then lpad((yearday + 1)::text, 3, '0')
      when '%m' then lpad(date[2]::text, 2, '0')
      when '%M' then to_char(clock, 'MI')
      when '%p' then to_char(clock, 'AM')
      when '%P' then to_char(clock, 'am')
      when '%R' then to_char(clock, 'HH24:MI')
      when '%s' then floor(value / 1000.0)::bigint::text
      when '%S' then to_char(clock, 'SS')
      when '%T' then to_char(clock, 'HH24:MI:SS')
      when '%u' then (case weekday when 0 then 7 else weekday end)::text
      when '%w' then weekday::text
      when '%W' then lpad(((yearday + 7 - (weekday + 6) % 7) / 7)::text, 2, '0')
      when '%Y' then year
      when '%Z' then case when date[1] < 0 then '-' || lpad((-date[1])::text, 4, '0') else year end
      when '%%' then '%'
      else part end;
  end loop;
  return result;
end $$;
