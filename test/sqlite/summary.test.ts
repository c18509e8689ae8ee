/* Counting by summaries gives what counting value by value gives, whatever the values are; and it sees few of them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SourceTable } from '../../src/plan/schema.ts';
import { type Counted, count, storedIn } from '../../src/sqlite/profile/count.ts';
import { type Counting, readAll } from '../../src/sqlite/profile/read-all.ts';
import { summaryOf } from '../../src/sqlite/profile/summary.ts';
import { type Interest, type Tally, tally } from '../../src/sqlite/profile/tally.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';

/** What the rows of a column have in common: SQL over the row's number n. */
const ORDINARY = {
  nulls: 'null',
  keys: 'n + 2',
  ones: 'n + 1',
  flags: 'n % 2',
  zeros: '0',
  counts: 'n * 31 % 7',
  signed: 'n * 31 % 9 - 4',
  seconds: '1700000000 + n * 61',
  reals: 'n / 7.0',
  words: "'word ' || n % 10",
  growing: "'word ' || n",
  empty: "''",
  moments: "strftime('%Y-%m-%dT%H:%M:%fZ', 1700000000.123 + n * 61, 'unixepoch')",
  days: "date(n * 86400, 'unixepoch')",
  uuids: "printf('%08x-0000-4000-8000-000000000000', n)",
  documents: `'{"n":' || n || '}'`,
  short: "cast(printf('%d', n) as blob)",
  sixteen: "cast(printf('%016d', n) as blob)",
  sparse: 'iif(n % 3, null, n + 2)',
  sparseFlags: 'iif(n % 3, null, n % 2)',
  sparseWords: "iif(n % 3, null, 'é' || n % 10)",
  sparseBlobs: 'iif(n % 3, null, zeroblob(n % 20))',
  mixed: "case n % 4 when 0 then n when 1 then n / 3.0 when 2 then 'x' || n else zeroblob(16) end",
} as const;

/** Values that a row may have instead. */
const ODD = [
  ...['null', '0', '1', '2', '-1', '1.0', '1.5', '-0.0', '9e999', "'12'", "'1.5'"],
  ...['9007199254740992', '9007199254740993', '-9007199254740993', '9223372036854775807', '-9223372036854775808'],
  ...[
    "''",
    "'word'",
    "'é𝄞'",
    'char(0)',
    "'a' || char(0)",
    "char(0) || 'b'",
    'char(30)',
    "'a' || char(30) || 'b'",
    'char(65533)',
    'char(65279)',
  ],
  ...["cast(x'ff' as text)", "cast(x'c3' as text)", "cast(x'a9' as text)", "'ab' || cast(x'eda080' as text)"],
  ...["x''", "x'00112233445566778899aabbccddeeff'", 'zeroblob(15)', 'zeroblob(17)', 'zeroblob(70000)'],
  ...["printf('%.4096c', 'x')", "printf('%.4097c', 'x')", "printf('%.5000c', 'x')"],
  ...["'2024-02-30'", "'0000-00-00'", "'2024-01-01T00:00:00.120Z'", "'2024-01-01 00:00:00'", "'2024-01-01'"],
  ...[`'{"a":1}'`, "'[1,'", `'{"a":1,}'`, "'true'"],
];

type Oddity = { readonly at: number; readonly value: string };
type Column = {
  readonly declared: string;
  readonly kind: keyof typeof ORDINARY;
  readonly odd: readonly Oddity[];
  readonly interest: Pick<Interest, 'formats' | 'json' | 'wanted' | 'guesses'>;
};
type Table = {
  readonly encoding: string;
  readonly rows: number;
  /** The rowid of the first row, and of the next from the one before. */
  readonly first: bigint;
  readonly step: bigint;
  readonly alias: boolean;
  readonly columns: readonly Column[];
};

const disposable = (db: Database.Database) => Object.assign(db, { [Symbol.dispose]: () => db.close() });

const UNASKED = { formats: false, json: false, guesses: [] };

function made({ encoding, rows, first, step, alias, columns }: Table): Database.Database {
  const db = new Database(':memory:').defaultSafeIntegers(true);
  db.exec(`pragma encoding = '${encoding}';
    create table t (${[alias ? 'id integer primary key' : 'id integer', ...columns.map(({ declared }, i) => `c${i} ${declared}`)].join()});
    with recursive r (n) as (select 0 union all select n + 1 from r where n < ${rows} - 1)
    insert into t (${alias ? '' : 'rowid, '}id${columns.map((_, i) => `, c${i}`).join('')})
      select ${alias ? '' : `${first} + n * ${step}, `}${first} + n * ${step}${columns.map(({ kind }) => `, ${ORDINARY[kind]}`).join('')} from r`);
  columns.forEach(({ odd }, i) => {
    for (const { at, value } of odd) db.prepare(`update t set c${i} = ${value} where rowid = ?`).run(first + BigInt(at % rows) * step);
  });
  return db;
}

