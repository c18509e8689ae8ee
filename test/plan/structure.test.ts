import { describe, expect, test } from 'vitest';
import { decided } from './decided.ts';

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
    ['create index i on t (a) where likelihood(b, 0.5)', 'index-partial'],
    ["create index i on t (a || x'00')", 'index-expression'],
    ['create index i on t (h)', 'index-generated'],
    ['create index i on t (id)', 'index-redundant'],
    ["create index i on t (a); insert into t (a) values (printf('%.*c', 2700, 'x'))", 'index-too-wide'],
  ])('%s', (sql, code) => {
    const { table, about, objects } = decided(`create table t (id integer primary key, a text, b int, h as (a || x'00')); ${sql}`);
    expect(table('t').indexes).toEqual([]);
    expect(about(code)).toHaveLength(1);
    expect(about(code)[0]?.message).toContain('"i"');
    expect(objects.find(({ name }) => name === 'i')?.disposition).toBe(about(code)[0]?.message);
  });

  test.each([
    ['create unique index i on t (a collate rtrim)', { terms: [`(rtrim("a", ' '))`], where: null }],
    ['create index i on t (a) where b > 1', { terms: ['"a"'], where: '("b" > 1)' }],
    [
      'create unique index i on t (a collate nocase, b desc) where deleted = 0',
      { terms: ['(lower("a" collate "C"))', '"b" desc'], where: '("deleted" = false)' },
    ],
    ['create index i on t (lower(a), b)', { terms: ['(lower("a" collate "C"))', '"b"'], where: null }],
    ['create index i on t (g)', { terms: ['"g"'], where: null }],
    ['create index i on t (a) where deleted', { terms: ['"a"'], where: '"deleted"' }],
  ])('%s', (sql, expected) => {
    const { table, findings, objects } = decided(
      `create table t (id integer primary key, a text, b int, deleted boolean, g as (b + 1)); ${sql}`,
    );
    expect(table('t').expressionIndexes).toMatchObject([{ name: 'i', source: 'i', ...expected }]);
    expect(findings.map(({ code }) => code).filter(code => code.startsWith('index'))).toEqual([]);
    expect(objects.find(({ name }) => name === 'i')?.disposition).toBe('index "i"');
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
