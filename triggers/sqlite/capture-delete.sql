-- One per table. Rows that REPLACE evicts do not come by here (recursive_triggers is off by default): see evict-*.sql.
create trigger {name} after delete on {table}
begin
  insert into _attacca_journal (tbl, {columns}) values ({id}, {old});
end
