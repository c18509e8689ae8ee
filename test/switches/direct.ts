/* An application as it was before anybody spoke of two databases: its drivers, its transactions, and no flag. */
import Database from 'better-sqlite3';
import { Client } from 'pg';
import { numbered } from '../../src/client/placeholders.ts';

export type DirectTx = { readonly side: 'sqlite' | 'postgres'; run(sql: string, ...params: (bigint | string)[]): unknown };

export type Direct = {
  /** One transaction, tried once. */
  transaction(work: (tx: DirectTx) => Promise<void>): Promise<void>;
};

/** How long its SQLite waits for a lock; its event loop waits too. */
const BUSY_MS = 20;

export function directSqlite(path: string): Direct {
  const db = new Database(path, { timeout: BUSY_MS });
  return {
    async transaction(work) {
      db.exec('begin immediate');
      try {
        await work({ side: 'sqlite', run: (sql, ...params) => db.prepare(sql).run(...params) });
        await committed(db);
      } finally {
        if (db.inTransaction) db.exec('rollback');
      }
    },
  };
}

/** In rollback-journal mode a reader can be in the way of COMMIT: the transaction stands, and is committed when it has gone. */
async function committed(db: Database.Database): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      db.exec('commit');
      return;
    } catch (error) {
      if (!db.inTransaction || tries === 200) throw error;
    }
  }
}

export function directPostgres(url: string): Direct {
  let client: Promise<Client> | undefined;
  return {
    async transaction(work) {
      client ??= connect(url);
      const session = await client;
      await session.query('begin');
      try {
        await work({ side: 'postgres', run: (sql, ...params) => session.query(numbered(sql), params) });
      } catch (error) {
        await session.query('rollback');
        throw error;
      }
      await session.query('commit');
    },
  };
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, options: '-c search_path=public' });
  await client.connect();
  return client;
}

/** It was told that nothing of the transaction was kept: fenced, locked, or (Postgres) a deadlock. */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return error.message.includes('ATTACCA_FENCED') || /^(SQLITE_BUSY|SQLITE_LOCKED|40001|40P01|42P01|42703)/.test(code);
}
