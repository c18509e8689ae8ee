import { describe, expect, test } from 'vitest';
import { codecOf } from '../../src/plan/codec.ts';
import { planSql } from '../../src/plan/ddl/ddl.ts';
import { applyPlanFile } from '../../src/plan/file/file.ts';
import { express } from '../../src/plan/objects/express.ts';
import { testPostgres } from '../support/postgres.ts';
import { decided } from './decided.ts';

/** Each row is taken or refused by both databases alike; both begin empty for each. */
const RULES = [
  ['active boolean check (active in (0, 1))', ['0', '1', 'null'], []],
  ["name text check (length(name) > 2 and name not like 'x%')", ["'abc'", 'null'], ["'ab'", "'Xabc'"]],
  ['day text constraint real_day check (day is date(day))', ["'2024-02-29'", 'null'], ["'2024-02-30'", "'nonsense'"]],
  ['n integer check (n % 2 = 0 or n between 100 and 102)', ['4', '101', 'null'], ['3', '99']],
  ["doc text check (json_valid(doc) and json_extract(doc, '$.a') is not null)", ['\'{"a":1}\''], ["'{}'", "'no'"]],
  ["kind text collate nocase check (kind in ('Admin', 'User'))", ["'ADMIN'", "'user'"], ["'guest'"]],
  ["mail text check (mail glob '*?@?*')", ["'a@b'"], ["'@b'"]],
] as const;

describe('CHECKs refuse in Postgres what they refuse in SQLite [G4]', () => {
  test.each(RULES)('%s', async (column, fitting, refused) => {
    const { db, plan, codes, table } = decided(`create table t (id integer primary key, ${column})`);
    expect(codes).not.toContain('check');
    await using postgres = await testPostgres();
    await postgres.query(planSql(plan));
    const { target, type } = table('t').columns[1]!;
    const boolean = (value: string): string => (type === 'boolean' ? ({ 0: 'false', 1: 'true' }[value] ?? value) : value);
    for (const value of [...fitting, ...refused]) {
      const takes = (refused as readonly string[]).includes(value) ? 'refuses' : 'takes';
      const theirs = await postgres.query(`insert into t ("${target}") values (${boolean(value)})`).then(
        () => 'takes',
        () => 'refuses',
      );
      expect([value, theirs]).toEqual([value, takes]);
      const insert = () => db.exec(`insert into t (${target}) values (${value})`);
      if (takes === 'takes') insert();
      else expect(insert).toThrow(/CHECK/);
    }
  });
});

test('a partial unique index stays partial, a NOCASE one ignores case, a deferred foreign key waits', async () => {
  const { plan } = decided(`
    create table p (id integer primary key);
    create table t (id integer primary key, a text, deleted boolean default 0, p integer references p deferrable initially deferred);
    create unique index one on t (a collate nocase) where deleted = 0;`);
  await using postgres = await testPostgres();
  await postgres.query(planSql(plan));
  await postgres.query("insert into t (a, deleted) values ('x', true), ('X', true), ('x', false)");
  await expect(postgres.query("insert into t (a, deleted) values ('X', false)")).rejects.toThrow(/one/);
  await postgres.query('begin; insert into t (p) values (7); insert into p values (7); commit');
});

test('a view gives the same rows in the same order, with the same names and values', async () => {
  const { db, plan, codes } = decided(`
    create table person (id integer primary key, name text collate nocase, born text, active boolean);
    create table sale (id integer primary key, person integer references person, amount numeric, note);
    insert into person values (1, 'Ann', '1990-02-28 10:00:00', 1), (2, 'bob', null, 0), (3, 'Cid', '2001-12-31', 1);
    insert into sale values (1, 1, 10, 'a'), (2, 1, 2.5, 'b'), (3, 3, 7, null), (4, null, 1, 'x');
    create view totals as
      select p.name, count(s.id) as n, total(amount) t, max(s.note), case when active then 'yes' else 'no' end state
      from person p left join sale as s on s.person = p.id group by p.id having count(*) > 0 order by p.name desc;
    create view v2 (who, days) as select name, cast(julianday('2020-01-01') - julianday(born) as integer) from person where born is not null or not active;
    create view v3 as select t.*, v2.days from totals t, v2 where t.name = v2.who order by 2 limit 10;
    create view v4 as select id, rowid, name || '!' from person union all select id, person, "note" from sale order by 1, 2, 3;
    create view v5 as with w as (select person, row_number() over (partition by person order by amount desc) r from sale) select * from w where r = 1 order by person;`);
  expect(codes).not.toContain('view');
  await using postgres = await testPostgres();
  await postgres.query(planSql(plan));
  for (const [name, columns] of [
    ['person', 'id, name, born, active'],
    ['sale', 'id, person, amount, note'],
  ] as const) {
    for (const row of db.prepare(`select ${columns} from ${name}`).raw().all() as unknown[][]) {
      const values = row.map((value, place) =>
        name === 'person' && place === 3 ? value === 1n : name === 'sale' && place === 3 && value !== null ? `t:${value}` : value,
      );
      const text =
        plan.tables.find(table => table.name === name)!.columns[3]!.codec === 'tagged'
          ? values
          : row.map((value, place) => (place === 3 && name === 'person' ? value === 1n : value));
      await postgres.query(`insert into ${name} (${columns}) values ($1, $2, $3, $4)`, text);
    }
  }
  expect(plan.views?.map(({ name }) => name)).toEqual(['totals', 'v2', 'v3', 'v4', 'v5']);
  for (const { name } of plan.views ?? []) {
    const theirs = await postgres.query(`select * from ${name}`);
    const ours = db.prepare(`select * from ${name}`).all() as Record<string, unknown>[];
    expect(theirs, name).toEqual(
      ours.map(row => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, value === null ? null : String(value)]))),
    );
  }
});

