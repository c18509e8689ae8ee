import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { decide } from '../../src/plan/decide.ts';
import { profile } from '../../src/sqlite/profile/profile.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';

const SCHEMA = `pragma ignore_check_constraints = on;
  create table t (id integer primary key, n int not null check (n > 0), m text check (m <> 'x'), o check (application(o)), check (n < 100));
  insert into t values (1, 1, 'a', 1), (2, -1, 'x', 1), (3, -2, null, 1), (4, 200, 'a', 1)`;

test('rows that a CHECK does not allow are counted for each, with keys; NULL is allowed; what cannot be asked tells nothing', () => {
  const db = new Database(':memory:').defaultSafeIntegers(true);
  db.function('application', (_: unknown) => 1);
  db.exec(SCHEMA);
  const whole = db.serialize();
  const file = new Database(whole).defaultSafeIntegers(true); // without the function
  const schema = readSchema(file);
  const stats = profile(file, schema);
  expect(stats.t?.violated).toEqual([
    { check: 'n > 0', count: 2, samples: ['["i:2"]', '["i:3"]'] },
    { check: "m <> 'x'", count: 1, samples: ['["i:2"]'] },
    { check: 'n < 100', count: 1, samples: ['["i:4"]'] },
  ]);
  const { findings } = decide(schema, stats);
  expect(findings.filter(({ code }) => code === 'check-violated')).toMatchObject([{ count: 2, samples: ['["i:2"]', '["i:3"]'] }, {}, {}]);
});

test('findings about NULLs name rows', () => {
  const db = new Database(':memory:').defaultSafeIntegers(true);
  db.exec(`create table t (a text, b int, primary key (a, b)); insert into t values ('x', null), ('y', 1)`);
  const schema = readSchema(db);
  const { findings } = decide(schema, profile(db, schema));
  expect(findings.find(({ code }) => code === 'null-key')).toMatchObject({ count: 1, samples: [expect.stringContaining('t:x')] });
});
