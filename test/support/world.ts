/*
 * A world for tests of the real binary: a folder with a SQLite file and a flag, a fresh Postgres database, the daemon and the
 * commands as processes of their own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { callDaemon } from '../../src/server/call.ts';
import { StatusDocument } from '../../src/server/documents.ts';
import { connect, type TestPostgres, testPostgres } from './postgres.ts';

export const BINARY = resolve('dist/bin.cjs');

export type Ran = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** Runs the real binary to its end. */
export function attacca(words: readonly string[], options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}): Promise<Ran> {
  return new Promise(settle => {
    const child = spawn(process.execPath, [BINARY, ...words], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', chunk => {
      stdout += chunk;
    });
    child.stderr.on('data', chunk => {
      stderr += chunk;
    });
    child.once('close', code => settle({ code, stdout, stderr }));
  });
}

export type Daemon = { readonly process: ChildProcess; readonly exited: Promise<number | null>; log(): string };

export const isRunning = ({ process: child }: Pick<Daemon, 'process'>): boolean => child.exitCode === null && child.signalCode === null;

export type World = AsyncDisposable & {
  readonly folder: string;
  readonly source: string;
  readonly flag: string;
  readonly pg: TestPostgres;
  /** A connection of the application to the SQLite file; closed with the world. */
  readonly app: Database.Database;
  /** Closes the application's connection, does something to the file, and opens it again. */
  reopen(meanwhile: () => void | Promise<void>): Promise<void>;
  /** Runs a command against this world. */
  run(...words: string[]): Promise<Ran>;
  /** The same with --json, parsed; fails the test on an unexpected exit code. */
  json<T>(code: number, ...words: string[]): Promise<T>;
  /** Starts `attacca sync`; `dieAt` names the point where it kills itself. */
  start(dieAt?: string): Daemon;
  /** The one that was started last. */
  daemon(): Daemon;
  /** Waits until the daemon's status says so. */
  until(what: (status: StatusDocument) => boolean): Promise<StatusDocument>;
  /** Rows of every replicated table on both sides, as text, compared here and by nothing of attacca's. */
  differences(): Promise<string[]>;
};

/** Everything that was committed is in Postgres. For `until`. */
export const caughtUp = ({ phase, lag }: StatusDocument): boolean => phase === 'shadowing' && lag?.changes === '0';

/** Waits until the daemon has written its control row so often: what it does at every look it has done again. */
export async function looks(world: Pick<World, 'pg'>, times: number): Promise<void> {
  const last = async () => (await world.pg.query('select updated_at::text as at from attacca.control'))[0]?.at;
  for (let look = 0; look < times; look++) {
    const before = await last();
    for (const deadline = performance.now() + LIMIT_MS; (await last()) === before; await delay(50))
      if (performance.now() > deadline) throw new Error('nobody looks any more');
  }
}

const LIMIT_MS = 180_000;
/** An application with a busy timeout that a busy machine does not use up. */
const PATIENTLY = { timeout: 60_000 };
/** A machine that has much else to do must not refuse a switch that a test is about. */
const PATIENT = { maxPauseMs: 20_000, maxLagMs: 20_000 };

/** `server`: another than the one that tests share; `env`: variables of the daemon; `folder`: where the file is, removed at the end; `limitMs`: of `until`. */
export type Around = {
  readonly server?: TestPostgres;
  readonly env?: NodeJS.ProcessEnv;
  readonly folder?: string;
  readonly limitMs?: number;
};

