import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/change/errors.ts';
import { foreignKeyDdl, planSql } from '../../src/plan/ddl/ddl.ts';
import { applyPlanFile, parsePlan, printPlan } from '../../src/plan/file/file.ts';
import { goneNames } from '../../src/plan/file/gone.ts';
import { express } from '../../src/plan/objects/express.ts';
import { decided } from './decided.ts';

const FILE = decided(`
  create table p (id integer primary key, k int unique, g as (k), name text default 'x', flag boolean, b blob);
  create table c (id integer primary key, p int references p (k), weird);
  create table h (v text, "null" int, "1" int);
  create table j (doc_json text, at text, n text); create index j_doc on j (doc_json);
  insert into j values ('{}', '2024-01-01 10:00:00', '1.50'), ('[]', '2024-01-01 10:00:00.5', '0');
  insert into p values (1, 2, 'a', 1, x'00'); insert into c values (1, 2, 'x'), (2, 2, 1);`);

const apply = (text: string) => applyPlanFile(FILE.plan, `version: 1\n${text}`, FILE.stats);

test('what is printed says the same as what was decided, and is stable', () => {
  const text = printPlan(FILE.plan, FILE.findings);
  expect(applyPlanFile(FILE.plan, text, FILE.stats)).toEqual(FILE.plan);
  expect(printPlan(FILE.plan, FILE.findings)).toBe(text);
});

