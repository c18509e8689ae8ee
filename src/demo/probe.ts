import Database from 'better-sqlite3';
import { Pool } from 'pg';
import { createDatabase, type FlagOptions } from '../client/client.ts';
import { probeLag } from './lag.ts';

const PAUSE_MS = 15;
const LIMIT_MS = 30_000;

/** Lags in ms from commit in SQLite to visible in Postgres, measured beside the writers by one more instance of the application. */
export async function measureLag(options: {
  readonly source: string;
  readonly target: string;
  readonly flag: FlagOptions;
  readonly samples: number;
  readonly signal: AbortSignal;
}): Promise<number[]> {
  const { source, target, flag, samples } = options;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(LIMIT_MS)]);
  const pool = new Pool({ connectionString: target, max: 1 });
  const app = await createDatabase({ flag, sqlite: () => new Database(source, { fileMustExist: true }), postgres: () => pool });
  const query = async (sql: string) => (await pool.query(sql)).rows;
  try {
    return await probeLag(app, query, { samples, pauseMs: PAUSE_MS, signal });
  } finally {
    await app.close();
    if (!pool.ended) await pool.end();
  }
}
