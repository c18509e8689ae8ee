-- CAST(… AS REAL) of a text: the number that it begins with, 0 without one; beyond double precision it is infinite or 0.
create or replace function sqlite_compat.cast_real(value text) returns double precision
language plpgsql immutable strict parallel safe as $$
declare
  prefix text := substring(value from '^[ \t\n\v\f\r]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)');
begin
  return coalesce(prefix, '0')::double precision;
exception when numeric_value_out_of_range then
  return case
    when prefix ~ '[eE]-' then 0
    when prefix like '-%' then '-Infinity'::double precision
    else 'Infinity'::double precision end;
end $$;
