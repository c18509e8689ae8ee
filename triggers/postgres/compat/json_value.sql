-- What json_extract gives, tagged by its class (i:1, r:1.5, t:text); NULL for null and for what is not there. Steps: '.name', '2', '-1' from the end.
create or replace function sqlite_compat.json_value(document text, steps text[]) returns text
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
  case json_typeof(found)
    when 'null' then return null;
    when 'string' then return 't:' || (found #>> array[]::text[]);
    when 'boolean' then return case when found::text ~ 'true' then 'i:1' else 'i:0' end;
    when 'number' then
      step := btrim(found::text, E' \t\n\r');
      if step ~ '^-?\d+$' and step::numeric between -9223372036854775808 and 9223372036854775807 then return 'i:' || step::bigint; end if;
      return 'r:' || sqlite_compat.real_text(step::double precision);
    else
      -- Blanks outside strings go.
      return 't:' || regexp_replace(found::text, '("(?:[^"\\]|\\.)*")|[ \t\n\r]+', '\1', 'g');
  end case;
end $$;