/** `build` makes the application's schema and data. `config` is laid over attacca.config.json, and its `cutover` over what is patient. */
export async function openWorld(
  build: (db: Database.Database) => void,
  { cutover = {}, ...config }: { readonly cutover?: object; readonly [key: string]: unknown } = {},
  { server, env = {}, folder = mkdtempSync(join(tmpdir(), 'attacca-test-')), limitMs = LIMIT_MS }: Around = {},
): Promise<World> {
  const source = join(folder, 'app.db');
  const flag = join(folder, 'app.env');
  const pg = server ?? (await testPostgres());
  let app = new Database(source, PATIENTLY);
  build(app);
  const file = join(folder, 'attacca.config.json');
  writeFileSync(
    file,
    JSON.stringify({
      source,
      target: pg.url,
      flag: { kind: 'file', path: flag },
      verify: { everySeconds: 1 },
      cutover: { ...PATIENT, ...cutover },
      ...config,
    }),
  );
  const daemons: Daemon[] = [];
  const run = (...words: string[]): Promise<Ran> => attacca([...words, '--config', file]);

  async function json<T>(code: number, ...words: string[]): Promise<T> {
    const ran = await run(...words, '--json');
    if (ran.code !== code)
      throw new Error(`attacca ${words.join(' ')}: exit code ${ran.code}, not ${code}\n${ran.stdout}${ran.stderr}${daemons.at(-1)?.log()}`);
    return JSON.parse(ran.stdout) as T;
  }

  return {
    folder,
    source,
    flag,
    pg,
    get app() {
      return app;
    },
    async reopen(meanwhile) {
      app.close();
      await meanwhile();
      app = new Database(source, PATIENTLY);
    },
    run,
    json,
    start(dieAt) {
      const daemon = startDaemon(file, { ...env, ...(dieAt === undefined ? {} : { ATTACCA_DIE_AT: dieAt }) });
      daemons.push(daemon);
      return daemon;
    },
    daemon: () => daemons.at(-1)!,
    async until(what) {
      let last: unknown;
      for (const deadline = performance.now() + limitMs; performance.now() < deadline; await delay(20)) {
        const answer = await callDaemon(source, { operation: 'status' }, () => undefined).catch(error => ({
          result: String(error),
        }));
        last = answer?.result;
        const status = StatusDocument.safeParse(last);
        if (status.success && what(status.data)) return status.data;
      }
      throw new Error(`it never came to that:\n${JSON.stringify(last)}\n${daemons.at(-1)?.log()}`);
    },
    differences: () => differences(app, pg),
    async [Symbol.asyncDispose]() {
      for (const daemon of daemons) {
        if (isRunning(daemon)) daemon.process.kill('SIGKILL');
        await daemon.exited;
      }
      app.close();
      await pg[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function startDaemon(config: string, variables: NodeJS.ProcessEnv): Daemon {
  const env = { ...process.env, ...variables };
  const child = spawn(process.execPath, [BINARY, 'sync', '--verbose', '--config', config], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', chunk => {
    log = (log + chunk).slice(-20_000);
  });
  const exited = new Promise<number | null>(settle => child.once('exit', settle));
  return { process: child, exited, log: () => log };
}

/** What the flag file says now; undefined where there is none. */
export function flagOf(world: World): string | undefined {
  try {
    return /^DB_TYPE=(.*)$/m.exec(readFileSync(world.flag, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

const TABLES = /* sql */ `select name from sqlite_schema where type = 'table' and name not glob '_attacca*' and name not glob 'sqlite_*'`;
const COLUMNS = /* sql */ `
  select column_name as name, data_type as type from information_schema.columns
  where table_schema = 'public' and table_name = $1 and column_name <> '_attacca_rowid' order by ordinal_position`;

/** Every row as a line of text on both sides, sorted; says in which tables the lines differ, and the first that do. */
async function differences(app: Database.Database, pg: TestPostgres): Promise<string[]> {
  const found: string[] = [];
  const client = await connect(pg.url);
  try {
    for (const name of app.prepare<[], string>(TABLES).pluck().all()) {
      const columns = (await client.query(COLUMNS, [name])).rows as { name: string; type: string }[];
      const there = columns.map(column => shownInPostgres(column)).join(" || '|' || ");
      const here = columns.map(column => shownInSqlite(column)).join(" || '|' || ");
      const target = (await client.query(`select ${there} as line from public."${name}"`)).rows.map(row => String(row.line)).sort();
      const source = app.prepare<[], string>(`select ${here} from "${name}"`).pluck().all().sort();
      const missing = source.filter((line, index) => line !== target[index]);
      if (source.length !== target.length || missing.length > 0) {
        found.push(
          `${name}: ${source.length} rows in SQLite, ${target.length} in Postgres; first: ${missing[0]} | ${target.find(line => !source.includes(line))}`,
        );
      }
    }
  } finally {
    await client.end();
  }
  return found;
}

/** Only integers, texts, blobs and booleans are compared this way: reals go through a rounding that both sides share. */
function shownInPostgres({ name, type }: { name: string; type: string }): string {
  const column = `"${name}"`;
  if (type === 'bytea') return `coalesce(upper(encode(${column}, 'hex')), 'NULL')`;
  if (type === 'boolean') return `coalesce((${column}::int)::text, 'NULL')`;
  if (type === 'double precision') return `coalesce(round((${column} * 1000)::numeric)::text, 'NULL')`;
  return `coalesce(${column}::text, 'NULL')`;
}

function shownInSqlite({ name, type }: { name: string; type: string }): string {
  const column = `"${name}"`;
  if (type === 'bytea') return `case when ${column} is null then 'NULL' else hex(${column}) end`;
  if (type === 'double precision') return `coalesce(cast(cast(round(${column} * 1000) as integer) as text), 'NULL')`;
  // The only column of these tests with mixed storage classes, which Postgres holds with a tag.
  if (name === 'note')
    return `case typeof(${column}) when 'null' then 'NULL' when 'blob' then 'b:' || lower(hex(${column})) else substr(typeof(${column}), 1, 1) || ':' || ${column} end`;
  return `coalesce(cast(${column} as text), 'NULL')`;
}
