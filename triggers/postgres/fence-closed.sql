-- The fence, closed: only transactions that carry the installation's token may write a replicated table.
-- Its state is this body, in the catalog, and not a row that it would read: an older REPEATABLE READ transaction would read an older row.
-- The token keeps accidents out, not attackers: whoever may write the tables can also read it here.
create or replace function attacca.fence() returns trigger language plpgsql as $fence$
begin
  -- attacca:closed epoch={epoch}
  if pg_catalog.current_setting('attacca.token', true) is distinct from {token} then
    raise exception 'ATTACCA_FENCED epoch={epoch} primary=sqlite: % is a replica of the SQLite database and takes no writes yet', tg_table_name
      using errcode = 'read_only_sql_transaction',
            hint = 'Write to SQLite. If this instance should already use Postgres, read the feature flag again and run the whole transaction again.';
  end if;
  return null;
end
$fence$;
