import { describe, expect, test } from 'vitest';
import { CODES } from '../../src/plan/codes.ts';
import { keyColumns, Plan } from '../../src/plan/plan.ts';
import { decided } from './decided.ts';

describe('the type comes from the stored values', () => {
  test.each([
    ['integer', 'insert into t values (1), (-9223372036854775808)', 'integer', 'bigint'],
    ['datetime', "insert into t values ('2024-01-01 10:00:00'), (null)", 'text', 'text'],
    ['datetime', 'insert into t values (1700000000)', 'integer', 'bigint'],
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
    ['boolean', "insert into t values ('t'), ('f')", 'text', 'text'],
    ['boolean default 1000', '', 'integer', 'bigint'],
    ['boolean default false', '', 'boolean', 'boolean'],
    ['tinyint(1)', 'insert into t values (0), (1)', 'integer', 'bigint'],
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

test('generated columns are left out, with a warning, and shift nothing', () => {
  const { table, about } = decided("create table t (a int, g as (a + 1), s as (a) stored, b text); insert into t values (1, 'x')");
  expect(table('t').columns.map(({ name, codec }) => [name, codec])).toEqual([
    ['rowid', 'integer'],
    ['a', 'integer'],
    ['b', 'text'],
  ]);
  expect(about('generated-column').map(({ column }) => column)).toEqual(['g', 's']);
});

test('NOT NULL stays where it holds', () => {
  const { column, about, db } = decided('create table t (id integer primary key, a text not null, b text)');
  expect([column('t', 'id'), column('t', 'a'), column('t', 'b')].map(({ notNull }) => notNull)).toEqual([true, true, false]);
  expect(about('not-null-violated')).toEqual([]);
  db.close();
});

describe('indexes', () => {
  test('unique, plain, descending and NOCASE ones are translated', () => {
    const { table, about } = decided(`
      create table t (id integer primary key, a text collate nocase unique, b int, c text unique);
      create index plain on t (b, c desc); create index folded on t (c collate nocase, b collate nocase);`);
    const [a, b, c] = [1, 2, 3];
    expect(table('t').indexes).toEqual([
      {
        name: 'folded',
        unique: false,
        terms: [
          { column: c, descending: false, fold: true },
          { column: b, descending: false, fold: false },
        ],
      },
      {
        name: 'plain',
        unique: false,
        terms: [
          { column: b, descending: false, fold: false },
          { column: c, descending: true, fold: false },
        ],
      },
      { name: 't_a_key', unique: true, terms: [{ column: a, descending: false, fold: true }] },
      { name: 't_c_key', unique: true, terms: [{ column: c, descending: false, fold: false }] },
    ]);
    expect(about('column-collation')).toMatchObject([{ column: 'a' }]);
  });

  test.each([
    ['create index i on t (a) where b > 1', 'index-partial'],
    ['create index i on t (lower(a))', 'index-expression'],
    ['create index i on t (g)', 'index-generated'],
    ['create index i on t (a collate rtrim)', 'index-collation'],
    ['create index i on t (id)', 'index-redundant'],
    ["create index i on t (a); insert into t (a) values (printf('%.*c', 2700, 'x'))", 'index-too-wide'],
  ])('%s', (sql, code) => {
    const { table, about, objects } = decided(`create table t (id integer primary key, a text, b int, g as (b)); ${sql}`);
    expect(table('t').indexes).toEqual([]);
    expect(about(code)).toHaveLength(1);
    expect(about(code)[0]?.message).toContain('"i"');
    expect(objects.find(({ name }) => name === 'i')?.disposition).toBe(about(code)[0]?.message);
  });

  test('RTRIM matters for text only', () => {
    expect(
      decided('create table t (id integer primary key, b int); create index i on t (b collate rtrim)').table('t').indexes,
    ).toHaveLength(1);
  });

  test('a NOCASE key stays unique without regard to case', () => {
    const { table } = decided('create table t (k text collate nocase primary key) without rowid');
    expect(table('t')).toMatchObject({
      key: { kind: 'declared', columns: [0] },
      indexes: [{ unique: true, terms: [{ column: 0, fold: true }] }],
    });
  });
});

describe('foreign keys', () => {
  const parent = 'create table p (id integer primary key, u text unique, n text collate nocase unique, x int);';

  test('composite, implicit and with actions', () => {
    const { table } = decided(`${parent}
      create table q (a int, b int, primary key (a, b));
      create table c (id integer primary key, p int references P on delete cascade, x int, y int, u text references p (u), foreign key (y, x) references q (b, a));`);
    const [p, q] = [table('p').id, table('q').id];
    const keys = table('c').foreignKeys.map(key => [key.columns, key.parent, key.parentColumns, key.onDelete]);
    expect(keys).toEqual(
      expect.arrayContaining([
        [[1], p, [0], 'CASCADE'],
        [[4], p, [1], 'NO ACTION'],
        [[3, 2], q, [1, 0], 'NO ACTION'],
      ]),
    );
    expect(keys).toHaveLength(3);
  });

  test.each([
    ['r int references nowhere', 'foreign-key-parent'],
    ['r int references p (x)', 'foreign-key-parent'],
    ['r int references p (missing)', 'foreign-key-parent'],
    ['r text references p (id)', 'foreign-key-types'],
    ['r text references p (n)', 'foreign-key-parent'],
  ])('%s', (column, code) => {
    const { table, codes } = decided(`${parent} create table c (id integer primary key, ${column});`);
    expect(table('c').foreignKeys).toEqual([]);
    expect(codes).toContain(code);
  });

  test('a NOCASE key as parent', () => {
    const { codes } = decided('create table p (k text collate nocase primary key); create table c (r text references p)');
    expect(codes).toContain('foreign-key-collation');
  });

  test("orphans are counted by SQLite's rules, beside a broken foreign key too", () => {
    const rows = 'insert into p (id) values (1); insert into c (r, s) values (1, null), (2, null), (null, 9), (3, 3);';
    for (const broken of ['', ', z int references p (x)']) {
      const { table, about } = decided(
        `pragma foreign_keys = off; ${parent} create table c (id integer primary key, r int references p, s int references p${broken}); ${rows}`,
      );
      const byColumn = Object.fromEntries(table('c').foreignKeys.map(({ columns, orphans }) => [columns[0], orphans]));
      expect(byColumn).toEqual({ 1: 2, 2: 2 });
      expect(
        about('orphans')
          .flatMap(({ samples }) => samples)
          .toSorted(),
      ).toEqual(['["i:2"]', '["i:3"]', '["i:4"]', '["i:4"]']);
    }
  });

  test('a parent that is excluded', () => {
    expect(decided(`${parent} create table c (r int references p)`, { exclude: ['p'] }).codes).toContain('foreign-key-parent');
  });
});

describe('names', () => {
  test('are cut at 63 bytes and stay apart; tables and indexes share a namespace', () => {
    const long = 'x'.repeat(70);
    const { plan } = decided(`
      create table ${long}1 (a); create table ${long}2 (a); create table é${'é'.repeat(40)} (a);
      create table t (u text unique, ctid int, "" int, _attacca_rowid int, ${long}1 int, ${long}2 int); create table t_u_key (a);`);
    const names = plan.tables.flatMap(table => [table.target, ...table.indexes.map(({ name }) => name)]);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('t_u_key_2');
    for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
    const columns = plan.tables.find(({ name }) => name === 't')!.columns.map(({ target }) => target);
    expect(columns).toEqual(['_attacca_rowid', 'u', 'ctid_2', '_', '_attacca_rowid_2', 'x'.repeat(63), `${'x'.repeat(61)}_2`]);
  });

  test('changed ones are told, quoted ones noted', () => {
    const { codes } = decided('create table t (ctid int, "Mixed Case" int)');
    expect(codes).toEqual(expect.arrayContaining(['name-changed', 'names-quoted']));
    expect(decided('create table t (id integer primary key)').codes).toEqual([]);
  });
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
  for (const name of ['v', 'g', 'w', 'f']) expect(of(name)).toMatch(/not created/);
  expect(codes).toEqual(
    expect.arrayContaining(['check', 'conflict-clause', 'view', 'trigger', 'virtual-table', 'foreign-key-deferred', 'hidden-key']),
  );
});

test('every finding is one of the documented, and the plan is one that can be stored', () => {
  const { plan, findings } = decided('create table t (a unique, b default (random())); create view v as select 1;');
  for (const { code, level, remedy } of findings) expect(CODES[code as keyof typeof CODES]).toEqual([level, remedy]);
  expect(Plan.parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
});
