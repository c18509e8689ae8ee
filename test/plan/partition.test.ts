/* Range partitions: only where the plan file asks, and refused with what stands in the way. */
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/change/errors.ts';
import { planSql, tableDdl } from '../../src/plan/ddl/ddl.ts';
import { evolve } from '../../src/plan/evolve/evolve.ts';
import { applyPlanFile, printPlan } from '../../src/plan/file/file.ts';
import { express } from '../../src/plan/objects/express.ts';
import { keyFits } from '../../src/plan/objects/key.ts';
import { partitionNotes } from '../../src/plan/objects/partition.ts';
import { keyColumns } from '../../src/plan/plan.ts';
import { withEnds } from '../../src/sqlite/profile/ends.ts';
import { profile } from '../../src/sqlite/profile/profile.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { testPostgres } from '../support/postgres.ts';
import { decided } from './decided.ts';

const asked = (sql: string, wish: string, more = '') => {
  const made = decided(sql);
  const stats = withEnds(made.db, made.stats, [wish.replace(/: .*/, '')]);
  const [name, by = 'month'] = wish.split(': ');
  const edited = applyPlanFile(made.plan, `version: 1\nimprove: { partition: { "${name}": ${by} } }\n${more}`, stats);
  return { ...made, stats, ...express(made.schema, { plan: edited, findings: [] }) };
};

const EVENTS = `
  create table person (id integer primary key);
  create table events (id integer primary key autoincrement, at datetime not null, who integer references person, doc text, check (id > 0));
  create index by_who on events (who, at);
  insert into events (at) values ('2023-12-31 23:59:59'), ('2024-02-29 00:00:00'), ('2024-01-05 10:00:00');`;

test('the key gets the column, the stored range its partitions, the rest a default one; the DDL runs, and is the same each time', async () => {
  const { plan, findings } = asked(EVENTS, 'events.at');
  const table = plan.tables.find(({ name }) => name === 'events')!;
  expect(keyColumns(table).map(({ name }) => name)).toEqual(['id', 'at']);
  expect(table.partition).toMatchObject({
    by: 'month',
    parts: [
      { name: 'events_2023_12', from: '2023-12-01', to: '2024-01-01' },
      { name: 'events_2024_01', from: '2024-01-01', to: '2024-02-01' },
      { name: 'events_2024_02', from: '2024-02-01', to: '2024-03-01' },
    ],
    rest: 'events_default',
  });
  expect(planSql(asked(EVENTS, 'events.at').plan)).toBe(planSql(plan));
  expect(findings).toEqual([]);
  expect(partitionNotes(plan)).toMatchObject([
    { code: 'partitioned', level: 'note', table: 'events', message: expect.stringContaining('"id" alone is unique is not enforced') },
  ]);
  await using postgres = await testPostgres();
  await postgres.query(planSql(plan));
  await postgres.query(`insert into events (at) values ('2024-01-31 23:59:59'), ('2050-01-01'), ('-infinity')`);
  expect(await postgres.query('select tableoid::regclass::text as part, id from events order by id')).toEqual([
    { part: 'events_2024_01', id: '1' },
    { part: 'events_default', id: '2' },
    { part: 'events_default', id: '3' },
  ]);
});

