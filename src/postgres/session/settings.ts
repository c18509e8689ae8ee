/* Whatever the role or the database set as default must not change what values look like, when a commit is durable, or how long a session lives. */
import { literal } from '../../change/quote.ts';

const SETTINGS: Readonly<Record<string, string>> = {
  synchronous_commit: 'on',
  default_transaction_isolation: 'read committed',
  lock_timeout: '30s',
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0', // from 14 on
  transaction_timeout: '0', // from 17 on
  // A controller that vanished from the network must not keep its locks for the two hours that are the usual default.
  tcp_keepalives_idle: '30',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '3',
  search_path: 'pg_catalog, pg_temp', // without its name the temporary schema comes first, and a table there may be called pg_class
  row_security: 'off', // an error instead of missing rows
  extra_float_digits: '1',
  bytea_output: 'hex',
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  quote_all_identifiers: 'off',
  jit: 'off',
};

/** A statement that takes no parameters, as on a connection for replication. What a server does not know yet is left out. */
export function configuring(own: Readonly<Record<string, string>>): string {
  const wanted = Object.entries({ ...SETTINGS, ...own }).map(([name, value]) => `(${literal(name)}, ${literal(value)})`);
  return /* sql */ `
    select set_config(wanted.name, wanted.value, false) from (values ${wanted.join(', ')}) as wanted(name, value)
    where exists (select from pg_settings known where lower(known.name) = wanted.name)`;
}

/** For a connection for replication, which waits for the transactions of others as long as it must. */
export const FOR_REPLICATION = configuring({ lock_timeout: '0' });
