-- json_array_length(): 0 for what is no array, NULL for what is not there.
create or replace function sqlite_compat.json_count(document text, steps text[]) returns bigint
language plpgsql immutable strict parallel safe as $$
declare
  kind text := sqlite_compat.json_type(document, steps);
  found json := document::json;
  step text;
begin
  if kind is null or kind <> 'array' then return case when kind is not null then 0 end; end if;
  foreach step in array steps loop
    found := case
      when step like '.%' then (select value from json_each(found) where key = substr(step, 2) limit 1)
      when step like '-%' then found -> (json_array_length(found) + step::integer)
      else found -> step::integer end;
  end loop;
  return json_array_length(found);
end $$;
