/*
 * What every refusal owes: the exit code, one sentence and what to do, one document with --json, and nothing changed anywhere.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect } from 'vitest';
import { ErrorDocument } from '../../src/server/documents.ts';
import { connect } from '../support/postgres.ts';
import { BINARY, type Ran } from '../support/world.ts';

/** Must never be read in any output: a password, and what a row holds. */
export const PASSWORD = 'gEhEiM-passw0rd';
export const VALUE = 'gEhEiM-row-value';

/** A folder of its own with a small application database in it, which the case may spoil. */
export type Place = Disposable & { readonly folder: string; readonly source: string };

export function makePlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-bad-'));
  chmodSync(folder, 0o755);
  const source = join(folder, 'app.db');
  build(source, 100);
  return {
    folder,
    source,
    [Symbol.dispose]() {
      chmodSync(folder, 0o755); // the case may have closed it
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A healthy file with `rows` rows and an index, in rollback-journal mode. */
export function build(path: string, rows: number): void {
  const db = new Database(path);
  db.exec(`create table item (id integer primary key, name text not null);
    create index item_by_name on item (name);
    with recursive n (i) as (select 1 union all select i + 1 from n where i < ${rows})
    insert into item select i, '${VALUE} ' || i from n`);
  db.close();
}

export type How = {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly node?: string;
  readonly binary?: string;
  /** Runs as this user and group. */
  readonly uid?: number;
};

const LIMIT_MS = 300_000;

/** Runs the real binary to its end, without anything of this machine's settings; a hang fails the test. */
export function run(words: readonly string[], how: How): Promise<Ran> {
  const own = Object.entries(process.env).filter(([name]) => !/^(ATTACCA_|PG|NODE_OPTIONS)/.test(name));
  const child = spawn(how.node ?? process.execPath, [how.binary ?? BINARY, ...words], {
    cwd: how.cwd,
    env: { ...Object.fromEntries(own), ...how.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(how.uid === undefined ? {} : { uid: how.uid, gid: how.uid }),
  });
  return ended(child, words);
}

function ended(child: ChildProcess, words: readonly string[]): Promise<Ran> {
  return new Promise((settle, reject) => {
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) child[name]?.on('data', piece => (said[name] += piece));
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`attacca ${words.join(' ')} hangs\n${said.stdout}${said.stderr}`));
    }, LIMIT_MS);
    child.once('error', reject);
    child.once('close', code => {
      clearTimeout(limit);
      settle({ code, ...said });
    });
  });
}

/** The whole of what a refused command with --json may say. */
export function expectRefusal(ran: Ran, code: number, says: RegExp): void {
  expect(ran, ran.stderr).toMatchObject({ code });
  expectDiscreet(ran);
  const sentences = ran.stderr.split('\n').filter(line => line.startsWith('attacca: '));
  expect(sentences, ran.stderr).toHaveLength(1);
  expect(ran.stderr).toMatch(says);
  expect(ran.stderr, 'it says what to do').toMatch(/\n +→ \S/);
  expect(ran.stderr, 'as the rest of a sentence').not.toMatch(/\n +→ (?:(?!Postgre|SQLite)[A-Z][a-z]|.*\.\n)/);
  const document = ErrorDocument.parse(JSON.parse(ran.stdout));
  expect(document.exitCode).toBe(code);
  expect(`attacca: ${document.error}`).toContain(sentences[0]);
  expect(code === 3 ? document.blockers.length : 1).toBeGreaterThan(0);
}

/** No stack, no password, no row value. */
export function expectDiscreet({ stdout, stderr }: Ran): void {
  for (const said of [stdout, stderr]) {
    expect(said).not.toMatch(/\n\s+at .+:\d+|"stack"|\\n\s+at /);
    expect(said).not.toContain(PASSWORD);
    expect(said).not.toContain(VALUE);
    expect(said).not.toMatch(/undefined|\[object |node:internal/);
  }
}

/** Every file and folder in `folder`, with what it holds and who may do what with it. */
export function contents(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map(entry => {
      const path = join(entry.parentPath, entry.name);
      if (entry.isSymbolicLink()) return `${path} -> ${readlinkSync(path)}`;
      const held = entry.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : 'folder';
      return `${path} ${statSync(path).mode.toString(8)} ${held}`;
    })
    .sort();
}

const CATALOG = /* sql */ `
  select 'schema ' || nspname as line from pg_namespace where nspname !~ '^pg_'
  union all select format('relation %s %s', oid::regclass, pg_relation_size(oid)) from pg_class
    where relnamespace not in (select oid from pg_namespace where nspname ~ '^pg_' or nspname = 'information_schema')
  union all select 'publication ' || pubname from pg_publication
  union all select 'slot ' || slot_name from pg_replication_slots where database = current_database()
  order by 1`;

/** Everything that is in a Postgres database, and how big it is. */
export async function catalog(url: string): Promise<string[]> {
  const client = await connect(url);
  try {
    return (await client.query(CATALOG)).rows.map(row => String(row.line));
  } finally {
    await client.end();
  }
}

/** The URL with a password that nobody needs, and nobody may see. */
export const withPassword = (url: string): string => Object.assign(new URL(url), { password: PASSWORD }).href;

/** Another process that holds the file until it is ended. */
export async function lockedBy(path: string, statements: string): Promise<AsyncDisposable> {
  const script = `const D = require('better-sqlite3'); const d = new D(process.argv[1]); d.exec(process.argv[2]); console.log('locked'); setInterval(() => {}, 1000)`;
  const child = spawn(process.execPath, ['-e', script, path, statements], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise(resolve => child.stdout.once('data', resolve));
  return {
    async [Symbol.asyncDispose]() {
      const gone = new Promise(resolve => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    },
  };
}
