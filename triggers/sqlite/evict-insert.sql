-- One per way in which a new row can collide with another than by its exact key. REPLACE removes the row in the way
-- without firing a DELETE trigger, so it is marked before that can happen. A mark too many is harmless.
create trigger {name} before insert on {table}
begin
  insert into _attacca_journal (tbl, {columns}) select {id}, {key} from {table} where {match};
end