/** Shows every value to the tallies; `summaries` says whether pages may be summed up instead. Gives how many were shown. */
function counted(db: Database.Database, table: SourceTable, interests: readonly Interest[], summaries: boolean) {
  let shown = 0;
  const encoding = String(db.pragma('encoding', { simple: true }));
  const tallies = interests.map(interest => tally(interest, encoding));
  const columns = storedIn(table).map((column, place): Counting => {
    const { see } = tallies[place] as Tally;
    const subject = { column, alias: false, tally: tallies[place] as Tally, longest: 4096, encoding: 'UTF-8' };
    return {
      ...{ place, column },
      see(value) {
        shown++;
        see(value);
      },
      summary: rows => (summaries ? summaryOf(subject, rows) : undefined),
    };
  });
  const rows = readAll(db, table, columns, { paged: () => undefined, part: { above: null, upTo: null } });
  return { shown, counted: { rows, columns: tallies.map(({ seen }) => seen()) } };
}

/** The order of formats says which was first: it is compared too. */
const comparable = ({ rows, columns }: Counted) => ({
  rows,
  columns: columns.map(({ counts, formats, trials }) => ({ counts, formats: Object.entries(formats), trials })),
});

/** `what`: said where it is not. */
function expectTheSame(db: Database.Database, given: readonly Column['interest'][], what?: string): void {
  const [table] = readSchema(db).tables as [SourceTable];
  const interests = [UNASKED, ...given].map((interest, i) => ({ ...interest, affinity: table.columns[i]!.affinity }));
  const one = counted(db, table, interests, false).counted;
  expect(comparable(count(db, { table, interests, above: null, upTo: null })), what).toEqual(comparable(one));
}

const kinds = Object.keys(ORDINARY) as (keyof typeof ORDINARY)[];

const column: fc.Arbitrary<Column> = fc.record({
  declared: fc.constantFrom(
    '',
    'integer',
    'text',
    'real',
    'numeric',
    'blob',
    'datetime',
    'boolean',
    'text collate nocase',
    'int collate nocase',
  ),
  kind: fc.constantFrom(...kinds),
  odd: fc.array(fc.record({ at: fc.nat(2600), value: fc.constantFrom(...ODD) }), { maxLength: 3 }),
  interest: fc.oneof(
    { weight: 3, arbitrary: fc.record({ formats: fc.boolean(), json: fc.boolean(), guesses: fc.constant([]) }) },
    fc.record({
      ...{ formats: fc.constant(true), json: fc.boolean(), guesses: fc.constantFrom([], ['timestamptz(ns since 1970)']) },
      wanted: fc.constantFrom('boolean', 'jsonb', 'integer', 'text', undefined),
    }),
  ),
});

const table: fc.Arbitrary<Table> = fc.record({
  encoding: fc.constantFrom('UTF-8', 'UTF-8', 'UTF-8', 'UTF-16le'),
  rows: fc.oneof(fc.integer({ min: 1, max: 2600 }), fc.constantFrom(499, 500, 501, 1000, 1500)),
  first: fc.constantFrom(1n, 0n, -700n, 2n, 2n ** 53n - 1200n, -(2n ** 63n)),
  step: fc.constantFrom(1n, 1n, 7n),
  alias: fc.boolean(),
  columns: fc.array(column, { minLength: 1, maxLength: 4 }),
});

test('random tables are counted as value by value', { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(table, drawn => {
      using db = disposable(made(drawn));
      expectTheSame(
        db,
        drawn.columns.map(({ interest }) => interest),
      );
    }),
    { numRuns: 150 },
  );
});

test.each(kinds)('%s with a row of any other kind amid them are counted as value by value', kind => {
  const ordinary = { declared: '', kind, odd: [], interest: UNASKED };
  using db = disposable(made({ encoding: 'UTF-8', rows: 1550, first: 1n, step: 1n, alias: true, columns: [ordinary] }));
  for (const value of ODD) {
    db.exec(`begin; update t set c0 = ${value} where rowid = 700`);
    expectTheSame(db, [UNASKED], value);
    db.exec('rollback');
  }
});

test('what is alike is summed up: only the first page, the rest after the last, and what must be seen', () => {
  const alike = kinds.filter(kind => kind !== 'mixed');
  for (const kind of alike) {
    const drawn: Table = {
      ...{ encoding: 'UTF-8', rows: 20_100, first: 1n, step: 3n, alias: false },
      columns: [{ declared: '', kind, odd: [], interest: UNASKED }],
    };
    using db = disposable(made(drawn));
    const [t] = readSchema(db).tables as [SourceTable];
    const interests = t.columns.map(({ affinity }) => ({ ...UNASKED, affinity }));
    const { shown } = counted(db, t, interests, true);
    expect([kind, shown / 2 / 500 < 5]).toEqual([kind, true]);
  }
});

