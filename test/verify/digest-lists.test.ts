import BetterSqlite3 from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { typeOf } from '../../src/plan/codecs/registry.ts';
import { digestOf, digestSql, type Form, formsOf } from '../../src/plan/in-sql/digest.ts';
import type { ColumnPlan } from '../../src/plan/plan.ts';
import { connect, type Session } from '../../src/postgres/session/open.ts';
import { functionFor } from '../../src/sqlite/functions.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';

/*
 * Every list of up to two values that SQLite can have, against every such list of Postgres: two digests are equal exactly where each
 * value is. The values are those of which one could be taken for another, or two for one.
 */
let postgres: TestPostgres;
let session: Session;
const db = new BetterSqlite3(':memory:').defaultSafeIntegers(true);
beforeAll(async () => {
  postgres = await testPostgres();
  session = await connect(postgres.url, { applicationName: 'attacca test' });
});
afterAll(async () => {
  await session.end();
  await postgres[Symbol.asyncDispose]();
  db.close();
});

const raw = (hex: string): string => `cast(x'${hex}' as text)`;
/** NULL, and what fits no column of another class, or hides a separator or a mark of a digest. */
const ODD = [
  'null',
  `''`,
  `'?'`,
  `','`,
  `':'`,
  raw('00'),
  raw('0000'),
  raw('ff'),
  raw('fe'),
  raw('61ff'),
  raw('ff00ff'),
  raw('610062'),
  `x''`,
];

