-- One per table. Closed unless the row says 0: a deleted row does not open it. Only attacca's own transaction ever sees a 0.
-- ROLLBACK, not ABORT: with ABORT what the transaction did before could still be committed, and its lock would stay.
create trigger {name} before insert on {table}
when (select closed from _attacca_fence) is not 0
begin
  select raise(rollback, {message});
end