test.each([
  ['a text is long: texts of that column are no longer joined', "'word'", "printf('%.5000c', 'x')"],
  ['a text is unclean', "'word'", 'char(0)'],
  ['an integer is no REAL', 'n + 2', '9007199254740993'],
  ['a value is of another class', 'n + 2', "'x'"],
])('once %s, all of them are seen', (_, ordinary, odd) => {
  using db = disposable(new Database(':memory:').defaultSafeIntegers(true));
  db.exec(`create table t (v); with recursive r (n) as (select 0 union all select n + 1 from r where n < 9999)
    insert into t select iif(n = 7, ${odd}, ${ordinary}) from r`);
  const [t] = readSchema(db).tables as [SourceTable];
  expect(counted(db, t, [{ ...UNASKED, affinity: 'blob' }], true).shown).toBeGreaterThanOrEqual(10_000);
});

test('UTF-16: the length in the file is not that in UTF-8', () => {
  using db = disposable(new Database(':memory:').defaultSafeIntegers(true));
  db.exec(`pragma encoding = 'UTF-16le'; create table t (v text);
    with recursive r (n) as (select 0 union all select n + 1 from r where n < 1999)
    insert into t select iif(n = 700, '€€€', '€€') || iif(n < 9, 'x', '') from r`);
  const [t] = readSchema(db).tables as [SourceTable];
  const { columns } = count(db, { table: t, interests: [{ ...UNASKED, affinity: 'text' }], above: null, upTo: null });
  expect(columns[0]!.counts.maxBytes).toBe(9);
});

test('many columns', () => {
  const columns = Array.from({ length: 250 }, (_, place) => ({
    declared: '',
    kind: kinds[place % kinds.length]!,
    odd: [],
    interest: UNASKED,
  }));
  using db = disposable(made({ encoding: 'UTF-8', rows: 1600, first: 1n, step: 1n, alias: true, columns }));
  expectTheSame(
    db,
    columns.map(() => UNASKED),
  );
});

/** What is counted of a column `v int collate nocase` of 1,600 integers that was then declared otherwise, behind SQLite's back. */
function redeclared(declared: string, sql = ''): Counted {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-summary-'));
  const path = join(folder, 'a.db');
  const opened = () => disposable(new Database(path).unsafeMode().defaultSafeIntegers(true));
  try {
    {
      using app = opened();
      app.exec(`create table t (v int collate nocase); pragma writable_schema = on;
        with recursive r (n) as (select 2 union all select n + 1 from r where n < 1601) insert into t select n from r;
        update sqlite_schema set sql = 'create table t (v ${declared})'`);
    }
    using db = opened();
    db.exec(sql);
    const [t] = readSchema(db).tables as [SourceTable];
    return count(db, { table: t, interests: [{ ...UNASKED, affinity: t.columns[0]!.affinity }], above: null, upTo: null });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('integers with a collation of the application’s own', () => {
  expect(redeclared('int collate theirs').columns[0]?.counts).toMatchObject({ integers: 1600, apart: [2n, 1601n] });
});

test('integers in a column of text, where a text looks like them', () => {
  const { columns } = redeclared('text', "update t set v = '3' where rowid = 700; update t set v = 5 where rowid = 710");
  expect(columns[0]?.counts).toMatchObject({ integers: 1598, texts: 2 });
});

test('progress is told once for a number of rows', () => {
  using db = disposable(new Database(':memory:').defaultSafeIntegers(true));
  db.exec(
    'create table t (v); with recursive r (n) as (select 1 union all select n + 1 from r where n < 1000) insert into t select n from r',
  );
  const [t] = readSchema(db).tables as [SourceTable];
  const said: number[] = [];
  const see = () => undefined;
  const columns = [{ place: 0, column: t.columns[0]!, see, summary: see }];
  readAll(db, t, columns, { paged: rows => said.push(rows), part: { above: null, upTo: null } });
  expect(said).toEqual([500, 1000]);
});

test('a page is one state of the file: a row that is not like the others is not made up for by one that comes meanwhile', () => {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-summary-'));
  const path = join(folder, 'a.db');
  const app = new Database(path);
  try {
    app.exec(`pragma journal_mode = wal; create table t (v);
      with recursive r (n) as (select 1 union all select n + 1 from r where n < 1500) insert into t (rowid, v) select n * 2, n + 2 from r;
      update t set v = 'odd' where rowid = 1500`);
    const db = new Database(path, { readonly: true }).defaultSafeIntegers(true);
    const [t] = readSchema(db).tables as [SourceTable];
    const tallied = tally({ ...UNASKED, affinity: 'blob' }, 'UTF-8');
    const subject = { column: t.columns[0]!, alias: false, tally: tallied, longest: 4096, encoding: 'UTF-8' };
    const summary = (rows: number) => {
      if (rows === 500) app.exec('insert into t (rowid, v) values (1501, 5)');
      return summaryOf(subject, rows);
    };
    const columns = [{ place: 0, column: subject.column, see: tallied.see, summary }];
    readAll(db, t, columns, { paged: () => undefined, part: { above: null, upTo: null } });
    expect(tallied.counts.texts).toBe(1);
    db.close();
  } finally {
    app.close();
    rmSync(folder, { recursive: true });
  }
});
