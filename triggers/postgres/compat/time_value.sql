-- A time that a text gives, in milliseconds since 1970; NULL for a text that gives none.
-- Of 31 April it makes 1 May at once, where SQLite keeps the 31 for a modifier that counts months.
create or replace function sqlite_compat.time_value(value text) returns bigint language plpgsql immutable strict parallel safe as $$
declare
  parts text[] := regexp_match(value,
    '^(?:(-?\d\d\d\d)-(\d\d)-(\d\d))?(?:(?:[ T]+|^)(\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?)? *(?:([zZ])|([+-])(\d\d):(\d\d))? *$');
  seconds double precision;
  result bigint;
begin
  if parts is null or (parts[1] is null and parts[4] is null) then
    if value !~ '^[ \t\n\v\f\r]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t\n\v\f\r]*$' then return null; end if;
    return sqlite_compat.time_number(btrim(value, E' \t\n\v\f\r')::double precision, false);
  end if;
  if parts[4] is null and (parts[7] is not null or parts[8] is not null) then return null; end if;
  if parts[2]::integer not between 1 and 12 or parts[3]::integer not between 1 and 31 then return null; end if;
  if parts[4]::integer > 24 or parts[5]::integer > 59 or parts[6]::numeric >= 60 then return null; end if;
  if parts[9]::integer > 14 or parts[10]::integer > 59 then return null; end if;
  seconds := coalesce(parts[6], '0')::double precision;
  result := sqlite_compat.day_number(coalesce(parts[1]::integer, 2000), coalesce(parts[2]::integer, 1), coalesce(parts[3]::integer, 1)) * 86400000
    + coalesce(parts[4]::integer, 0) * 3600000 + coalesce(parts[5]::integer, 0) * 60000 + trunc(seconds * 1000)::bigint
    - case when parts[8] is null then 0 else (parts[8] || '1')::integer * (parts[9]::integer * 60 + parts[10]::integer) * 60000 end;
  return case when result between -210866760000000 and 253402300799999 then result end;
end $$;
