/*
 * What a switch has open before it begins: while the application's writes wait there is no time to connect, to read a schema, to
 * compile statements and to plan them.
 *
 * A connection stays with the file that it opened, also when another took its name: then it is opened anew.
 */
import { connect, type Session } from '../../../postgres/session/open.ts';
import { openWriter } from '../../../sqlite/mirror/hold.ts';
import { type Database, fileAt, openSource } from '../../../sqlite/open.ts';
import type { Engine } from '../engine.ts';

export type Ready = {
  /** For the Postgres state that is compared; it ends with the switch. */
  readonly reader: Session;
  /** For the lock of a rollback. */
  locker(): Promise<Session>;
  /** For SQLite's write lock. Whoever holds it closes it; the next time it is another. */
  writer(): Database;
  /** For SQLite's record and its newest state. */
  looker(): Database;
  release(): Promise<void>;
};

export async function ready({ config, url }: Pick<Engine, 'config' | 'url'>): Promise<Ready> {
  const reader = await connect(url, { applicationName: 'attacca switch', pipelined: true });
  const writer = kept(config.source, openWriter);
  const looker = kept(config.source, path => openSource(path, { readonly: true }));
  let locker: Promise<Session> | undefined;
  return {
    reader,
    locker() {
      locker ??= connect(url, { applicationName: 'attacca rollback', pipelined: true });
      return locker;
    },
    writer: writer.get,
    looker: looker.get,
    async release() {
      writer.close();
      looker.close();
      await reader.end();
      await (await locker?.catch(() => undefined))?.end();
    },
  };
}

/** One connection to the file that stands at `path` now. */
function kept(path: string, open: (path: string) => Database) {
  let known: { readonly db: Database; readonly file: string | undefined } | undefined;
  const close = (): void => void known?.db.close();
  return {
    get(): Database {
      const file = fileAt(path);
      if (known === undefined || !known.db.open || known.file !== file) {
        close();
        known = { db: open(path), file };
      }
      return known.db;
    },
    close,
  };
}
