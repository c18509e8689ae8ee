-- json_valid() of a text.
create or replace function sqlite_compat.json_valid(document text) returns boolean language plpgsql immutable strict parallel safe as $$
begin
  perform document::json;
  return true;
exception when others then
  return false;
end $$;
