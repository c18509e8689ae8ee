-- json_type(): by SQLite's names. Steps as in json_at.
create or replace function sqlite_compat.json_type(document text, steps text[]) returns text
language plpgsql immutable strict parallel safe as $$
declare
  found json := sqlite_compat.json_at(document, steps);
  kind text := json_typeof(found);
begin
  return case
    when kind = 'string' then 'text'
    when kind = 'boolean' then btrim(found::text, E' \t\n\r')
    when kind = 'number' then case when found::text ~ '[.eE]' then 'real' else 'integer' end
    else kind end;
end $$;
