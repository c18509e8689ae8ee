-- See fence-insert.sql.
create trigger {name} before delete on {table}
when (select closed from _attacca_fence) is not 0
begin
  select raise(rollback, {message});
end
