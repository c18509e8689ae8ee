-- A REAL as SQLite prints it: the shortest digits that mean it, always with a point. (SQLite had 15 digits at most in earlier versions.)
create or replace function sqlite_compat.real_text(value double precision) returns text
language plpgsql immutable strict parallel safe set extra_float_digits = 1 as $$
declare
  digits text;
  exponent integer;
  sign text := case when value < 0 then '-' else '' end;
begin
  if value = 0 then return '0.0'; end if;
  if value in ('Infinity', '-Infinity') then return sign || 'Inf'; end if;
  digits := btrim(to_char(abs(value)::text::numeric, '9.9999999999999999EEEE'));
  exponent := substring(digits from 'e(.*)$')::integer;
  digits := rtrim(replace(substring(digits from '^(.*)e'), '.', ''), '0');
  if exponent between -4 and 16 then
    digits := case
      when exponent < 0 then '0.' || repeat('0', -exponent - 1) || digits
      when length(digits) <= exponent + 1 then rpad(digits, exponent + 1, '0') || '.0'
      else left(digits, exponent + 1) || '.' || substr(digits, exponent + 2) end;
    return sign || digits;
  end if;
  return sign || left(digits, 1) || '.' || coalesce(nullif(substr(digits, 2), ''), '0')
    || case when exponent < 0 then 'e-' else 'e+' end || case when abs(exponent) < 10 then '0' else '' end || abs(exponent);
end $$;
