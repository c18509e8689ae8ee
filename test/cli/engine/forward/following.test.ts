import { expect, test } from 'vitest';
import { SourceMoved } from '../../../../src/change/errors.ts';
import { statsOf } from '../../../../src/cli/engine/forward/following.ts';
import { schemaVersion } from '../../../../src/sqlite/read/values.ts';
import { readSchema } from '../../../../src/sqlite/schema/tables.ts';
import { scratch } from '../../../sqlite/planned.ts';

test('a table that is gone before its values are read: the file is to be looked at again; other errors are what they are', () => {
  using world = scratch('create table t (id integer primary key, v); insert into t values (1, 2)');
  const { db } = world;
  const seen = { schema: readSchema(db), version: schemaVersion(db) };
  const [table] = seen.schema.tables;
  expect(statsOf(db, seen)(table!)).toMatchObject({ rows: 1 });
  db.exec('drop table t');
  expect(() => statsOf(db, seen)(table!)).toThrow(SourceMoved);
  expect(() => statsOf(db, { ...seen, version: schemaVersion(db) })(table!)).toThrow('no such table: t');
});
