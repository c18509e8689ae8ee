-- One per table. A changed key is a row that left and a row that arrived, also where both are "equal" ('a' and 'A' under
-- NOCASE, 1 and 1.0): then the condition is 1. One statement for both: a second costs as much as a sixth of the whole, also
-- where it finds nothing. No OF list: it misses SET rowid, generated columns and partial predicates.
create trigger {name} after update on {table}
begin
  insert into _attacca_journal (tbl, {columns}) select {id}, {new} union all select {id}, {old} where {changed};
end
