/*
 * The application brings its own SQLite. The triggers must load and fire in any that it may have, and change nothing that it sees.
 * Tried are this machine's sqlite3 and Python, and whatever ATTACCA_OLD_SQLITE names (paths of sqlite3 programs, separated by colons).
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { expect, test } from 'vitest';
import { install } from '../../src/sqlite/capture/install.ts';
import { openSource } from '../../src/sqlite/open.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { planOf, scratch } from './planned.ts';
import { GENERATED, SHAPES, WRITES } from './shapes.ts';

const PYTHON_VERSION = 'import sqlite3; print(sqlite3.sqlite_version)';
/** Runs the statements of stdin one by one; prints what the application sees after each. */
const PYTHON = `
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
for sql in json.load(sys.stdin):
    cursor = db.execute(sql)
    print(json.dumps([cursor.fetchall(), cursor.lastrowid, cursor.rowcount, db.execute('select changes(), last_insert_rowid()').fetchone()]))
`;
const JOURNAL = /* sql */ `select seq || '|' || tbl || '|' || quote(k1) || '|' || quote(k2) from _attacca_journal where tbl > 0 order by seq`;

const output = (program: string, words: readonly string[], input = ''): string | undefined => {
  const { status, stdout, stderr, error } = spawnSync(program, words, { input, encoding: 'utf8' });
  if (error !== undefined) return undefined;
  if (status !== 0 || stderr !== '') throw new Error(`${program}: ${stderr}`);
  return stdout.trim();
};

const versionOf = (program: string): string | undefined => output(program, ['--version'])?.split(' ')[0];
const numberOf = (version: string): number => version.split('.').reduce((sum, part, index) => sum + Number(part) / 1_000 ** index, 0);

/** A captured file with every shape that this SQLite understands without us. */
async function captured(version: string) {
  const number = numberOf(version);
  const shapes = number >= 3.009 ? SHAPES : SHAPES.replace(/create unique index expression.*\n/, '');
  const world = scratch(shapes + (number >= 3.031 ? GENERATED : ''), { wal: false });
  const db = openSource(world.path);
  await install(db, planOf(readSchema(db)), { install: 'i', target: 't' }, 1_000);
  db.close();
  return world;
}

const journalOf = (path: string): string[] => {
  const db = new BetterSqlite3(path);
  const lines = db.prepare<[], string>(JOURNAL).pluck().all();
  db.close();
  return lines;
};

/** What the newest SQLite, our own, marks for the same statements in a copy of the file. */
function expected(path: string): string[] {
  const copy = join(dirname(path), 'copy.db');
  copyFileSync(path, copy);
  const db = new BetterSqlite3(copy);
  for (const sql of WRITES) db.exec(sql);
  db.close();
  return journalOf(copy);
}

const programs = ['sqlite3', ...(process.env.ATTACCA_OLD_SQLITE ?? '').split(':').filter(Boolean)];

for (const program of programs) {
  const version = versionOf(program);
  test.skipIf(version === undefined)(
    `${program} ${version}: every kind of trigger loads and fires as in the newest SQLite [G1]`,
    async () => {
      using world = await captured(version ?? '');
      const marks = expected(world.path);
      expect(marks.length).toBeGreaterThan(WRITES.length);
      output(program, ['-batch', world.path], `${WRITES.join(';\n')};\n`);
      expect(journalOf(world.path)).toEqual(marks);
    },
  );
}

const python = output('python3', ['-c', PYTHON_VERSION]);

test.skipIf(python === undefined)('Python: every kind of trigger loads and fires as in the newest SQLite [G1]', async () => {
  using world = await captured(python ?? '');
  const marks = expected(world.path);
  output('python3', ['-c', PYTHON, world.path], JSON.stringify(WRITES));
  expect(journalOf(world.path)).toEqual(marks);
});

const RETURNING = WRITES.map(sql => (/^(insert|replace|update|delete)/.test(sql) ? `${sql} returning *` : sql));

test.skipIf(python === undefined || numberOf(python) < 3.035)(
  'Python sees the same results with capture and without: rows, lastrowid, rowcount, changes() [G6]',
  async () => {
    using world = await captured(python ?? '');
    using bare = scratch(SHAPES + GENERATED, { wal: false });
    for (const statements of [WRITES, RETURNING]) {
      const [with_, without] = [world, bare].map(({ path }) => output('python3', ['-c', PYTHON, path], JSON.stringify(statements)));
      expect(with_?.split('\n')).toEqual(without?.split('\n'));
      for (const { db } of [world, bare])
        db.exec('delete from uniques; delete from pair; delete from keyed; delete from "odd ""name"; delete from none');
    }
  },
);

test('the newest SQLite gives the same results with capture and without: RETURNING, changes(), last_insert_rowid() [G6]', async () => {
  using world = await captured(new BetterSqlite3(':memory:').prepare<[], string>('select sqlite_version()').pluck().get() ?? '');
  using bare = scratch(SHAPES + GENERATED, { wal: false });
  for (const sql of RETURNING) {
    const [with_, without] = [world, bare].map(({ db }) => ({
      rows: db.prepare(sql).raw().all(),
      seen: db.prepare('select changes(), last_insert_rowid()').get(),
    }));
    expect(with_, sql).toEqual(without);
  }
});
