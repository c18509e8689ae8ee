/*
 * A primary and a standby that streams from it, made by Debian's PostgreSQL where it is installed: pg_basebackup takes only a server of
 * its own version. After a failover the standby has the primary's address, as behind a virtual IP or a name.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/postgres/embedded/embedded.ts';
import { connect, type TestPostgres } from './postgres.ts';

const BIN = '/usr/lib/postgresql/15/bin';
export const hasStandby = existsSync(join(BIN, 'pg_basebackup'));

export type Pair = TestPostgres & {
  /** Everything the primary has is on the standby. */
  caughtUp(): Promise<void>;
  /** The standby hears of nothing any more. */
  cutOff(): Promise<void>;
  /** The primary dies, and the standby takes its place and its address; it is promoted once `before` has resolved. */
  failOver(before?: () => Promise<unknown>): Promise<void>;
};

const NOBODY = 65534;
const SETTINGS = `-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c wal_level=logical -c fsync=off -c wal_keep_size=64MB -c hot_standby=on`;

export async function standbyPair(): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-pair-'));
  const as = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (as.uid !== undefined) chownSync(folder, as.uid, as.gid);
  chmodSync(folder, 0o700);
  const [first, second] = [join(folder, 'first'), join(folder, 'second')];
  const [port, other] = [await freePort(), await freePort()];
  const tool = (name: string, ...words: string[]): void => {
    const { status, stdout, stderr } = spawnSync(join(BIN, name), words, {
      ...as,
      cwd: '/',
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (status !== 0) throw new Error(`${name} ${words.join(' ')}: ${stdout}${stderr}`);
  };
  const start = (data: string, at: number): void =>
    tool('pg_ctl', 'start', '-w', '-s', '-D', data, '-l', `${data}.log`, '-o', `-p ${at} ${SETTINGS}`);
  const stop = (data: string): void => tool('pg_ctl', 'stop', '-w', '-s', '-m', 'immediate', '-D', data);
  tool('initdb', '-D', first, '-U', 'attacca', '-A', 'trust', '--encoding=UTF8', '--locale=C', '--no-sync');
  start(first, port);
  tool('pg_basebackup', '-D', second, '-h', '127.0.0.1', '-p', String(port), '-U', 'attacca', '-R', '-c', 'fast');
  start(second, other);
  const url = (at: number): string => `postgresql://attacca@127.0.0.1:${at}/postgres`;
  const ask = async (at: number, sql: string, params: readonly unknown[] = []) => {
    const client = await connect(url(at));
    return await client
      .query(sql, [...params])
      .then(({ rows }) => rows)
      .finally(() => client.end());
  };
  let primary = first;
  return {
    url: url(port),
    query: (sql, params) => ask(port, sql, params),
    async caughtUp() {
      const [{ lsn }] = await ask(port, 'select pg_current_wal_lsn() as lsn');
      for (;;) {
        const [{ there }] = await ask(other, 'select pg_last_wal_replay_lsn() >= $1::pg_lsn as there', [lsn]);
        if (there === 't') return;
      }
    },
    async cutOff() {
      await ask(other, `alter system set primary_conninfo = ''`);
      await ask(other, 'select pg_reload_conf()');
      while ((await ask(port, 'select 1 from pg_stat_replication where application_name = $1', ['walreceiver'])).length > 0);
    },
    async failOver(before) {
      stop(first);
      stop(second);
      start(second, port);
      await before?.();
      tool('pg_ctl', 'promote', '-w', '-s', '-D', second);
      primary = second;
    },
    async [Symbol.asyncDispose]() {
      for (const data of new Set([primary, second])) if (existsSync(join(data, 'postmaster.pid'))) stop(data);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
