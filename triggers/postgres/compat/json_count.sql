-- json_array_length(): 0 for what is no array, NULL for what is not there. Steps as in json_at.
create or replace function sqlite_compat.json_count(document text, steps text[]) returns bigint
language plpgsql immutable strict parallel safe as $$
declare
  found json := sqlite_compat.json_at(document, steps);
begin
  return case when json_typeof(found) = 'array' then json_array_length(found) when found is not null then 0 end;
end $$;
