/* What the URL of a target says and the driver would pass over, or take for something else, in silence. */
import { UsageError } from '../../change/errors.ts';
import { isSlip } from '../../change/slip.ts';

/** Parameters that the driver or `connect` heeds. */
const HEEDED =
  'user password host port ssl sslmode sslcert sslkey sslrootcert sslnegotiation uselibpqcompat options query_timeout connect_timeout application_name';
/** Those of libpq that other programs are given in the same URL. They change nothing here. */
const PASSED_OVER =
  'passfile hostaddr service channel_binding require_auth client_encoding fallback_application_name keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout gssencmode gsslib gssdelegation krbsrvname replication requirepeer sslcompression sslpassword sslcertmode sslcrl sslcrldir sslsni ssl_min_protocol_version ssl_max_protocol_version min_protocol_version max_protocol_version target_session_attrs load_balance_hosts statement_timeout lock_timeout idle_in_transaction_session_timeout';
const [heeded, passedOver] = [HEEDED, PASSED_OVER].map(names => names.split(' ')) as [string[], string[]];

/** Signs that the driver leaves encoded in the name of a database. */
const LEFT_ENCODED = /%(?:2[346BCF]|3[ABDF]|40)/i;

/**
 * Throws UsageError for a parameter that is almost one that is heeded, as plan files are read: what an application's own library knows
 * stands there too. And for a database that would be looked for under another name.
 */
export function checkTarget(url: string): void {
  const [, path = '', query = ''] = /^[^:]+:\/\/[^/?#]*\/?([^?#]*)\??([^#]*)/.exec(url) ?? [];
  const byVariable = 'leave it out of the URL and set PGDATABASE to its name';
  if (LEFT_ENCODED.test(path))
    throw new UsageError(`the database ${path} in the target would be looked for under that very name`, byVariable);
  for (const name of query.split('&').map(parameter => parameter.split('=', 1)[0] ?? '')) {
    if (name === 'dbname') throw new UsageError('dbname= in the target has no effect', 'name the database before the ?');
    const meant = [...heeded, ...passedOver].includes(name) ? undefined : heeded.find(other => isSlip(name, other));
    if (meant !== undefined) throw new UsageError(`${name}= in the target is not a known parameter`, `${meant}= may be meant`);
  }
}
