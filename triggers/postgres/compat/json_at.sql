-- What a path leads to; NULL for what is not there. Steps: '.name', '2', '-1' from the end.
create or replace function sqlite_compat.json_at(document text, steps text[]) returns json
language plpgsql immutable strict parallel safe as $$
declare
  found json := document::json;
  step text;
  kind text;
begin
  foreach step in array steps loop
    kind := json_typeof(found);
    if step like '.%' then
      if kind <> 'object' then return null; end if;
      found := (select value from json_each(found) where key = substr(step, 2) limit 1);
    else
      if kind <> 'array' then return null; end if;
      found := case when step like '-%'
        then case when step <> '-0' then found -> (json_array_length(found) + step::integer) end
        else found -> step::integer end;
    end if;
    if found is null then return null; end if;
  end loop;
  return found;
end $$;
