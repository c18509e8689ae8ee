import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { sqliteSink } from '../../src/sqlite/mirror/apply.ts';
import { closed, fixture, INSTALL } from './mirrored.ts';

const PROGRAM = fileURLToPath(new URL('./applying.ts', import.meta.url));
const SIZE = 400;
const ROUNDS = 12;

test.each(['wal', 'delete'] as const)(
  'kill -9 while applying leaves whole transactions and their LSN, and the fence closed, in %s [G2] [G8]',
  async journal => {
    using app = fixture('create table t (id integer primary key, v text)', { journal });
    await closed(app);
    for (let round = 0; round < ROUNDS; round++) {
      const child = spawn(process.execPath, [PROGRAM, app.path, JSON.stringify(app.plan), String(SIZE)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      // Killed at a different place of a transaction each time: as soon as it reports one, or some instructions later.
      for (let seen = 0; seen <= round % 3; seen++) await once(child.stdout, 'data');
      for (let spin = 0; spin < round; spin++) await new Promise(setImmediate);
      child.kill('SIGKILL');
      await once(child, 'exit');

      using sink = sqliteSink({ path: app.path, plan: app.plan, install: INSTALL });
      const transactions = (await sink.checkpoint()) - 100n;
      const [rows, marks] = app.db
        .prepare('select (select count(*) from t), (select count(*) from _attacca_journal where tbl <> 0)')
        .raw()
        .get() as bigint[];
      expect([rows, marks]).toEqual([transactions * BigInt(SIZE), transactions * BigInt(SIZE)]);
      expect(() => app.db.exec(`insert into t values (-1, 'rogue')`)).toThrow(/ATTACCA_FENCED/);
    }
  },
);
