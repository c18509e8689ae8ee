-- round(): halves away from zero; 0 to 30 digits.
create or replace function sqlite_compat.round(value double precision, digits bigint) returns double precision
language plpgsql immutable strict parallel safe as $$
declare
  places integer := greatest(0, least(digits, 30))::integer;
  whole double precision := trunc(value);
begin
  if abs(value) >= 4503599627370496 then return value; end if;
  if places = 0 then return trunc(value + case when value < 0 then -0.5 else 0.5 end); end if;
  -- The part behind the point, exactly: as many halves as double precision can have there.
  -- By way of bigint: a cast of double precision to numeric keeps 15 digits.
  return (whole::bigint::numeric + round(
    ((value - whole) * 9007199254740992)::bigint::numeric / 9007199254740992, places))::text::double precision;
end $$;
