import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { expect, test } from 'vitest';
import { Refused } from '../../src/change/errors.ts';
import { refuseDamaged } from '../../src/sqlite/file/integrity.ts';
import { openSource } from '../../src/sqlite/open.ts';
import { refuseLacking } from '../../src/sqlite/schema/lacking.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { makePlace } from '../cli/refusals.ts';

const NEEDED = `create table computed (id integer primary key, a, s generated always as (slug(a)));
  create table kept (id integer primary key, a, s generated always as (slug(a)) stored); create table keyed (a text collate nocase primary key);
  create table ordered (a text collate nocase primary key) without rowid;
  create table expressed (id integer primary key, a); create index by_slug on expressed (slug(a));`;
const SPARE = `create table checked (id integer primary key, a check (slug(a) <> '')); create table compared (id integer primary key, a text collate nocase);
  create table followed (id integer primary key, a);
  create trigger follow after update on followed begin update followed set a = slug(new.a); end; create view v as select slug(a) from followed;`;

test('a table that needs what only the application has is refused by name; where that is not asked it is not [G9]', () => {
  using place = makePlace();
  const path = join(place.folder, 'own.db');
  const app = new BetterSqlite3(path).unsafeMode();
  app.function('slug', { deterministic: true }, text => text);
  app.exec(`${NEEDED} ${SPARE} pragma writable_schema = on; update sqlite_schema set sql = replace(sql, 'nocase', 'theirs')`);
  app.close();
  const db = openSource(path, { readonly: true });
  const schema = readSchema(db);
  const refused = (exclude: readonly string[]): unknown => {
    try {
      return refuseLacking(db, schema, exclude);
    } catch (error) {
      return error instanceof Refused ? error.blockers.map(({ reason }) => /^table (\w+) .*without (\w+),/.exec(reason)?.slice(1)) : error;
    }
  };
  expect(refused([])).toEqual([
    ['computed', 'slug'],
    ['expressed', 'slug'],
    ['kept', 'slug'],
    ['keyed', 'theirs'],
    ['ordered', 'theirs'],
  ]);
  expect(refused(['computed', 'expressed', 'kept', 'keyed', 'ordered'])).toBeUndefined();
  expect(() => refuseDamaged(db, path)).not.toThrow();
  db.close();
});