/** SQL of what SQLite may have besides ODD, and of what Postgres has; what of the one is what of the other. */
const CASES: Readonly<Record<string, { sqlite?: readonly string[]; postgres: readonly string[]; same: Readonly<Record<string, string>> }>> =
  {
    text: {
      sqlite: [`'a'`, `'b'`, `'1:a'`, '1', `x'61'`],
      postgres: [`''`, `'?'`, `','`, `':'`, `'a'`, `'b'`, `'1:a'`],
      same: { "''": "''", "'?'": "'?'", "','": "','", "':'": "':'", "'a'": "'a'", "'b'": "'b'", "'1:a'": "'1:a'" },
    },
    tagged: {
      sqlite: [`'a'`, '1', '1.5', `x'61'`, `'i:1'`],
      postgres: [`'t:'`, `'t:?'`, `'t:,'`, `'t:a'`, `'i:1'`, `'r:1.5'`, `'b:61'`, `'b:'`, `'t:i:1'`],
      same: {
        "''": "'t:'",
        "'?'": "'t:?'",
        "','": "'t:,'",
        "'a'": "'t:a'",
        '1': "'i:1'",
        '1.5': "'r:1.5'",
        "x'61'": "'b:61'",
        "x''": "'b:'",
        "'i:1'": "'t:i:1'",
      },
    },
    integer: {
      sqlite: ['1', '12', '-1', `'1'`, `'1,12'`, `x'31'`, '1.0'],
      postgres: ['1', '12', '-1'],
      same: { '1': '1', '12': '12', '-1': '-1' },
    },
    boolean: { sqlite: ['1', '0', '2', `'t'`, `'1'`, '1.0'], postgres: ['true', 'false'], same: { '1': 'true', '0': 'false' } },
    real: {
      sqlite: ['1.0', '1.0000000000000002', '0.0', '1', `'1.0'`, '9e999', '-9e999'],
      postgres: ['1.0', '1.0000000000000002', `'0'`, `'-0'`, `'NaN'`, `'Infinity'`, `'-Infinity'`],
      same: {
        '1.0': '1.0',
        '1.0000000000000002': '1.0000000000000002',
        '0.0': "'0'",
        '9e999': "'Infinity'",
        '-9e999': "'-Infinity'",
      },
    },
    blob: {
      sqlite: [`x'61'`, `x'6161'`, `x'00'`, `x'2c'`, `'a'`, '1'],
      postgres: [`''`, `'a'`, `'aa'`, `'\\x00'`, `','`],
      same: { "x''": "''", "x'61'": "'a'", "x'6161'": "'aa'", "x'00'": "'\\x00'", "x'2c'": "','" },
    },
    'date(YYYY-MM-DD)': {
      sqlite: [
        `'2024-02-29'`,
        `'2023-02-29'`,
        `'0001-01-01'`,
        `'0000-12-31'`,
        `'2024-02-29 '`,
        `'-infinity'`,
        `x'323032342d30322d3239'`,
        '2024',
      ],
      postgres: [`'2024-02-29'`, `'0001-01-01'`, `'0001-12-31 BC'`, `'2023-03-01'`, `'-infinity'`, `'infinity'`],
      same: { "'2024-02-29'": "'2024-02-29'", "'0001-01-01'": "'0001-01-01'", "'-infinity'": "'-infinity'" },
    },
    'timestamptz(YYYY-MM-DDThh:mm:ss.fffZ)': {
      sqlite: [
        `'2024-02-29T23:59:59.120Z'`,
        `'2024-02-29T23:59:59.12Z'`,
        `'2024-02-29T23:59:59.1204Z'`,
        `'2024-02-29T23:59:59.1200Z'`,
        `'2024-02-29T23:59:59.120X'`,
        `'2024-02-29 23:59:59.120Z'`,
        `'infinity'`,
        `'2024-02-29T23:59:60.000Z'`,
        `'1969-12-31T24:00:00.000Z'`,
        `'1969-12-31T23:59:59.999Z'`,
        `'9999-12-31T23:59:59.999999Z'`,
      ],
      postgres: [
        `'2024-02-29 23:59:59.12Z'`,
        `'2024-02-29 23:59:59.1204Z'`,
        `'2024-03-01 00:00:00Z'`,
        `'1970-01-01 00:00:00Z'`,
        `'1969-12-31 23:59:59.999Z'`,
        `'9999-12-31 23:59:59.999999Z'`,
        `'-infinity'`,
        `'infinity'`,
      ],
      same: {
        "'2024-02-29T23:59:59.120Z'": "'2024-02-29 23:59:59.12Z'",
        "'2024-02-29T23:59:59.1204Z'": "'2024-02-29 23:59:59.1204Z'",
        "'1969-12-31T23:59:59.999Z'": "'1969-12-31 23:59:59.999Z'",
        "'9999-12-31T23:59:59.999999Z'": "'9999-12-31 23:59:59.999999Z'",
      },
    },
    'timestamp(ms since 1970 or 0)': {
      sqlite: ['0', '1', '1000', `'1'`, '1.0', '-1'],
      postgres: [`'-infinity'`, `'1970-01-01'`, `'1970-01-01 00:00:00.001'`, `'1970-01-01 00:00:01'`, `'1969-12-31 23:59:59.999'`],
      same: { '0': "'-infinity'", '1': "'1970-01-01 00:00:00.001'", '1000': "'1970-01-01 00:00:01'" },
    },
    'uuid(lower)': {
      sqlite: [
        `'a0000000-0000-4000-8000-00000000000f'`,
        `'A0000000-0000-4000-8000-00000000000F'`,
        `',,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,'`,
      ],
      postgres: [`'a0000000-0000-4000-8000-00000000000f'`, `'b0000000-0000-4000-8000-00000000000f'`],
      same: { "'a0000000-0000-4000-8000-00000000000f'": "'a0000000-0000-4000-8000-00000000000f'" },
    },
    jsonb: {
      sqlite: [
        `'{"bb":1,"a":[1.50,-2e3]}'`,
        `'{"a": [1.50, -2000], "bb": 1}'`,
        `'{"a":1,"a":1}'`,
        `'null'`,
        `'"?"'`,
        `'"\\u00e9"'`,
        `'1'`,
        `'-0'`,
        '1',
      ],
      postgres: [`'{"bb":1,"a":[1.50,-2e3]}'`, `'{"bb":1,"a":[1.5,-2e3]}'`, `'null'`, `'"?"'`, `'"é"'`, `'1'`, `'0'`, `'""'`],
      same: {
        '\'{"bb":1,"a":[1.50,-2e3]}\'': `'{"bb":1,"a":[1.50,-2e3]}'`,
        '\'{"a": [1.50, -2000], "bb": 1}\'': `'{"bb":1,"a":[1.50,-2e3]}'`,
        "'null'": "'null'",
        '\'"?"\'': `'"?"'`,
        '\'"\\u00e9"\'': `'"é"'`,
        "'1'": "'1'",
      },
    },
    json: {
      sqlite: [`'{"a":1, "a":1}'`, `'null'`, `'1'`, '1'],
      postgres: [`'{"a":1, "a":1}'`, `'{"a":1,"a":1}'`, `'null'`, `'1'`, `'"?"'`],
      same: { '\'{"a":1, "a":1}\'': `'{"a":1, "a":1}'`, "'null'": "'null'", "'1'": "'1'" },
    },
    decimal: {
      sqlite: ['1', '1.5', '0', '100', `'1'`, '1e-7'],
      postgres: ['1', '1.50', '0.00', '100', '100.10', '0.0000001'],
      same: { 1: '1', 1.5: '1.50', 0: '0.00', 100: '100', '1e-7': '0.0000001' },
    },
    'boolean(yes/no)': {
      sqlite: [`'yes'`, `'no'`, `'YES'`, '1', `'t'`],
      postgres: ['true', 'false'],
      same: { "'yes'": 'true', "'no'": 'false' },
    },
  };

