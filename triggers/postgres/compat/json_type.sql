-- json_type(): by SQLite's names.
create or replace function sqlite_compat.json_type(document text, steps text[]) returns text
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
  kind := json_typeof(found);
  return case
    when kind = 'string' then 'text'
    when kind = 'boolean' then btrim(found::text, E' \t\n\r')
    when kind = 'number' then case when found::text ~ '[.eE]' then 'real' else 'integer' end
    else kind end;
end $$;
