import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { removeEmbedded, runningEmbedded, startEmbedded } from '../../src/postgres/embedded/embedded.ts';
import { isRoot } from '../../src/postgres/embedded/native.ts';
import { connect } from '../support/postgres.ts';
import { BINARY } from '../support/world.ts';

const MODULE = new URL('../../src/postgres/embedded/embedded.ts', import.meta.url).href;

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'attacca-embedded-'));
  chmodSync(dir, 0o755);
});

afterEach(async () => {
  const running = runningEmbedded(dir);
  await running?.stop();
  if (running !== undefined) rmSync(running.dataDir, { recursive: true, force: true });
  rmSync(dir, { recursive: true, force: true });
});

async function ask(url: string, sql: string): Promise<string | null> {
  const client = await connect(url);
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows[0]?.[0] ?? null;
  } finally {
    await client.end();
  }
}

test('two starters at once share one server; it keeps data and URL over a restart', async () => {
  const [a, b] = await Promise.all([startEmbedded(dir), startEmbedded(dir)]);
  expect([a.started, b.started].toSorted()).toEqual([false, true]);
  expect([b.url, b.pid]).toEqual([a.url, a.pid]);
  expect(runningEmbedded(dir)).toMatchObject({ url: a.url, pid: a.pid, started: false });
  await ask(a.url, 'create table kept as select 7 as x');
  await a.stop();
  await b.stop();
  expect(runningEmbedded(dir)).toBeUndefined();

  const again = await startEmbedded(dir);
  expect(again).toMatchObject({ url: a.url, started: true });
  expect(await ask(again.url, 'select x from kept')).toBe('7');
  expect(readdirSync(dir).toSorted()).toEqual(['postgres', 'postgres.log']);
});

test('it is what the way back needs: logical, durable, local, and out of the application’s way', async () => {
  const { url } = await startEmbedded(dir);
  const expected = {
    wal_level: 'logical',
    fsync: 'on',
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    server_encoding: 'UTF8',
    timezone: 'UTC',
    search_path: 'public',
  };
  for (const [name, value] of Object.entries(expected)) expect(await ask(url, `select current_setting('${name}')`)).toBe(value);
  expect(await ask(url, `select lower('ÄÖ')`)).toBe('äö');
  expect(await ask(url, `select string_agg(x, '' order by x) from unnest(array['b','B','a','_']) x`)).toBe('B_ab');
  expect(new URL(url)).toMatchObject({ username: 'attacca', pathname: '/app' });
});