test('what is printed asks for it again', () => {
  const { plan, stats } = asked(EVENTS, 'events.at: year');
  const text = printPlan(plan, partitionNotes(plan));
  expect(text).toContain('events.at: year');
  expect(text).toMatch(/# note partitioned \(at\): .*not enforced there/);
  expect(applyPlanFile(decided(EVENTS).plan, text, stats).tables[0]?.partition).toEqual(plan.tables[0]?.partition);
});

test('a key that holds the column stays as it is, and unique', () => {
  const { plan } = asked(
    `create table reading (sensor text not null, day date not null, v real, primary key (sensor, day)) without rowid; insert into reading values ('a', '2024-05-05', 1)`,
    'reading.day: day',
  );
  const [table] = plan.tables;
  expect(keyColumns(table!).map(({ name }) => name)).toEqual(['sensor', 'day']);
  expect(tableDdl(plan, table!)).toContain(
    `"reading_2024_05_05" partition of "public"."reading" for values from ('2024-05-05') to ('2024-05-06')`,
  );
  expect(partitionNotes(plan)[0]?.message).not.toContain('unique');
});

describe('refused, with what stands in the way', () => {
  const at = 'at datetime not null';
  const row = `insert into t (id, at) values (1, '2024-01-01 00:00:00')`;
  test.each([
    ['no column', `create table t (id integer primary key, ${at}); ${row}`, 't.when', '', 'names t.when, which is not a column'],
    [
      'another type',
      `create table t (id integer primary key, at integer not null); insert into t values (1, 5)`,
      't.at',
      '',
      'it is bigint',
    ],
    ['NULLs', `create table t (id integer primary key, at datetime); ${row}, (2, null)`, 't.at', '', '1 rows have a NULL there'],
    ['NULL allowed', `create table t (id integer primary key, at datetime); ${row}`, 't.at', '', 'it may become NULL'],
    ['no key', `create table t (id text, ${at}); ${row}`, 't.at', '', 'its rows have no key of their own'],
    [
      'a foreign key',
      `create table t (id integer primary key, ${at}); create table c (t integer references t (id)); ${row}`,
      't.at',
      '',
      'a foreign key of "c" refers to its key',
    ],
    [
      'another unique key',
      `create table t (id integer primary key, ${at}, u text unique); ${row}`,
      't.at',
      '',
      'the unique index "t_u_key"',
    ],
    [
      'a partial one',
      `create table t (id integer primary key, ${at}, u text); create unique index p on t (u) where u > ''; ${row}`,
      't.at',
      '',
      'the unique index "p"',
    ],
    [
      'a type that may change',
      `create table t (id integer primary key, ${at}); ${row}`,
      't.at',
      'tables: { t: { columns: { at: { misfits: widen } } } }',
      'misfits: widen',
    ],
    [
      'too many',
      `create table t (id integer primary key, ${at}); ${row}, (2, '2030-01-01 00:00:00')`,
      't.at: day',
      '',
      '2193 partitions, from 2024-01-01 on',
    ],
    [
      'far too many',
      `create table t (id integer primary key, ${at}); ${row}, (2, '9999-12-31 00:00:00')`,
      't.at: day',
      '',
      'more than 10000 partitions',
    ],
  ])('%s', (_, sql, wish, more, reason) => {
    expect(() => asked(sql, wish, more)).toThrow(UsageError);
    expect(() => asked(sql, wish, more)).toThrow(reason);
  });

  test('two columns of one table, and a step that there is not', () => {
    const made = decided(
      `create table t (id integer primary key, ${at}, b datetime not null); insert into t values (1, '2024-01-01 00:00:00', '2024-01-01 00:00:00')`,
    );
    const apply = (wish: string) => () => applyPlanFile(made.plan, `version: 1\nimprove: { partition: ${wish} }`, made.stats);
    expect(apply('{ t.at: month, t.b: month }')).toThrow('names two columns of "t"');
    expect(apply('{ t.at: week }')).toThrow('plan file is not valid');
  });
});

test.each([
  ['timestamptz(s since 1970)', '1700000000', `'2023-11-01 00:00:00+00'`],
  ['timestamptz(YYYY-MM-DDThh:mm:ss+02:00)', `'2024-02-01T01:00:00+02:00'`, `'2024-01-01 00:00:00+00'`],
  ['timestamp(YYYY-MM-DD hh:mm:ss.fff)', `'2024-02-01 01:00:00.123'`, `'2024-02-01 00:00:00'`],
])('%s: days are those of UTC, as Postgres counts them', (codec, value, from) => {
  const { plan } = asked(`create table t (id integer primary key, at datetime not null); insert into t values (1, ${value})`, 't.at');
  expect(plan.tables[0]?.columns[1]?.codec).toBe(codec);
  expect(tableDdl(plan, plan.tables[0]!)).toContain(`from (${from})`);
});

test('it stays partitioned when the schema changes; a unique index across partitions is left out and named', () => {
  const { db, plan } = asked(EVENTS, 'events.at');
  db.exec('alter table events add column n integer; create unique index one on events (doc); create unique index two on events (doc, at)');
  db.exec('create unique index three on events (lower(doc))');
  const schema = readSchema(db);
  const stats = profile(db, schema);
  const { plan: after, findings, whole } = evolve(plan, { schema, triggers: new Map(), hazards: [], stats: ({ name }) => stats[name]! });
  const table = after.tables.find(({ name }) => name === 'events')!;
  expect(table.partition).toEqual(plan.tables[0]?.partition);
  expect(table.indexes.map(({ name }) => name)).toEqual(['by_who', 'two']);
  expect(table.expressionIndexes).toBeUndefined();
  expect(whole).toEqual([]);
  const why = 'it is unique across partitions, without the column that they are made by';
  expect(findings.filter(({ message }) => message.includes(why)).map(({ code }) => code)).toEqual(['index-expression']);
  expect(keyFits(table, schema.tables.find(({ name }) => name === 'events')!)).toBe(true);
});
