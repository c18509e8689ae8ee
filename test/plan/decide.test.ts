import { describe, expect, test } from 'vitest';
import { CODES } from '../../src/plan/codes.ts';
import { Plan } from '../../src/plan/document.ts';
import { applyPlanFile } from '../../src/plan/file/file.ts';
import { keyColumns } from '../../src/plan/plan.ts';
import { decided } from './decided.ts';

const numbers = (count: number): string => Array.from({ length: count }, (_, n) => `c${n + 1}`).join(', ');
const MILLIS = 'timestamp(YYYY-MM-DD hh:mm:ss.fff)';
const MICROS = 'timestamp(YYYY-MM-DD hh:mm:ss.ffffff)';
const SECONDS = 'timestamp(YYYY-MM-DD hh:mm:ss)';
/** As Django, Rails and Python's isoformat write. */
const MICROS_IF_ANY = 'timestamp(YYYY-MM-DD hh:mm:ss[.ffffff])';

test('what the values of a column leave open, other columns of the file tell: whether a fraction of zero is left out', () => {
  const at = (time: string): string => `'2024-01-01 10:00:${time}'`;
  const codecs = (b: string, c: string): string[] =>
    decided(
      `create table t (a datetime, b datetime, c datetime);
       insert into t values (${at('01.123456')}, ${at('01.500000')}, ${c}), (${at('02.123456')}, ${at(b)}, ${c})`,
    )
      .table('t')
      .columns.flatMap(({ codec }) => (codec === 'integer' ? [] : [codec]));
  expect(codecs('03', at('04'))).toEqual([MICROS_IF_ANY, MICROS_IF_ANY, MICROS_IF_ANY]);
  expect(codecs('03.000000', 'null').slice(0, 2)).toEqual([MICROS, MICROS]);
});

