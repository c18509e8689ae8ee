/*
 * What every measure stands on: a folder, a PostgreSQL with its default settings (fsync on) for attacca and all its peers, and
 * files of the application. Everything goes with the world.
 */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { Client } from 'pg';
import { startEmbedded } from '../../../src/postgres/embedded/embedded.ts';
import { endWithProcess } from '../../support/postgres.ts';
import { makeApplication } from './data.ts';
import type { Options } from './options.ts';

export type World = AsyncDisposable & {
  readonly options: Options;
  /** A fresh copy of the application's file with that many rows; the original is made once. */
  application(rows: number): string;
  /** Removes a copy, with everything beside it. */
  remove(source: string): void;
  /** A fresh database: empty, or a copy of another one that nobody uses just now. */
  database(copyOf?: string): Promise<string>;
  drop(url: string): Promise<void>;
  /** Says on stderr what goes on. */
  say(text: string): void;
};

export async function openWorld(options: Options, say: (text: string) => void): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-bench-'));
  chmodSync(folder, 0o755);
  const server = await startEmbedded(join(folder, 'postgres'));
  endWithProcess(server, folder);
  const originals = new Map<number, string>();
  let made = 0;
  return {
    options,
    application(rows) {
      const original = originals.get(rows) ?? join(folder, `original-${rows}.db`);
      if (!originals.has(rows)) {
        say(`making ${rows} rows`);
        makeApplication(original, rows, options.documents);
        originals.set(rows, original);
      }
      const own = join(folder, String(++made));
      mkdirSync(own);
      const source = join(own, 'app.db');
      copyFileSync(original, source);
      new Database(source).pragma('journal_mode = wal');
      return source;
    },
    remove: source => rmSync(join(source, '..'), { recursive: true }),
    async database(copyOf = 'template0') {
      const name = `bench_${++made}`;
      await onServer(server.url, `create database ${name} template ${copyOf}`, 'checkpoint');
      return Object.assign(new URL(server.url), { pathname: `/${name}` }).href;
    },
    drop: url => onServer(server.url, `drop database ${new URL(url).pathname.slice(1)} with (force)`),
    say,
    async [Symbol.asyncDispose]() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Runs statements, each on its own, as a superuser. */
export async function onServer(url: string, ...statements: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
