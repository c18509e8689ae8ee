import type { Database } from '../../sqlite/open.ts';

/** A database that is closed when its scope ends. */
export const disposable = (database: Database): { readonly database: Database } & Disposable => ({
  database,
  [Symbol.dispose]: () => database.close(),
});
