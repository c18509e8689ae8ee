-- The number that a text becomes when it is compared with a column of numeric affinity; NULL for a text that is none.
create or replace function sqlite_compat.to_number(value text) returns numeric language sql immutable strict parallel safe as $$
  select case when value ~ '^[ \t\n\v\f\r]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t\n\v\f\r]*$'
    then btrim(value, E' \t\n\v\f\r')::numeric end
$$;