const lists = <T>(of: readonly T[], most: number): T[][] =>
  most === 0 ? [[]] : [[], ...lists(of, most - 1).flatMap(list => of.map(each => [...list, each]))];
const upTo = (most: number, of: readonly string[]): string[][] => [
  ...new Map(lists(of, most).map(list => [list.join('|'), list])).values(),
];

function ofSqlite(codec: string, form: Form, list: readonly string[]): string {
  const from = list.length === 0 ? 'select null as v where 0' : list.map(each => `select ${each} as v`).join(' union all ');
  const read = (sql: string) => db.prepare<[], unknown>(`select ${sql} from (${from})`).pluck();
  if ('values' in form) return digestOf(list.length, [form.values(read('v').all())]);
  const made = form.makes === undefined ? '' : functionFor(db, codec, form.makes);
  const written = read(`cast(${form.sqlite('v', made)} as blob)`).get() as Uint8Array | null;
  return digestOf(list.length, [written === null || form.sent === undefined ? written : form.sent(written, list.length)]);
}

test.each(Object.keys(CASES))('%s: lists of values have the same digest exactly where they are the same [G4]', async codec => {
  const { sqlite = [], postgres: own, same } = CASES[codec]!;
  const type = typeOf(codec);
  const form = formsOf([{ codec, affinity: 'blob', type } as ColumnPlan])[0]!;
  const theirs = upTo(2, ['null', ...own]);
  const { rows } = await session.query(
    theirs
      .map((list, index) => {
        const from = list.map((each, place) => `select ${each}::${type} as v, ${place} as place`).join(' union all ');
        const rows = list.length === 0 ? `select null::${type} as v where false` : `select v from (${from}) w order by place`;
        return `select ${index} as n, ${digestSql([form.postgres('v')])} as digest from (${rows}) w`;
      })
      .join(' union all '),
  );
  const there = new Map(rows.map(row => [row.digest, theirs[Number(row.n)]!]));
  expect(there.size).toBe(theirs.length); // no two of Postgres are the same
  const meaning = (list: readonly string[]): string => list.map(each => (each === 'null' ? each : (same[each] ?? 'a misfit'))).join('|');
  const known = new Set(theirs.map(list => list.join('|')));
  let equal = 0;
  for (const list of upTo(2, [...new Set([...ODD, ...sqlite])])) {
    const found = there.get(ofSqlite(codec, form, list))?.join('|');
    const meant = meaning(list);
    expect(found, list.join('|')).toBe(known.has(meant) ? meant : undefined);
    if (found !== undefined) equal++;
  }
  expect(equal).toBeGreaterThan(4);
});
