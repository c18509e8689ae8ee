/*
 * An online backup of the application's file, without anything of attacca in it.
 *
 * (1) SQLite copies page by page and begins anew whenever somebody has written meanwhile, so beside steady writers it never ends.
 *     In WAL mode one read transaction over the whole copy keeps it from that, and blocks nobody.
 * (2) In rollback-journal mode a reader keeps every writer from committing: the lock is given back after each step, and steps grow
 *     until one copy falls between two commits, but none may hold writers up for long. Where that is not enough, it gives up.
 * (3) Only SQLite opens the application's file, and this runs in a thread: neither its locks nor the event loop are in danger.
 */

import { hasFence } from '../capture/control.ts';
import { dropOurs } from '../capture/install.ts';
import { unfence } from '../mirror/fence.ts';
import { type Database, openSource } from '../open.ts';
import { readTransaction } from '../transaction.ts';

const STEP_PAGES = 1_000;
/** How long one step may keep writers from committing. */
const STEP_MS = 100;
const ATTEMPTS = 200;
const WAIT_MS = 30_000;

export type Copied = { readonly pages: number; readonly of: number };

/** Copies the file at `source` to `path`, where nothing may be. Throws what SQLite throws, and an Error where writers never rest. */
export async function backUp(source: string, path: string, onProgress: (copied: Copied) => void): Promise<void> {
  const db = openSource(source, { readonly: true, scan: true, waitMs: WAIT_MS }); // nobody waits for this thread
  try {
    const wal = db.pragma('journal_mode', { simple: true }) === 'wal';
    using _state = wal ? readTransaction(db) : undefined;
    const pace = wal ? () => STEP_PAGES : pacing(() => performance.now());
    await db.backup(path, {
      progress({ totalPages, remainingPages }) {
        onProgress({ pages: totalPages - remainingPages, of: totalPages });
        return pace(remainingPages);
      },
    });
  } finally {
    db.close();
  }
  const copy = openSource(path);
  try {
    strip(copy);
  } finally {
    copy.close();
  }
}

/**
 * How many pages the next step takes, told how many remain. More remain than before: a writer came between, so the steps grow, up
 * to what takes STEP_MS. Throws an Error when that has happened too often.
 */
export function pacing(now: () => number): (remaining: number) => number {
  let [pages, most, began, before, again] = [STEP_PAGES, Number.POSITIVE_INFINITY, now(), Number.POSITIVE_INFINITY, 0];
  return remaining => {
    const ms = now() - began;
    if (ms > STEP_MS) most = Math.max(1, Math.floor((pages * STEP_MS) / ms));
    if (remaining > before && ++again > ATTEMPTS)
      throw new Error('the file was written so often that no copy of it came to an end; in WAL mode it would');
    pages = Math.min(most, remaining > before ? pages * 2 : pages);
    before = remaining;
    began = now();
    return pages;
  };
}

/** The application's schema as it would be without attacca: capture or fence out, its own triggers back. */
function strip(copy: Database): void {
  const all = (): void => {
    if (hasFence(copy)) unfence(copy);
    dropOurs(copy);
  };
  copy.transaction(all).immediate();
}
