/* The images that power failures are tried with are what they are said to be: without a sync a commit is gone, with one it is there. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { canTrace, durable, imageOf, restore, traced } from '../support/disk.ts';

const DRIVER = createRequire(import.meta.url).resolve('better-sqlite3');
const WRITER = `
  const db = new (require(process.argv[1]))(process.argv[2]);
  db.pragma('synchronous = ' + process.argv[3]);
  db.exec("begin immediate; insert into t values (1); commit");
  process.kill(process.pid, 'SIGKILL');`;

/** A row is committed, then the machine loses power. Says how many rows there are. */
function rowsAfter(mode: 'wal' | 'delete', synchronous: 'normal' | 'full' | 'extra' | 'off'): number {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-power-'));
  try {
    const path = join(folder, 'app.db');
    const db = new Database(path);
    db.pragma(`journal_mode = ${mode}`);
    db.exec('create table t (a)');
    // The connection stays: the last one to close would tidy up the WAL.
    const base = imageOf(folder);
    const shell = `${process.execPath} -e '${WRITER.replaceAll("'", `'"'"'`)}' "$@" || true`;
    const lines = traced('/bin/sh', ['-c', shell, 'sh', DRIVER, path, synchronous]);
    db.close();
    restore(folder, durable(base, folder, lines));
    const after = new Database(path);
    const rows = Number(after.prepare('select count(*) from t').pluck().get());
    after.close();
    return rows;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test.skipIf(!canTrace())('what SQLite did not sync is not in the image, and what it synced is', () => {
  expect(rowsAfter('wal', 'normal')).toBe(0);
  expect(rowsAfter('wal', 'extra')).toBe(1);
  expect(rowsAfter('delete', 'full')).toBe(0); // the removal of the journal was not synced: the commit is rolled back
  expect(rowsAfter('delete', 'extra')).toBe(1);
});
