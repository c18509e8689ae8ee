-- The fence, open: Postgres is the primary. The triggers stay, because dropping them would wait behind every open transaction.
create or replace function attacca.fence() returns trigger language plpgsql as $fence$
begin
  -- attacca:open epoch={epoch}
  return null;
end
$fence$;
