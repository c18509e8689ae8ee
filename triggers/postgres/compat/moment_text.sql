-- A point in time as SQLite has it: with a blank or T before the time, with neither the date alone; so many digits of a second at least.
create or replace function sqlite_compat.moment_text(value timestamp, between_ text, digits integer) returns text language sql immutable strict parallel safe as $$
  select case
    when not isfinite(value) then case when value > '2000-01-01' then 'infinity' else '-infinity' end
    when value < '0001-01-01' then null
    when between_ = '' then to_char(value, 'YYYY-MM-DD')
    else to_char(value, 'YYYY-MM-DD') || between_ || to_char(value, 'HH24:MI:SS')
      || rtrim('.' || left(to_char(value, 'US'), digits) || rtrim(substr(to_char(value, 'US'), digits + 1), '0'), '.')
  end
$$;
