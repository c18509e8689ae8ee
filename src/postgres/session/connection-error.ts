import type { Client } from 'pg';
import { UsageError } from '../../change/errors.ts';
import { shellWord } from '../../change/shell.ts';
import { codeOf, PostgresError, replicationError } from './errors.ts';

const TLS = /^(ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|ERR_SSL|EPROTO)/;

const NOBODY: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'nothing listens there (ECONNREFUSED)'],
  ['ENOTFOUND', 'there is no such host (ENOTFOUND)'],
  ['EAI_AGAIN', 'the host name cannot be looked up now (EAI_AGAIN)'],
]);

/** What a server says to a role that may not log in, or not there; of a database that takes no connections; of options that it does not know. */
const SHUT_OUT: ReadonlySet<string> = new Set(['28000', '42501', '55000', '42704', '22023']);

/** The server answers, and has no such database. */
export class NoDatabase extends UsageError {}

/** Why nobody answered, or nobody let us in, for the person at the keyboard. */
export function connectionError(error: unknown, client: Client): Error {
  const code = codeOf(error);
  const said = error instanceof Error ? error.message : '';
  const server = `${client.host}:${client.port}`;
  if (code === '28P01' || said.startsWith('SASL:'))
    return new UsageError(`${server} refused the password of "${client.user}"`, 'check the password in the URL, PGPASSWORD or ~/.pgpass');
  if (code === '3D000')
    return new NoDatabase(
      `${server} has no database "${client.database}"`,
      `create it: createdb -O ${shellWord(client.user ?? '')} ${shellWord(client.database ?? '')}`,
    );
  if (said === 'The server does not support SSL connections')
    return new UsageError(`${server} does not speak TLS`, 'turn TLS on in the server, or set sslmode=disable in the URL');
  if (TLS.test(code))
    return new UsageError(`the TLS certificate of ${server} is not accepted (${code})`, 'give its CA with sslrootcert=FILE in the URL');
  const wrapped = replicationError(error);
  if (!(wrapped instanceof PostgresError)) return wrapped;
  const { disposition, message, sqlstate, hint } = wrapped;
  if (SHUT_OUT.has(code))
    return new UsageError(
      `${server} does not let "${client.user}" in: ${message}`,
      'check role, database and options in the URL, and pg_hba.conf',
    );
  return new PostgresError(disposition, `cannot connect to ${server}: ${NOBODY.get(code) ?? message}`, {
    sqlstate: sqlstate ?? undefined,
    hint: sqlstate === null ? 'check host, port and firewall, and that Postgres is up' : hint,
  });
}