test('views that walk a tree, and order and group by times, give the same rows [G4]', async () => {
  const { db, plan, about, table } = decided(`
    create table node (id integer primary key, parent integer references node, name text not null, at datetime not null, born date, key uuid, price real);
    insert into node values (1, null, 'root', '2024-01-01 10:00:00', '1990-02-28', 'a0000000-0000-4000-8000-00000000000f', 1.005),
      (2, 1, 'a', '2024-01-03 10:00:00', null, 'b0000000-0000-4000-8000-00000000000f', 2.5), (3, 1, 'b', '2024-01-02 10:00:00', '2001-12-31', null, null),
      (4, 3, 'c', '2024-01-02 10:00:00', '1990-02-28', null, 1e6);
    create view tree (id, path, depth) as with recursive up (id, path, depth) as (select id, name, 0 from node where parent is null
      union all select n.id, up.path || '/' || n.name, depth + 1 from node n join up on n.parent = up.id) select * from up order by path;
    create view numbers as with recursive n (i) as (values (1), (10) union select i + 1 from n where i < 12) select i from n order by i desc;
    create view latest as select id, row_number() over (partition by born order by at desc, id) as place, lag(name, 1, 'none') over (order by at, id) as before from node order by id;
    create view years as select strftime('%Y', born) - strftime('%Y', at) as years, ceil(price) as up from node order by id;
    create view days as select born, count(*) as n from node group by born order by born;
    create view shown as select printf('%.2f', price) || char(10) || concat_ws('-', name, parent) as t from node order by at desc, id;`);
  expect(about('view')).toEqual([]);
  await using postgres = await testPostgres();
  await postgres.query(planSql(plan));
  const { columns } = table('node');
  for (const row of db.prepare('select * from node').raw().all() as (string | null)[][]) {
    const texts = columns.map((column, place) => codecOf(column).encode(row[place] ?? null));
    await postgres.query(`insert into node values (${texts.map((_, place) => `$${place + 1}`).join(', ')})`, texts);
  }
  for (const { name } of plan.views ?? []) {
    const ours = db.prepare(`select * from ${name}`).raw().all() as unknown[][];
    const texts = ours.map(row => row.map(value => (value === null ? null : String(value))));
    expect((await postgres.query(`select * from ${name}`)).map(Object.values), name).toEqual(texts);
  }
});

test.each([
  ['with recursive n as (select 1 as i union all select i + 1 from n limit 5) select i from n', 'it orders or limits a recursive WITH'],
  ['with recursive n (i) as (select i + 1 from n union all select 1) select i from n', 'another form than Postgres'],
  ['with recursive n (i) as (select 1 except select i + 1 from n) select i from n', 'another form than Postgres'],
])('%s is left out, and says why', (sql, reason) => {
  const { about } = decided(`create table t (id integer primary key); create view v as ${sql}`);
  expect(about('view')[0]?.message).toContain(reason);
});

test('expressions follow when a codec is changed, and what has no translation then is told', () => {
  const made = decided(
    'create table t (id integer primary key, active boolean check (active in (0, 1)), n int check (n > 0)); create index i on t (n) where active = 1',
  );
  const [table] = made.plan.tables;
  const changed = {
    ...table!,
    columns: table!.columns.map(column =>
      column.name === 'n'
        ? { ...column, codec: 'tagged' as const, type: 'text' as const }
        : { ...column, codec: 'integer' as const, type: 'bigint' as const },
    ),
  };
  const after = express(made.schema, { plan: { ...made.plan, tables: [changed] }, findings: made.findings });
  expect(after.plan.tables[0]?.checks).toEqual([{ name: 't_check', sql: '("active" in (0, 1))' }]);
  expect(after.plan.tables[0]?.expressionIndexes?.[0]?.where).toBe('("active" = 1)');
  expect(after.findings.filter(({ code }) => code === 'check')).toHaveLength(1);
  expect(express(made.schema, made)).toEqual({ plan: made.plan, findings: made.findings });
});

