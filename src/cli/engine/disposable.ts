import type { Database } from '../../sqlite/open.ts';

/** A database that is closed when its scope ends. */
export const disposable = (database: Database): { readonly database: Database } & Disposable => ({
  database,
  [Symbol.dispose]: () => database.close(),
});

/** All of them are ended when the scope ends. */
export const disposables = <T extends AsyncDisposable>(all: readonly T[]): { readonly all: readonly T[] } & AsyncDisposable => ({
  all,
  async [Symbol.asyncDispose]() {
    await Promise.all(all.map(one => one[Symbol.asyncDispose]()));
  },
});
