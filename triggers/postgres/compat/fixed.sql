-- printf('%.2f', value), with 0 to 6 digits behind the point, and zeros from the seventeenth digit on.
create or replace function sqlite_compat.fixed(value double precision, digits integer) returns text
language plpgsql immutable parallel safe as $$
declare
  part double precision := abs(value);
  times numeric := 1;
  exact numeric;
begin
  if value is null then return round(0::numeric, digits)::text; end if;
  if part = 'Infinity' then return case when value < 0 then '-Inf' else 'Inf' end; end if;
  while part >= 9007199254740992 loop
    part := part / 2;
    times := times * 2;
  end loop;
  -- Exactly: a cast of double precision to numeric keeps 15 digits. Behind the point there are as many halves as double precision can have.
  exact := times * (trunc(part)::bigint::numeric + ((part - trunc(part)) * 9007199254740992)::bigint::numeric / 9007199254740992);
  return case when value < 0 then '-' else '' end
    || round(round(exact, least(digits, 16 - length(trunc(exact)::text))), digits)::text;
end $$;
