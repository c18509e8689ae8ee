-- As evict-insert.sql. A row that keeps its entry in the index cannot newly collide with another one: hence the condition.
create trigger {name} before update on {table} when {changed}
begin
  insert into _attacca_journal (tbl, {columns}) select {id}, {key} from {table} where {match};
end
