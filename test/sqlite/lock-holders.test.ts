import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { lockHolders } from '../../src/sqlite/file/lock-holders.ts';
import { hold } from '../../src/sqlite/mirror/hold.ts';
import { fixture } from './mirrored.ts';

/** A process that takes what `sql` takes, says so, and keeps it. */
const HOLDER = `
  const db = new (require('better-sqlite3'))(process.argv[1]);
  db.exec(process.argv[2]);
  process.stdout.write('held');
  setInterval(() => undefined, 1000);`;

test.skipIf(process.platform !== 'linux').each([
  { journal: 'wal', sql: 'begin immediate' },
  { journal: 'delete', sql: 'begin immediate' },
  { journal: 'delete', sql: 'pragma locking_mode = exclusive; begin exclusive; commit' },
] as const)('in $journal mode, a process that did "$sql" is named as the holder of the lock [G9]', async ({ journal, sql }) => {
  using app = fixture('create table t (id integer primary key)', { journal });
  expect(lockHolders(app.path)).toEqual([]);
  const child = spawn(process.execPath, ['-e', HOLDER, app.path, sql], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    await expect(hold(app.path, 20)).rejects.toThrow(/lock/);
    expect(lockHolders(app.path)).toEqual([child.pid]);
    symlinkSync(app.path, `${app.path}.link`);
    expect(lockHolders(`${app.path}.link`)).toEqual([child.pid]);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  using held = await hold(app.path, 1_000);
  held.release();
  expect(lockHolders(app.path), 'our own locks are still ours, and not named').toEqual([]);
});
