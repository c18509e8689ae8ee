/*
 * How long the application waits for its write lock at most, in one piece, while attacca installs and prunes: a process that tries all
 * the time tells. In rollback-journal mode a commit takes some fsyncs, whoever makes it: what the application's own takes stands beside.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Seq } from '../../../src/change/change.ts';
import { decide } from '../../../src/plan/decide.ts';
import { install } from '../../../src/sqlite/capture/install.ts';
import { prune } from '../../../src/sqlite/journal/prune.ts';
import { openSource } from '../../../src/sqlite/open.ts';
import { profile } from '../../../src/sqlite/profile/profile.ts';
import { readSchema } from '../../../src/sqlite/schema/tables.ts';
import { fillJournal, manyTables } from '../support/locks.ts';
import { waitsDuring } from '../support/probed.ts';
import { count, type Line, median, percentile, round } from '../support/report.ts';
import type { World } from '../support/world.ts';

const ME = { install: 'bench', target: 'bench' };
const TABLES = 200;
const MARKS = { wal: 500_000, delete: 50_000 };
const BUDGET_MS = 5_000;

export async function locks(world: World): Promise<Line[]> {
  world.say('locks');
  return [await installing(), await pruning('wal'), await pruning('delete')];
}

async function installing(): Promise<Line> {
  using file = made(manyTables(TABLES), 'wal');
  const waits = await waitsDuring(file.path, () => file.install());
  return line(`install on ${TABLES} tables`, '< 50 ms', waits, file.commitMs());
}

async function pruning(mode: keyof typeof MARKS): Promise<Line> {
  using file = made('create table t (id integer primary key)', mode);
  await file.install();
  file.db.exec(fillJournal(MARKS[mode]));
  const waits = await waitsDuring(file.path, () => prune(file.db, BigInt(MARKS[mode]) as Seq));
  return line(`pruning ${count(MARKS[mode])} marks, journal mode ${mode}`, '< 5 ms', waits, file.commitMs());
}

function made(ddl: string, mode: keyof typeof MARKS) {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-bench-'));
  const path = join(folder, 'app.db');
  new Database(path).exec(`pragma journal_mode = ${mode}; create table own (x); ${ddl}`).close();
  const db = openSource(path);
  const schema = readSchema(db);
  const { plan } = decide(schema, profile(db, schema));
  return {
    path,
    db,
    install: () => install(db, plan, ME, BUDGET_MS),
    /** What a commit takes here, whoever makes it. */
    commitMs: (): number =>
      median(
        [0, 1, 2, 3, 4].map(() => {
          const since = performance.now();
          db.exec('insert into own default values');
          return performance.now() - since;
        }),
      ),
    [Symbol.dispose]() {
      db.close();
      rmSync(folder, { recursive: true });
    },
  };
}

function line(what: string, reach: string, waits: readonly number[], commitMs: number): Line {
  const [middle, most] = [median(waits), percentile(waits, 100)];
  return {
    measure: 'locks',
    what: `${what}: the application's wait`,
    reach,
    measured: `p50 ${round(middle, 1)} ms, ${round(most, 1)} ms at most, ${waits.length} times; its own commit takes ${round(commitMs, 1)} ms`,
    numbers: { p50: round(middle), most: round(most), waits: waits.length, commit: round(commitMs) },
  };
}
