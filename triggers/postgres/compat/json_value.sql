-- What json_extract gives, tagged by its class (i:1, r:1.5, t:text); NULL for null and for what is not there. Steps as in json_at.
create or replace function sqlite_compat.json_value(document text, steps text[]) returns text
language plpgsql immutable strict parallel safe as $$
declare
  found json := sqlite_compat.json_at(document, steps);
  number text;
begin
  if found is null then return null; end if;
  case json_typeof(found)
    when 'null' then return null;
    when 'string' then return 't:' || (found #>> array[]::text[]);
    when 'boolean' then return case when found::text ~ 'true' then 'i:1' else 'i:0' end;
    when 'number' then
      number := btrim(found::text, E' \t\n\r');
      if number ~ '^-?\d+$' and number::numeric between -9223372036854775808 and 9223372036854775807 then return 'i:' || number::bigint; end if;
      return 'r:' || sqlite_compat.real_text(number::double precision);
    else
      -- Blanks outside strings go.
      return 't:' || regexp_replace(found::text, '("(?:[^"\\]|\\.)*")|[ \t\n\r]+', '\1', 'g');
  end case;
end $$;
