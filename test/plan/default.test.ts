import { expect, test } from 'vitest';
import { tag, type Value } from '../../src/change/value.ts';
import { codecOf } from '../../src/plan/codec.ts';
import { recodeDefault } from '../../src/plan/column/default.ts';
import { tableDdl } from '../../src/plan/ddl/ddl.ts';
import { compatSql } from '../../src/plan/expression/compat.ts';
import { applyPlanFile } from '../../src/plan/file/file.ts';
import { testPostgres } from '../support/postgres.ts';
import { decided } from './decided.ts';

const literals = [
  '0',
  '-1',
  '+ 5',
  '- 5',
  '1.5',
  '-1.0',
  '1e3',
  '.5',
  '0x1F',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
];
const strings = [
  "''",
  "'it''s'",
  "'007'",
  "' 7 '",
  "'1.0'",
  "'-3'",
  '"pending"',
  '"{}"',
  '""',
  'bare',
  '[b r]',
  '`q`',
  "'STRFTIME(''%s'')'",
];
const others = ['true', 'FALSE', 'null', "x'00ff'", "('x')", '(0)', '(-1)', "'é𝄞'"];
const declared = ['integer', 'text', '', 'real', 'numeric', 'boolean', 'datetime', 'blob'];

/** Undoes the literal: what COPY or a parameter would carry. */
const wire = (sql: string): string =>
  sql === 'true' || sql === 'false' ? sql.charAt(0) : sql.startsWith("'") ? sql.slice(1, -1).replaceAll("''", "'") : sql;

test.each(declared.flatMap(type => [...literals, ...strings, ...others].map(sql => [type, sql] as const)))(
  'a %s column with default %s gets the value that SQLite would store, or a warning [G4]',
  (type, sql) => {
    const { db, column, codes } = decided(`create table t (id integer primary key, v ${type} default ${sql})`);
    db.exec('insert into t (id) values (1)');
    const stored = db.prepare('select v from t').pluck().get() as Value;
    const { codec, affinity, default: translated } = column('t', 'v');
    if (translated === null) {
      expect(stored === null || codes.includes('default-unfit')).toBe(true);
      return;
    }
    const decoded = codecOf({ codec, affinity }).decode(wire(translated)) as Value;
    expect(decoded === null ? null : tag(decoded)).toBe(stored === null ? null : tag(stored));
  },
);

test.each([
  ['current_timestamp', 'YYYY-MM-DD HH24:MI:SS'],
  ['CURRENT_DATE', 'YYYY-MM-DD'],
  ['current_time', 'HH24:MI:SS'],
  ["(datetime('now'))", 'YYYY-MM-DD HH24:MI:SS'],
])('default %s', (sql, format) => {
  const text = `to_char(statement_timestamp() at time zone 'utc', '${format}')`;
  expect(decided(`create table t (v datetime default ${sql})`).column('t', 'v').default).toBe(text);
  expect(decided(`create table t (v default ${sql})`).column('t', 'v').default).toBe(`'t:' || ${text}`);
  expect(decided(`create table t (v int default ${sql})`).codes).toContain('default-unfit');
});

test.each(["(strftime('%s', 'now'))", '(random())', '(1 + 1)', '(lower(hex(randomblob(7))))', "(date('now', '+1 day'))"])(
  'default %s is an expression in Postgres too',
  async sql => {
    const { db, plan, column, about, table } = decided(`create table t (id integer primary key, v text default ${sql})`);
    expect(column('t', 'v').default).toBeNull();
    expect(about('default-expression')).toEqual([]);
    await using postgres = await testPostgres();
    for (const statement of [...compatSql(plan.compat ?? []), tableDdl(plan, table('t'))]) await postgres.query(statement);
    db.exec('insert into t (id) values (1)');
    const shape = (text: unknown) =>
      String(text)
        .replaceAll(/^-|[\da-f]/g, 'x')
        .replaceAll(/x+/g, 'x');
    const [row] = await postgres.query('insert into t (id) values (1) returning v');
    expect(shape(row?.v)).toBe(shape(db.prepare('select v from t').pluck().get()));
  },
);

test.each(["(datetime('now', 'localtime'))", '(app_function())', "(x'00' || 'a')"])('default %s is told', sql => {
  const { column, about } = decided(`create table t (v text default ${sql})`);
  expect(column('t', 'v')).toMatchObject({ default: null });
  expect(column('t', 'v').expression).toBeUndefined();
  expect(about('default-expression')).toHaveLength(1);
});

test('a default follows when the codec is changed', () => {
  const from = decided("create table t (a int default 5, b text default 'it''s', c default current_date, d boolean default true)");
  const tagged = { codec: 'tagged', type: 'text' } as const;
  expect(recodeDefault('5', from.column('t', 'a'), tagged)).toBe("'i:5'");
  expect(recodeDefault("'it''s'", from.column('t', 'b'), tagged)).toBe("'t:it''s'");
  expect(recodeDefault('true', from.column('t', 'd'), { codec: 'integer', type: 'bigint' })).toBe('1');
  const now = "to_char(statement_timestamp() at time zone 'utc', 'YYYY-MM-DD')";
  expect(recodeDefault(`'t:' || ${now}`, from.column('t', 'c'), { codec: 'text', type: 'text' })).toBe(now);
});

test('the current time is that of a codec which the plan file gives, though SQLite would write it in another form [G4]', async () => {
  const { db, plan, stats } = decided(
    `create table t (id integer primary key, v datetime default current_timestamp); insert into t values (1, '2024-01-01T10:00:00.000Z')`,
  );
  await using postgres = await testPostgres();
  await postgres.query("set timezone to 'Asia/Tokyo'");
  for (const [place, codec] of ['timestamptz(YYYY-MM-DDThh:mm:ss.fffZ)', 'timestamp(YYYY-MM-DDThh:mm:ss.fffZ)'].entries()) {
    const file = JSON.stringify({ version: 1, tables: { t: { target: `t${place}`, columns: { v: { codec } } } } });
    const edited = applyPlanFile(plan, file, stats);
    const table = edited.tables[0]!;
    await postgres.query(tableDdl(edited, table));
    const [row] = await postgres.query(
      `insert into t${place} (id) values (1) returning (v at time zone 'utc')::text as v, v::text as plain`,
    );
    const back = codecOf(table.columns[1]!).decode(String(codec.startsWith('timestamptz') ? `${row?.v}+00` : row?.plain)) as string;
    const ms = Date.parse(back) - Date.parse(`${db.prepare('select current_timestamp').pluck().get()}Z`);
    expect(Math.abs(ms)).toBeLessThan(60_000);
    const column = table.columns[1]!;
    expect(recodeDefault(column.default!, column, { codec: 'text', type: 'text' })).toBe(plan.tables[0]?.columns[1]?.default);
  }
});
