-- substr() with any start and length: a negative start counts from the end, a negative length takes what stands before the start.
create or replace function sqlite_compat.substr(value text, start bigint) returns text language sql immutable strict parallel safe as $$
  select substr(value, case when start < 0 then greatest(char_length(value) + start, 0) + 1 else greatest(start, 1) end::integer)
$$;
create or replace function sqlite_compat.substr(value text, start bigint, count bigint) returns text
language plpgsql immutable strict parallel safe as $$
declare
  size bigint := char_length(value);
  place bigint := start;
  amount bigint := abs(count);
begin
  if place < 0 then
    place := place + size;
    if place < 0 then
      amount := case when count < 0 then 0 else greatest(amount + place, 0) end;
      place := 0;
    end if;
  elsif place > 0 then
    place := place - 1;
  elsif amount > 0 then
    amount := amount - 1;
  end if;
  if count < 0 then
    place := place - amount;
    if place < 0 then
      amount := amount + place;
      place := 0;
    end if;
  end if;
  if place >= size or amount <= 0 then return ''; end if;
  return substr(value, place::integer + 1, least(amount, size)::integer);
end $$;