test('the last view that an edit leaves without a translation is gone, with the functions that it alone used', () => {
  const source = decided(
    `create table t (id integer primary key, doc_json text); create view v as select id from t where json_valid(doc_json);
    insert into t values (1, '{}'), (2, '{''a'': 2,}')`,
    { asked: () => 'jsonb(repaired)' },
  );
  expect([source.plan.views?.length, source.plan.compat]).toEqual([1, ['json_valid']]);
  const edited = applyPlanFile(source.plan, 'version: 1\ntables: { t: { columns: { doc_json: { misfits: repair } } } }', source.stats);
  const { plan, findings } = express(source.schema, { plan: edited, findings: [] });
  expect([plan.views, plan.compat, findings.map(({ code }) => code)]).toEqual([undefined, undefined, ['view']]);
});

test('defaults of narrow columns give values that can be written back in the same form [G4]', async () => {
  const { plan, about, table } = decided(`
    create table t (id integer primary key, created_at datetime default (strftime('%Y-%m-%d %H:%M:%f', 'now')), seen_at text default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
      at_s timestamp default (unixepoch()), at_ms timestamp default (unixepoch() * 1000), s2 timestamp default (strftime('%s', 'now')),
      born date default (date('now')), uuid text default (lower(hex(randomblob(4))) || '-0000-4000-8000-' || lower(hex(randomblob(6)))),
      other_at text default (strftime('%Y', 'now')));
    insert into t values (1, '2024-01-01 10:00:00.000', '2024-01-01T10:00:00.000Z', 1700000000, 1700000000000, 1700000000, '2024-01-01',
      'a0000000-0000-4000-8000-000000000001', '2024-01-01 10:00:00');`);
  expect(about('default-expression')).toEqual([]);
  expect(table('t').columns.map(({ codec }) => codec)).toEqual([
    'integer',
    'timestamp(YYYY-MM-DD hh:mm:ss.fff)',
    'timestamptz(YYYY-MM-DDThh:mm:ss.fffZ)',
    'timestamptz(s since 1970)',
    'timestamptz(ms since 1970)',
    'timestamptz(s since 1970)',
    'date(YYYY-MM-DD)',
    'uuid(lower)',
    'text', // its default is in another form than its value
  ]);
  await using postgres = await testPostgres();
  await postgres.query("set timezone = 'Asia/Kolkata'");
  await postgres.query(planSql(plan));
  await postgres.query('insert into t default values');
  await postgres.query("set timezone = 'UTC'");
  const [row] = await postgres.query('select * from t');
  const values = table('t').columns.map(column => codecOf(column).decode(row?.[column.target] ?? ''));
  const now = Date.now();
  const near = [1, 2].map(place => Math.abs(now - Date.parse(`${String(values[place]).replace(' ', 'T').replace('Z', '')}Z`)));
  const counted = [Number(values[3]) * 1000, Number(values[4]), Number(values[5]) * 1000].map(value => Math.abs(now - value));
  for (const distance of [...near, ...counted]) expect(distance).toBeLessThan(600_000);
  expect(values.slice(6)).toEqual([
    expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
    expect.stringMatching(/^[\da-f-]{36}$/),
    expect.stringMatching(/^\d{4}$/),
  ]);
});

describe('over JSON that Postgres has repaired', () => {
  const source = decided(
    `create table t (id integer primary key, meta text check (json_valid(meta)), "of" as (json_extract(meta, '$.a')));
    create index by_a on t (json_extract(meta, '$.a')) where json_valid(meta);
    create unique index one on t (json_extract(meta, '$.u'));
    create view shown as select id, meta ->> 'a' = 1 as one, length(meta ->> 'a') as long from t;
    create view valid as select id from t where json_valid(meta);
    pragma ignore_check_constraints = on;
    insert into t (id, meta) values (1, '{"a": 1}'), (2, '{''a'': 2,}'), (3, null);`,
    { asked: (_, column) => (column === 'meta' ? 'jsonb(repaired)' : undefined) },
  );
  const edited = applyPlanFile(source.plan, 'version: 1\ntables: { t: { columns: { meta: { misfits: repair } } } }', source.stats);
  const { plan, findings } = express(source.schema, { plan: edited, findings: [] });

  test('a CHECK, an index and the values that a view reads are what they were [G4]', async () => {
    await using postgres = await testPostgres();
    await postgres.query(planSql(plan));
    await postgres.query(`insert into t (id, meta) values (1, '{"a": 1}'), (2, '{"a": 2}'), (3, null)`);
    expect(await postgres.query('select * from shown order by id')).toEqual([
      { id: '1', one: '1', long: '1' },
      { id: '2', one: '0', long: '1' },
      { id: '3', one: null, long: null },
    ]);
    expect(plan.tables[0]?.checks).toHaveLength(1);
    expect(plan.tables[0]?.expressionIndexes?.map(({ name }) => name)).toEqual(['by_a']);
  });

  test('what would be another answer is named with its reason: uniqueness, a generated column, whether it is valid', () => {
    const texts = 'it reads JSON from texts that are repaired in Postgres and malformed in SQLite';
    expect(findings.map(({ message }) => message)).toEqual([
      `Generated column "of" is left out: ${texts}.`,
      `Unique index "one" is not created in Postgres: ${texts}.`,
      'View "valid" is not created in Postgres: it asks whether JSON is valid that is repaired in Postgres and malformed in SQLite.',
    ]);
  });
});
