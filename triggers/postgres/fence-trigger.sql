-- A statement trigger also stops TRUNCATE and COPY and costs nothing per row.
create trigger _attacca_fence before insert or update or delete or truncate on {table}
  for each statement execute function attacca.fence();