test('it survives whoever started it, and the next one shares it', async () => {
  const code = `import { startEmbedded } from ${JSON.stringify(MODULE)}; console.log((await startEmbedded(${JSON.stringify(dir)})).pid); setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const [line] = await once(parent.stdout, 'data');
  // What Ctrl-C in a terminal does to everyone in the group, only worse.
  process.kill(-(parent.pid ?? 0), 'SIGKILL');
  await once(parent, 'exit');
  const shared = await startEmbedded(dir);
  expect(shared).toMatchObject({ pid: Number(line), started: false });
  expect(await ask(shared.url, 'select 1')).toBe('1');
});

test('after a crash of the server it recovers, whatever postmaster.pid says', async () => {
  const first = await startEmbedded(dir);
  await ask(first.url, 'create table kept as select 7 as x');
  process.kill(first.pid, 'SIGKILL');
  await expect.poll(() => runningEmbedded(dir)).toBeUndefined(); // the signal takes a moment, and the file stays
  const second = await startEmbedded(dir);
  expect(second.started).toBe(true);
  expect(await ask(second.url, 'select x from kept')).toBe('7');
});

test('when its port is taken meanwhile, it takes another one', async () => {
  const first = await startEmbedded(dir);
  await first.stop();
  const other = createServer().listen(Number(new URL(first.url).port), '127.0.0.1');
  await once(other, 'listening');
  const second = await startEmbedded(dir);
  expect(second.url).not.toBe(first.url);
  expect(await ask(second.url, 'select 1')).toBe('1');
  other.close();
});

test('when it does not start, the error ends with what PostgreSQL said', async () => {
  const first = await startEmbedded(dir);
  await first.stop();
  const conf = join(first.dataDir, 'postgresql.auto.conf');
  const before = readFileSync(conf, 'utf8');
  writeFileSync(conf, `shared_buffers = 'much'\n`);
  await expect(startEmbedded(dir)).rejects.toMatchObject({ disposition: 'halt', message: expect.stringContaining('shared_buffers') });
  writeFileSync(conf, before);
  await startEmbedded(dir);
});

test('a killed first start leaves nothing that looks like a database', async () => {
  mkdirSync(join(dir, 'postgres.0badc0de'));
  writeFileSync(join(dir, 'postgres.0badc0de', 'PG_VERSION'), '18\n');
  const { url } = await startEmbedded(dir);
  expect(await ask(url, 'select 1')).toBe('1');
});

/** Dies in the middle of the first folder that it deletes. */
const DYING = `
  import fs from 'node:fs';
  import { syncBuiltinESMExports } from 'node:module';
  import { join } from 'node:path';
  const { rmSync } = fs;
  fs.rmSync = path => {
    if (!fs.existsSync(path)) return;
    rmSync(join(path, 'postgresql.conf'));
    process.kill(process.pid, 'SIGKILL');
  };
  syncBuiltinESMExports();
  const { removeEmbedded } = await import(process.argv[1]);
  await removeEmbedded(process.argv[2]);`;

test('a killed removal leaves nothing that looks like a database, and the next one ends it', async () => {
  const first = await startEmbedded(dir);
  const child = spawn(process.execPath, ['--input-type=module', '--eval', DYING, MODULE, dir], { stdio: 'inherit' });
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  expect(existsSync(first.dataDir)).toBe(false);
  const { url } = await startEmbedded(dir);
  expect(await ask(url, 'select 1')).toBe('1');
  await removeEmbedded(dir);
  expect(readdirSync(dir)).toEqual(['postgres.log']);
});

test('a server that is just stopping has ended before its data is removed', async () => {
  const { url, pid, dataDir } = await startEmbedded(dir);
  const client = await connect(url);
  client.on('error', () => undefined);
  process.kill(pid, 'SIGTERM'); // waits for its clients
  await expect.poll(() => readFileSync(join(dataDir, 'postmaster.pid'), 'utf8')).toContain('stopping');
  await removeEmbedded(dir);
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  expect(readdirSync(dir)).toEqual(['postgres.log']);
});

test('Ctrl-C while the first start makes its data directory ends the daemon, and is no failure of the server', async () => {
  const source = join(dir, 'app.db');
  new Database(source).exec('create table t (id integer primary key)').close();
  const child = spawn(process.execPath, [BINARY, 'sync', '--source', source], { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', piece => (said += piece));
  const ended = once(child, 'exit');
  const state = join(dir, '.attacca');
  const begun = () => existsSync(state) && readdirSync(state).some(name => /^postgres\.[0-9a-f]{8}$/.test(name));
  await expect.poll(begun, { interval: 5 }).toBe(true);
  process.kill(-child.pid!, 'SIGINT'); // as a terminal does: to everybody in the foreground
  expect([await ended, said]).toEqual([[0, null], expect.not.stringContaining('could not make')]);
});

test.skipIf(!isRoot())('as root, under a home that nobody else may enter, the data is where the server can reach it', async () => {
  chmodSync(dir, 0o700);
  const { dataDir, url } = await startEmbedded(dir);
  expect(dataDir).toMatch(/^\/var\/lib\/attacca\/[0-9a-f]{16}$/);
  expect(readFileSync(join(dir, 'postgres.location'), 'utf8').trim()).toBe(dataDir);
  expect(await ask(url, 'select 1')).toBe('1');
});

test.skipIf(!isRoot())('an ordinary user runs it as himself', async () => {
  // One that every system has; initdb insists on a name for its user.
  const uid = Number(execFileSync('id', ['-u', 'daemon'], { encoding: 'utf8' }));
  const home = join(dir, 'home');
  mkdirSync(home);
  execFileSync('chown', ['daemon:', home]);
  const code = `import { startEmbedded } from ${JSON.stringify(MODULE)}; const pg = await startEmbedded(${JSON.stringify(home)}); console.log(pg.url); await pg.stop();`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
    uid,
    gid: uid,
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', HOME: home },
    encoding: 'utf8',
  });
  expect(said).toMatch(/^postgresql:/);
  expect(existsSync(join(home, 'postgres', 'PG_VERSION'))).toBe(true);
  expect(execFileSync('stat', ['-c', '%u', join(home, 'postgres')], { encoding: 'utf8' }).trim()).toBe(String(uid));
});
