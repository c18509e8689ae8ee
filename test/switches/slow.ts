import { readFileSync } from 'node:fs';
import { type Direct, directPostgres, directSqlite } from './direct.ts';

const CACHED_MS = 400;

/** Reads the flag, but only now and then: between two looks it writes where the flag pointed, and is refused. */
export function slow(options: { readonly source: string; readonly url: string; readonly flag: string }): Direct {
  const sides = { sqlite: directSqlite(options.source), postgres: directPostgres(options.url) };
  let side: Direct = sides.sqlite;
  let lookAt = 0;
  return {
    transaction(work) {
      if (performance.now() >= lookAt) {
        lookAt = performance.now() + CACHED_MS;
        side = sides[flagIn(options.flag)];
      }
      return side.transaction(work);
    },
  };
}

function flagIn(path: string): 'sqlite' | 'postgres' {
  try {
    return /^DB_TYPE=postgresql$/m.test(readFileSync(path, 'utf8')) ? 'postgres' : 'sqlite';
  } catch {
    return 'sqlite'; // there is no flag before the first switch
  }
}