test('the reasons and the findings stand beside what they are about', () => {
  const text = printPlan(FILE.plan, FILE.findings);
  expect(text).toContain('id: { target: id, codec: integer } # bigint not null: every value is an integer');
  expect(text).toMatch(/# warning mixed-classes \(weird\): .*\n {2}c:/);
  expect(text).toMatch(/# note hidden-key: .*\n {2}h:/);
  expect(text).not.toContain('_attacca_rowid:');
});

test('a table can be excluded; foreign keys to it go too', () => {
  const plan = apply('exclude: [p]');
  expect(plan.tables.map(({ name }) => name)).toEqual(['c', 'h', 'j']);
  expect(plan.tables.flatMap(({ foreignKeys }) => foreignKeys)).toEqual([]);
  expect(
    printPlan(
      decided('create table a (x); create table b (x)', { exclude: ['b'] }).plan,
      decided('create table a (x); create table b (x)', { exclude: ['b'] }).findings,
    ),
  ).toContain('- b');
});

test('tables and columns can be renamed; what refers to them follows', () => {
  const plan = apply('schema: shop\ntables: { p: { target: parent, columns: { k: { target: number } } } }');
  const child = plan.tables.find(({ name }) => name === 'c')!;
  expect(foreignKeyDdl(plan, child)[0]).toContain('references "shop"."parent" ("number")');
});

test('a codec can be changed where the stored values allow it', () => {
  const plan = apply('tables: { p: { columns: { flag: { codec: integer }, name: { codec: tagged, type: text } } }, c: {} }');
  const columns = plan.tables.find(({ name }) => name === 'p')!.columns;
  expect(columns.find(({ name }) => name === 'flag')).toMatchObject({ codec: 'integer', type: 'bigint' });
  expect(columns.find(({ name }) => name === 'name')).toMatchObject({ codec: 'tagged', type: 'text', default: "'t:x'" });
  expect(columns.find(({ name }) => name === 'flag')?.reason).toContain('set in the plan file');
});

test('a codec with a format can be given where every value has it', () => {
  const plan = apply('tables: { j: { columns: { at: { codec: timestamp(YYYY-MM-DD hh:mm:ss) }, n: { codec: numeric } } } }');
  const columns = plan.tables.find(({ name }) => name === 'j')!.columns;
  expect(columns.find(({ name }) => name === 'at')).toMatchObject({ codec: 'timestamp(YYYY-MM-DD hh:mm:ss)', type: 'timestamp' });
  expect(columns.find(({ name }) => name === 'n')).toMatchObject({ codec: 'numeric', type: 'numeric' });
});

test('improvements are made only where they are asked for, and stay in the file', () => {
  const source =
    decided(`create table p (id integer primary key); create table c (id integer primary key, p int references p, q int references p, doc_json text);
    create index on_q on c (q); insert into c values (1, null, null, '{"a":1}')`);
  const asked = 'version: 1\nimprove: { foreignKeyIndexes: true }\ntables: { c: { columns: { doc_json: { index: gin } } } }';
  const { plan } = express(source.schema, { plan: applyPlanFile(source.plan, asked, source.stats), findings: [] });
  const indexes = (text: string) => text.match(/^create index .*$/gm);
  expect(indexes(planSql(source.plan))).toEqual(['create index "on_q" on "public"."c" ("q");']);
  expect(indexes(planSql(plan))).toEqual([
    'create index "on_q" on "public"."c" ("q");',
    'create index "c_doc_json_gin" on "public"."c" using gin ("doc_json");',
    'create index "c_p_idx" on "public"."c" ("p");',
  ]);
  const printed = printPlan(plan, []);
  const again = express(source.schema, { plan: applyPlanFile(source.plan, printed, source.stats), findings: [] });
  expect(again.plan).toEqual(plan);
  expect(printPlan(again.plan, [])).toBe(printed);
});

test('what becomes of misfits is said at the column, and stays in the file', () => {
  const edits = '{ p: { columns: { name: { misfits: refuse } } }, j: { columns: { n: { misfits: widen } } } }';
  const plan = apply(`tables: ${edits}`);
  const printed = printPlan(plan, []);
  expect(printed).toContain('name: { target: name, codec: text, misfits: refuse }');
  expect(applyPlanFile(FILE.plan, printed, FILE.stats)).toEqual(plan);
  const source = decided(`create table t (doc_json text); insert into t values ('{}'), ('{''a'': 1}')`, { asked: () => 'jsonb(repaired)' });
  const repaired = applyPlanFile(source.plan, 'version: 1\ntables: { t: { columns: { doc_json: { misfits: repair } } } }', source.stats);
  expect(applyPlanFile(source.plan, printPlan(repaired, []), source.stats)).toEqual(repaired);
  expect(source.about('mixed-formats')[0]?.message).toContain('misfits: repair');
});

test('entries of tables and columns that the file no longer has change nothing, and are warned of', () => {
  const text = 'version: 1\nexclude: [audit]\ntables: { archive: { target: x }, p: { columns: { discount: { codec: text } } } }';
  expect(applyPlanFile(FILE.plan, text, FILE.stats)).toEqual(FILE.plan);
  expect(goneNames(parsePlan(text), FILE.stats).map(({ level, code, table, column }) => [level, code, table, column])).toEqual([
    ['warning', 'plan-gone', 'audit', null],
    ['warning', 'plan-gone', 'archive', null],
    ['warning', 'plan-gone', 'p', 'discount'],
  ]);
});

test('an edit that values contradict is refused with their count and keys', () => {
  expect(() => apply('tables: { c: { columns: { weird: { codec: integer } } } }')).toThrow(
    /it holds 1 values that are not integers \(keys: \["i:\d"\]\)/,
  );
});

describe('an edit that cannot be is refused with a sentence', () => {
  test.each([
    ['tables: { P: {} }', 'there is no table "P"'],
    ['tables: { p: { columns: { name: { index: gin } } } }', 'a GIN index is for jsonb'],
    ['improve: { partition: [c] }', 'is not valid'],
    ['exclude: [J]', 'there is no table "J"'],
    ['tables: { p: { columns: { nam_es: {} } } }', 'has no column "nam_es"'],
    ['tables: { j: { columns: { docjson: {} } } }', 'has no column "docjson"'],
    ['tables: { j: { columns: { doc_jsno: {} } } }', 'has no column "doc_jsno"'],
    ['tables: { p: { columns: { g: {} } } }', 'has no column "g"'],
    ['tables: { h: { columns: { rowid: { codec: tagged } } } }', 'has no column "rowid"'],
    ['tables: { p: { columns: { name: { codec: integer } } } }', 'SQLite keeps no integers in a column of text affinity'],
    ['tables: { p: { columns: { b: { codec: text } } } }', '1 values that are not text'],
    ['tables: { c: { columns: { weird: { codec: text } } } }', '1 values that are not text'],
    ['tables: { p: { columns: { k: { codec: real } } } }', 'SQLite would not keep every REAL'],
    ['tables: { p: { columns: { k: { codec: tagged } } } }', 'needs the same codec on both sides'],
    ['tables: { p: { columns: { id: { codec: tagged } } } }', 'stays bigint'],
    ['tables: { p: { columns: { k: { codec: tagged, type: bigint } } } }', 'is stored as text, not bigint'],
    ['tables: { p: { columns: { k: { target: ctid } } } }', 'reserved'],
    ['tables: { p: { columns: { k: { target: name } } } }', 'taken'],
    [`tables: { p: { columns: { k: { target: ${'x'.repeat(64)} } } } }`, 'too long'],
    ['tables: { p: { target: c } }', 'taken'],
    ['tables: { p: { target: p_k_key } }', 'taken'],
    ['tables: { h: { columns: { v: { target: _attacca_rowid } } } }', 'taken'],
    ['tables: { p: { colums: {} } }', 'colums'],
    ['nope: 1', 'nope'],
    ['tables: { p: { columns: { name: { misfits: nothing } } } }', 'misfits'],
    ['tables: { p: { columns: { name: { misfits: repair, codec: text } } } }', 'only JSON is repaired'],
    ['tables: { p: { columns: { name: { misfits: repair } } } }', 'do not fit jsonb(repaired)'],
    ['tables: { p: { columns: { name: { codec: jsonb(repaired) } } } }', 'needs misfits: repair'],
    ['tables: { p: { columns: { name: { codec: integer, misfits: quarantine } } } }', 'SQLite keeps no integers'],
    ['tables: { p: { columns: { k: { codec: uuid } } } }', 'not valid'],
    ['tables: { p: { columns: { k: { codec: timestamp(DD.MM.YYYY) } } } }', 'attacca has no such codec'],
    ['tables: { p: { columns: { name: { codec: jsonb } } } }', '1 texts that do not fit jsonb'],
    ['tables: { p: { columns: { name: { codec: uuid(lower), type: text } } } }', 'is stored as uuid, not text'],
    ['tables: { j: { columns: { doc_json: { codec: jsonb } } } }', 'in a key or an index'],
    ['tables: { j: { columns: { at: { codec: timestamp(YYYY-MM-DDThh:mm:ss) } } } }', '2 texts that do not fit'],
    ['tables: [', 'is not YAML'],
  ])('%s', (text, message) => {
    expect(() => apply(text)).toThrow(UsageError);
    expect(() => apply(text)).toThrow(message);
  });

  test('where no value fits, the hint is not the quarantine that is asked for already', () => {
    const hintOf = (edits: string): string => {
      try {
        apply(`tables: { p: { columns: { name: { ${edits} } } } }`);
      } catch (error) {
        return (error as UsageError).hint;
      }
      return '';
    };
    expect(hintOf('codec: jsonb')).toContain('`misfits: quarantine`');
    expect(hintOf('codec: jsonb, misfits: quarantine')).toContain('some of the stored values fit');
  });

  test('of a file that is no plan nothing is repeated: it may be the database', () => {
    expect(() => apply('rows: [1,\n s3cret: "a": b')).toThrow(/^the plan file is not YAML: [^\n]+ at line \d+, column \d+$/);
  });

  test('another version', () => {
    expect(() => parsePlan('version: 2')).toThrow(UsageError);
    expect(() => parsePlan('')).toThrow(UsageError);
  });
});
