import { closeSync, openSync, writeSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { Refused } from '../../src/change/errors.ts';
import { refuseDamaged } from '../../src/sqlite/file/integrity.ts';
import { openSource } from '../../src/sqlite/open.ts';
import { build, ODD } from '../corpus/odd.ts';
import { scratch } from './planned.ts';

const PAGE = 4_096;
const FILLED = `create table t (id integer primary key, x); insert into t (x) select randomblob(3000) from (values (1), (2), (3), (4), (5), (6))`;

/** What the application's own modules and tokenizers would be asked about cannot be asked. */
test.each([
  ['a sound file', FILLED],
  ['modules and tokenizers that only the application has', ODD.foreign],
  [
    'a CHECK by a function of the application',
    `create table t (x check (length(x) > 1)); pragma ignore_check_constraints = on; insert into t values ('')`,
  ],
])('%s is read', (_, what) => {
  using world = scratch('', { wal: false });
  const path = `${world.path}.other`;
  build(path, what!);
  const db = openSource(path, { readonly: true });
  expect(() => refuseDamaged(db, path)).not.toThrow();
  db.close();
});

test.each([
  ['a damaged page', FILLED],
  [
    'a damaged page in a file with a tokenizer that only the application has',
    (db: Database.Database) => {
      db.exec(FILLED);
      db.unsafeMode(true);
      db.pragma('writable_schema = on');
      db.exec(
        `insert into sqlite_schema (type, name, tbl_name, rootpage, sql) values ('table', 'f', 'f', 0, 'create virtual table f using fts3 (x, tokenize=Own)')`,
      );
    },
  ],
])('%s is refused [G4]', (_, what) => {
  using world = scratch('', { wal: false });
  const path = `${world.path}.other`;
  build(path, what);
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(PAGE - 200, 0x5a), 0, PAGE - 200, 3 * PAGE);
  closeSync(file);
  const db = openSource(path, { readonly: true });
  expect(() => refuseDamaged(db, path)).toThrow(Refused);
  db.close();
});