describe('the type comes from the stored values', () => {
  test.each([
    ['integer', 'insert into t values (1), (-9223372036854775808)', 'integer', 'bigint'],
    ['datetime', "insert into t values ('2024-01-01 10:00:00'), (null)", 'timestamp(YYYY-MM-DD hh:mm:ss)', 'timestamp'],
    ['datetime', "insert into t values ('2024-01-01T10:00:00Z')", 'timestamptz(YYYY-MM-DDThh:mm:ssZ)', 'timestamptz'],
    ['text', "insert into t values ('2024-01-01 10:00:00')", 'text', 'text'],
    ['datetime', "insert into t values ('2024-01-01 10:00:00.120'), ('2024-01-01 10:00:00.1234')", MILLIS, 'timestamp'],
    ['datetime', "insert into t values ('2024-01-01 10:00:00.120'), ('2024-01-01 10:00:00.1')", 'text', 'text'],
    ['datetime', "insert into t values ('2024-01-01 10:00:00'), ('2024-01-01 10:00:00.123450')", MICROS_IF_ANY, 'timestamp'],
    ['datetime', "insert into t values ('2024-01-01 10:00:00'), ('2024-01-01 10:00:00.123456')", MICROS_IF_ANY, 'timestamp'],
    ['datetime', "insert into t values ('2024-01-01 10:00:00'), ('2024-01-01 10:00:00.000000')", 'text', 'text'],
    [
      'datetime',
      "insert into t values ('2024-01-01 10:00:00.5'), ('2024-01-01 10:00:00.25'), ('2024-01-01 10:00:00')",
      SECONDS,
      'timestamp',
    ],
    ['datetime', "insert into t values ('2024-01-01 10:00:00'), ('2024-01-01T10:00:00')", 'text', 'text'],
    ['datetime', "insert into t values ('2024-01-01 10:00:00+00:00'), ('2024-01-01 10:00:00+02:00')", 'text', 'text'],
    ['datetime', "insert into t values ('2024-01-01 10:00:00.1234567')", 'text', 'text'],
    ['datetime', "insert into t values ('2024-01-01 10:00:00'), ('0000-00-00 00:00:00')", 'text', 'text'],
    ['datetime', "insert into t values ('2024-01-01 10:00:00'), ('')", 'text', 'text'],
    ['datetime', "insert into t values ('2024-02-30 10:00:00')", 'text', 'text'],
    ['datetime', "insert into t values ('2024-01-01 24:00:00'), ('2024-01-01 10:00:60')", 'text', 'text'],
    ['datetime', "insert into t values ('2024-01-01')", 'text', 'text'],
    ["datetime default ''", "insert into t values ('2024-01-01 10:00:00')", 'text', 'text'],
    ['datetime default current_timestamp', "insert into t values ('2024-01-01T10:00:00')", 'text', 'text'],
    [
      'datetime default current_timestamp',
      "insert into t values ('2024-01-01 10:00:00.123')",
      'timestamp(YYYY-MM-DD hh:mm:ss[.fff])',
      'timestamp',
    ],
    [
      'datetime default current_timestamp',
      "insert into t values ('2024-01-01 10:00:00.123456'), ('2024-01-01 10:00:00')",
      'timestamp(YYYY-MM-DD hh:mm:ss[.ffffff])',
      'timestamp',
    ],
    ['datetime default current_timestamp', "insert into t values ('2024-01-01 10:00:00.000')", 'text', 'text'],
    ['datetime', "insert into t values ('2024-01-01 10:00:00.123')", 'timestamp(YYYY-MM-DD hh:mm:ss.fff)', 'timestamp'],
    ['date', "insert into t values ('2024-01-01'), ('9999-12-31')", 'date(YYYY-MM-DD)', 'date'],
    ['datetime', 'insert into t values (1700000000)', 'timestamptz(s since 1970)', 'timestamptz'],
    ['datetime', 'insert into t values (1700000000000)', 'timestamptz(ms since 1970)', 'timestamptz'],
    ['datetime', 'insert into t values (0), (1700000000)', 'integer', 'bigint'],
    ['datetime', "insert into t values (1700000000), ('2024-01-01 10:00:00')", 'tagged', 'text'],
    ['datetime', 'insert into t values (13345000000000000)', 'timestamptz(us since 1601)', 'timestamptz'],
    ['datetime', 'insert into t values (1700000000123456000)', 'timestamptz(ns since 1970)', 'timestamptz'],
    ['datetime', 'insert into t values (1700000000123456789)', 'integer', 'bigint'],
    ['datetime', 'insert into t values (2460000.5)', 'number', 'double precision'],
    ['datetime', "insert into t values ('20240102030405')", 'integer', 'bigint'],
    ['text', "insert into t values ('20240102030405')", 'text', 'text'],
    ['integer', 'insert into t values (1700000000)', 'integer', 'bigint'],
    ['uuid', "insert into t values ('a0000000-0000-4000-8000-00000000000f')", 'uuid(lower)', 'uuid'],
    ['uuid', "insert into t values ('A0000000-0000-4000-8000-00000000000F')", 'uuid(upper)', 'uuid'],
    ['uuid', "insert into t values ('A0000000-0000-4000-8000-00000000000F'), ('a0000000-0000-4000-8000-00000000000f')", 'text', 'text'],
    ['guid', "insert into t values (x'00112233445566778899aabbccddeeff')", 'uuid(blob)', 'uuid'],
    ['blob', "insert into t values (x'00112233445566778899aabbccddeeff')", 'blob', 'bytea'],
    ['char(32)', "insert into t values ('a00000000000400080000000000000ff')", 'text', 'text'],
    ['json', `insert into t values ('{"a": [1]}'), ('[]')`, 'jsonb', 'jsonb'],
    ['json', `insert into t values ('{"a": [1]}'), ('')`, 'text', 'text'],
    ['json', `insert into t values ('{"a": 1, "a": 2}')`, 'text', 'text'],
    ['json', `insert into t values ('null'), ('{"a": 1}')`, 'jsonb', 'jsonb'],
    ['json', `insert into t values (5), (2.5), ('true'), ('"text"'), ('[]')`, 'jsonb', 'jsonb'],
    ['json', `insert into t values (5), (x'00')`, 'tagged', 'text'],
    ['json', `insert into t values ('null'), ('NULL')`, 'text', 'text'],
    ['json unique', `insert into t values ('{"a": 1}')`, 'text', 'text'],
    ['text', `insert into t values ('{"a": 1}')`, 'text', 'text'],
    ['decimal(10,2)', 'insert into t values (1.25)', 'number', 'double precision'],
    ['real', 'insert into t values (1), (1.5)', 'real', 'double precision'],
    ['numeric', 'insert into t values (1), (1.5)', 'number', 'double precision'],
    ['int', 'insert into t values (1), (1.5)', 'number', 'double precision'],
    ['int', 'insert into t values (9007199254740993), (1.5)', 'tagged', 'text'],
    ['decimal(10,2)', 'insert into t values (1)', 'number', 'double precision'],
    ['decimal(10)', 'insert into t values (1)', 'integer', 'bigint'],
    ['numeric', 'insert into t values (1.5)', 'number', 'double precision'],
    ['', 'insert into t values (1.5)', 'real', 'double precision'],
    ['', 'insert into t values (1), (1.5)', 'tagged', 'text'],
    ['text', "insert into t values ('a'), (x'00')", 'tagged', 'text'],
    ['text', "insert into t values ('a' || char(0))", 'tagged', 'text'],
    ['text', "insert into t values (cast(x'ff' as text))", 'tagged', 'text'],
    ['text', 'insert into t values (char(65533))', 'text', 'text'],
    ['point', "insert into t values (x'00')", 'blob', 'bytea'],
    ['boolean', 'insert into t values (0), (1), (null)', 'boolean', 'boolean'],
    ['boolean', 'insert into t values (0), (2)', 'integer', 'bigint'],
    ['boolean', "insert into t values ('t'), ('f')", 'boolean(t/f)', 'boolean'],
    ['boolean', "insert into t values ('true')", 'boolean(true/false)', 'boolean'],
    ['boolean', "insert into t values ('true'), ('FALSE')", 'text', 'text'],
    ['boolean', "insert into t values ('true'), (1)", 'tagged', 'text'],
    ['text', "insert into t values ('true'), ('false')", 'text', 'text'],
    ['integer', 'insert into t values (0), (1)', 'integer', 'bigint'],
    ['boolean default 1000', '', 'integer', 'bigint'],
    ['boolean default false', '', 'boolean', 'boolean'],
    ['tinyint(1)', 'insert into t values (0), (1)', 'boolean', 'boolean'],
    ['TINYINT(1) DEFAULT 1', 'insert into t values (1)', 'boolean', 'boolean'],
    ['tinyint(1)', '', 'boolean', 'boolean'],
    ['tinyint(1)', 'insert into t values (0), (2)', 'integer', 'bigint'],
    ['tinyint', 'insert into t values (0), (1)', 'integer', 'bigint'],
    ['tinyint(1) default 3', 'insert into t values (0), (1)', 'integer', 'bigint'],
    ['datetime', '', 'text', 'text'],
    ['numeric', '', 'number', 'double precision'],
    ['numeric unique', '', 'integer', 'bigint'],
    ['blob', '', 'blob', 'bytea'],
    ['', '', 'tagged', 'text'],
    ['varchar(10)', 'insert into t values (null)', 'text', 'text'],
  ])('%s with %s', (declared, rows, codec, type) => {
    const { column } = decided(`create table t (v ${declared}); ${rows}`);
    expect(column('t', 'v')).toMatchObject({ codec, type });
  });

  test.each([
    ['created_at text', "('2024-01-01 10:00:00')", 'timestamp'],
    ['createdAt text', "('2024-01-01T10:00:00.000Z')", 'timestamptz'],
    ['value text', "('2024-01-01 10:00:00')", 'text'],
    ['birthday text', "('2024-01-01')", 'date'],
    ['created_at text', "('2024-01-01')", 'text'],
    ['createdOn text', "('2024-01-01')", 'date'],
    ['version varchar(255)', "('20240102030405')", 'text'],
    ['reason text', "('2024-01-01')", 'text'],
    ['location text', "('2024-01-01 10:00:00')", 'text'],
    ['format text', "('2024-01-01 10:00:00')", 'text'],
    ['owner_id text', "('a0000000-0000-4000-8000-00000000000f')", 'uuid'],
    ['id text primary key', "('a0000000-0000-4000-8000-00000000000f')", 'uuid'],
    ['name text', "('a0000000-0000-4000-8000-00000000000f')", 'text'],
    ['meta_json text', "('{}')", 'jsonb'],
    ['meta_json text', "('{}'), ('null'), ('12')", 'jsonb'],
    ['is_json text', "('true'), ('null')", 'text'],
    ['json_version numeric', '(1), (2)', 'double precision'],
    ['meta text', "('{}')", 'text'],
    ['is_admin integer', '(1)', 'bigint'],
    ['last_visit_time integer', '(13345000000000000)', 'timestamptz'],
    ['visits integer', '(13345000000000000)', 'bigint'],
    ['ZCREATIONDATE timestamp', '(690000000.5), (690000001)', 'timestamptz'],
    ['ZCREATIONDATE timestamp', '(690000000.1234567)', 'double precision'],
    ['ZCREATIONDATE timestamp', '(1700000000)', 'timestamptz'],
    ['julian_day integer', '(2460000)', 'date'],
    ['julian_day integer', '(2460000), (7)', 'bigint'],
    ['date char(8)', "('20240102')", 'date'],
  ])('a name is a hint where every value agrees: %s with %s', (column, values, type) => {
    expect(decided(`create table t (${column}); insert into t values ${values}`).table('t').columns.at(-1)?.type).toBe(type);
  });

  test('columns that a foreign key ties together have one codec', () => {
    const uuid = 'a0000000-0000-4000-8000-00000000000f';
    const tables =
      'create table p (id text primary key); create table c (id integer primary key, p_id text references p, q text references p)';
    const empty = decided(`${tables}; insert into p values ('${uuid}')`);
    expect([empty.column('p', 'id'), empty.column('c', 'p_id'), empty.column('c', 'q')].map(({ codec }) => codec)).toEqual(
      Array(3).fill('uuid(lower)'),
    );
    expect(empty.table('c').foreignKeys).toHaveLength(2);
    const other = decided(
      `pragma foreign_keys = off; ${tables}; insert into p values ('${uuid}'); insert into c values (1, '${uuid}', 'orphan')`,
    );
    expect([other.column('p', 'id'), other.column('c', 'p_id'), other.column('c', 'q')].map(({ codec }) => codec)).toEqual(
      Array(3).fill('text'),
    );
    expect(other.table('c').foreignKeys).toHaveLength(2);
  });

  test.each([
    ["'2024-01-01 10:00:00'), ('", "timestamp(YYYY-MM-DD hh:mm:ss or '')"],
    ["'2024-01-01 10:00:00'), ('0000-00-00 00:00:00", "timestamp(YYYY-MM-DD hh:mm:ss or '0000-00-00 00:00:00')"],
    ["'2024-01-01'), ('0000-00-00", "date(YYYY-MM-DD or '0000-00-00')"],
    ["1700000000), (0), ('x') -- ", undefined],
    ['1700000000), (0) -- ', 'timestamptz(s since 1970 or 0)'],
    ['13345000000000000), (0) -- ', 'timestamptz(us since 1601 or 0)'],
    ['2460000.25), (2460000) -- ', 'timestamptz(julian day)'],
    ["'2024-01-01'), (''), ('0000-00-00", undefined],
  ])('a codec that only a person can choose is offered: %s', (values, codec) => {
    const sql = `create table t (v datetime); insert into t values (${values}')`.replace(/ -- '\)$/, '');
    expect(decided(sql).column('t', 'v').codec).not.toBe(codec);
    const offer = decided(sql).about('mixed-formats')[0]?.message;
    if (codec === undefined) expect(offer ?? '').not.toContain('chosen in the plan file');
    else expect(offer).toContain(`Codec ${codec}, chosen`);
    if (codec === undefined) return;
    const { plan, stats } = decided(sql, { asked: () => codec });
    const file = JSON.stringify({ version: 1, tables: { t: { columns: { v: { codec } } } } });
    expect(applyPlanFile(plan, file, stats).tables[0]?.columns.at(-1)).toMatchObject({ codec });
  });

  test('a time of day stays text, and its codec is offered', () => {
    const { column, about } = decided("create table t (v time); insert into t values ('07:30:00'), ('23:59:59.120000')");
    expect(column('t', 'v').type).toBe('text');
    expect(about('mixed-formats')[0]?.message).toContain('Codec time(hh:mm:ss[.ffffff]), chosen in the plan file, would take them all.');
  });

  test('what keeps a declared type from being one is counted by what it is', () => {
    const { about } = decided(
      "create table t (v datetime, b boolean); insert into t values ('2024-01-01 10:00:00', 1), ('2024-01-02 10:00:00', 0), ('', 2)",
    );
    expect(about('mixed-formats').map(({ column, count }) => [column, count])).toEqual([
      ['v', 1],
      ['b', 1],
    ]);
    expect(about('mixed-formats')[0]?.message).toContain('2 timestamp(YYYY-MM-DD hh:mm:ss), 1 empty');
  });

  test.each([
    ["v datetime) -- '2024-01-01'), ('2024-01-02'", 'stays text, though every value fits date(YYYY-MM-DD): it may be given a time of day.'],
    ["v datetime default '') -- '2024-01-01 10:00:00'", "though every value fits timestamp(YYYY-MM-DD hh:mm:ss): its default '' does not."],
    ["v timestamp default '') -- 1700000000", "though every value fits timestamptz(s since 1970): its default '' does not."],
    [
      "v json); create unique index u on t (v) -- '[]'), ('[1]'",
      'stays text, though every value fits jsonb: an index compares it as text.',
    ],
    ["v boolean) -- 'perhaps'", 'because not every value has one form that can be written back: 1 text.'],
    ["v boolean default 't') -- 'true'), ('false'", "though every value fits boolean(true/false): its default 't' does not."],
  ])('a type that every value fits, and that is not chosen, has its reason: %s', (sql, reason) => {
    const [columns, values] = sql.split(' -- ');
    const { about } = decided(`create table t (${columns}; insert into t values (${values})`);
    expect(about('mixed-formats')[0]?.message.endsWith(reason)).toBe(true);
  });

  test('STRICT tables', () => {
    const { table } = decided("create table t (i int, r real, x text, b blob, a any) strict; insert into t values (1, 1, 1, x'00', 1)");
    expect(
      table('t')
        .columns.slice(1)
        .map(({ codec }) => codec),
    ).toEqual(['integer', 'real', 'text', 'blob', 'integer']);
    expect(decided('create table t (a any) strict').column('t', 'a').codec).toBe('tagged');
  });

  test('what stood in the way is counted, with keys and without values', () => {
    const { about } = decided("create table t (id integer primary key, v int); insert into t values (7, 1), (8, 's3cret'), (9, 2)");
    expect(about('mixed-classes')).toMatchObject([{ table: 't', column: 'v', count: 1, samples: ['["i:8"]'], level: 'warning' }]);
    expect(JSON.stringify(about('mixed-classes'))).not.toContain('s3cret');
  });
});

describe('the key', () => {
  test.each([
    ['create table t (id integer primary key, v)', 'rowid', ['id']],
    ['create table t (id int primary key, v); insert into t values (1, 2)', 'declared', ['id']],
    ['create table t (a, b, primary key (b, a)) without rowid', 'declared', ['b', 'a']],
    ['create table t (id text primary key, v); insert into t values (null, 2)', 'hidden', ['rowid']],
    ['create table t (id text primary key, u text not null unique); insert into t values (null, 2)', 'declared', ['u']],
    ['create table t (u text unique)', 'hidden', ['rowid']],
    ['create table t (u text not null); create unique index i on t (u) where u > 1', 'hidden', ['rowid']],
    ['create table t (u text not null); create unique index i on t (lower(u))', 'hidden', ['rowid']],
    ['create table t (u text not null); create unique index i on t (u)', 'declared', ['u']],
    ['create table t (v, rowid text)', 'hidden', ['_rowid_']],
    ["create table t (u text not null unique); insert into t values (printf('%.*c', 2700, 'x'))", 'hidden', ['rowid']],
    ['create table t (id integer primary key desc, v)', 'declared', ['id']],
  ])('%s', (sql, kind, columns) => {
    const { table, codes } = decided(sql);
    expect(table('t').key.kind).toBe(kind);
    expect(keyColumns(table('t')).map(({ name }) => name)).toEqual(columns);
    expect(codes.includes('hidden-key')).toBe(kind === 'hidden');
    expect(table('t').identity).toBe(kind === 'declared' ? null : table('t').key.columns[0]);
  });

  test('a table whose rows nothing tells apart blocks', () => {
    const { plan, about } = decided('create table t (rowid, oid, _rowid_); create table u (id integer primary key)');
    expect(about('no-key')).toMatchObject([{ level: 'blocking', table: 't' }]);
    expect(plan.tables.map(({ name }) => name)).toEqual(['u']);
  });

  test.each([
    ['33 columns', `(${numbers(33)})`, '', 'PRIMARY KEY has 33 columns, and an index in Postgres at most 32'],
    ['long values', '(c1)', `insert into t (c1) values (printf('%.*c', 2700, 'x'))`, 'PRIMARY KEY holds values that are too long'],
  ])('without a rowid a key of %s blocks, and says why', (_, key, rows, reason) => {
    const { about } = decided(`create table t (${numbers(33)}, primary key ${key}) without rowid; ${rows}`);
    expect(about('no-key')).toMatchObject([{ level: 'blocking', table: 't', message: expect.stringContaining(reason) }]);
  });

  test('an index takes 32 columns, as a key and else; one of 33 is left out with that reason', () => {
    const sql = `create table t (${numbers(33)}, primary key (${numbers(32)})) without rowid; create index i on t (${numbers(33)})`;
    const { table, about } = decided(sql);
    expect(table('t').key.columns).toHaveLength(32);
    expect(about('index-too-wide')).toMatchObject([{ message: expect.stringContaining('33 columns, and an index there at most 32') }]);
    const hidden = decided(`create table t (${numbers(33)}, primary key (${numbers(33)}))`);
    expect([hidden.table('t').key.kind, hidden.about('key-too-many-columns').length]).toEqual(['hidden', 1]);
  });

  test('a NULL in the key is told with its count', () => {
    expect(decided("create table t (id text primary key); insert into t values (null), (null), ('a')").about('null-key')).toMatchObject([
      { count: 2 },
    ]);
  });
});

test('zero tables block', () => {
  expect(decided('create view v as select 1').about('no-tables')).toMatchObject([{ level: 'blocking' }]);
  expect(decided('create table t (a)', { exclude: ['T'] }).codes).toEqual(expect.arrayContaining(['excluded', 'no-tables']));
});

test('tables of Litestream stay where they are: it goes on writing them, and no fence may stop it [G6]', () => {
  const { plan, about } = decided('create table t (a); create table _litestream_seq (id integer primary key, seq integer)');
  expect(plan.tables.map(({ name }) => name)).toEqual(['t']);
  expect(plan).not.toHaveProperty('excluded');
  expect(about('litestream')).toMatchObject([{ level: 'note', table: '_litestream_seq' }]);
});

test('generated columns are generated in Postgres too, or left out with a warning, and shift nothing', () => {
  const { table, about } = decided(
    "create table t (a int, g as (a + 1), s as (g * 2) stored, l as (likelihood(a, 0.5)), b text); insert into t values (1, 'x')",
  );
  expect(table('t').columns.map(({ name, codec }) => [name, codec])).toEqual([
    ['rowid', 'integer'],
    ['a', 'integer'],
    ['b', 'text'],
  ]);
  expect(table('t').generated).toMatchObject([
    { name: 'g', type: 'bigint', sql: '("a" + 1)' },
    { name: 's', type: 'bigint', sql: '(("a" + 1) * 2)' },
  ]);
  expect(about('generated-column')).toMatchObject([{ column: 'l', message: expect.stringContaining('likelihood') }]);
});

test('a value that no row can bring across is told', () => {
  const { about, db } = decided(
    'create table t (id integer primary key, a blob, b blob); insert into t values (1, zeroblob(250000001), null)',
  );
  expect(about('too-large')).toMatchObject([{ column: 'a', message: expect.stringContaining('251 MB') }]);
  db.close();
});

test.each([
  ['numbers', 1_020, 'integer', '7', 1_010],
  ['long texts', 400, 'text', `printf('%.900c', 'x')`, 300],
  ['short texts', 900, 'text', `'0123456789'`, 700],
])('a table of so many %s that a page of Postgres may not hold its rows is told', (_, many, type, value, few) => {
  const make = (name: string, count: number): string => {
    const columns = Array.from({ length: count }, (_, place) => `c${place}`);
    return `create table ${name} (id integer primary key, ${columns.map(column => `${column} ${type}`).join(', ')});
      insert into ${name} select 1, ${columns.map(() => value).join(', ')};`;
  };
  const { about, db } = decided(`${make('wide', many)} ${make('fits', few)}
    create table empty as select * from wide where false; insert into empty (c0) values (${value})`);
  expect(about('row-too-wide')).toMatchObject([{ table: 'wide', level: 'warning', message: expect.stringMatching(/\d+ bytes/) }]);
  db.close();
});

test('NOT NULL stays where it holds', () => {
  const { column, about, db } = decided('create table t (id integer primary key, a text not null, b text)');
  expect([column('t', 'id'), column('t', 'a'), column('t', 'b')].map(({ notNull }) => notNull)).toEqual([true, true, false]);
  expect(about('not-null-violated')).toEqual([]);
  db.close();
});

test('every object of the file has a disposition', () => {
  const { objects, codes } = decided(`
    create table t (id integer primary key autoincrement, a text unique on conflict replace check (a <> 'check ('), b text default 'check (1)');
    create table h (a); create view v as select * from t; create index i on t (b);
    create trigger g after insert on t begin select 1; end; create trigger w instead of insert on v begin select 1; end;
    create virtual table f using fts5 (a); create table gone (id int primary key); create index on_gone on gone (id);
    create table d (r int references t deferrable initially deferred); insert into t values (1, 'a', 'b'); analyze;`);
  expect(objects.filter(({ disposition }) => disposition === 'left out')).toEqual([]);
  const of = (name: string) => objects.find(object => object.name === name)?.disposition;
  expect(of('t')).toBe('table "public"."t", key "id"');
  expect(of('h')).toBe('table "public"."h", key the hidden rowid');
  expect(of('i')).toBe('index "i"');
  expect(of('sqlite_autoindex_t_1')).toBe('index "t_a_key"');
  expect(of('sqlite_autoindex_gone_1')).toBe('the key of "gone"');
  expect(of('f_data')).toMatch(/virtual table/);
  expect(of('sqlite_sequence')).toMatch(/identity/);
  expect(of('v')).toBe('view "public"."v"');
  for (const name of ['g', 'w', 'f']) expect(of(name)).toMatch(/not created/);
  expect(codes).toEqual(expect.arrayContaining(['conflict-clause', 'trigger', 'virtual-table', 'hidden-key']));
});

test('every finding is one of the documented, and the plan is one that can be stored', () => {
  const { plan, findings } = decided('create table t (a unique, b default (random())); create view v as select 1;');
  for (const { code, level, remedy } of findings) expect(CODES[code as keyof typeof CODES]).toEqual([level, remedy]);
  expect(Plan.parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
});
