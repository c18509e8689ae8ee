-- One per table. AFTER, because only then is an assigned id known.
create trigger {name} after insert on {table}
begin
  insert into _attacca_journal (tbl, {columns}) values ({id}, {new});
end
