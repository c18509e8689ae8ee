/*
 * A pooler that lends a server process for one transaction only (pgbouncer with pool_mode = transaction, and the like). Everything that
 * attacca keeps in a session would be in somebody else's: the lock of the one controller, settings, prepared statements, temporary tables.
 */
import type { Blocker } from '../../change/errors.ts';
import { connect, type Session } from '../session/open.ts';

const PROCESS = /* sql */ `select pg_backend_pid() as pid`;

/** Looks for one on the way to `url`, to which `session` leads. A pooler that keeps sessions apart is none. */
export async function transactionPooler(session: Session, url: string): Promise<Blocker[]> {
  const processOf = async (of: Session): Promise<number> => Number((await of.query(PROCESS)).rows[0]?.pid);
  const own = await processOf(session);
  if (own === session.pid) return []; // the server itself has let us in
  await using other = await connect(url, { applicationName: 'attacca' });
  const seen: number[] = [];
  for (const of of [session, other, other, session]) seen.push(await processOf(of));
  const theirs = seen[1];
  if (own !== theirs && String(seen) === String([own, theirs, theirs, own])) return [];
  return [
    {
      code: 'postgres-pooler',
      reason: 'a connection pooler stands before the server and takes it away after each transaction, with what a session keeps in it',
      remedy: "name the server's own host and port, past the pooler, or a port of it with pool_mode = session",
    },
  ];
}
