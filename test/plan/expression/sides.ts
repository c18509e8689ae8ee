import Database from 'better-sqlite3';
import { quote } from '../../../src/change/quote.ts';
import { parseReal, tag, type Value } from '../../../src/change/value.ts';
import { codecOf } from '../../../src/plan/codec.ts';
import { compatSql } from '../../../src/plan/expression/compat.ts';
import { type KnownColumn, type Translation, translateExpression } from '../../../src/plan/expression/translation.ts';
import { testPostgres } from '../../support/postgres.ts';

/** The columns of the table that expressions are tried on, one for each class that a plan knows. */
const COLUMNS = [
  ['i', 'integer', 'bigint', 'integer', 'integer', 'BINARY'],
  ['m', 'integer', 'bigint', 'integer', 'integer', 'BINARY'],
  ['n', 'numeric', 'double precision', 'number', 'numeric', 'BINARY'],
  ['r', 'real', 'double precision', 'real', 'real', 'BINARY'],
  ['s', 'text', 'text', 'text', 'text', 'BINARY'],
  ['c', 'text collate nocase', 'text', 'text', 'text', 'NOCASE'],
  ['p', 'text collate rtrim', 'text', 'text', 'text', 'RTRIM'],
  ['k', 'text', 'text', 'text', 'text', 'BINARY'],
  ['u', '', 'text', 'text', 'blob', 'BINARY'],
  ['x', 'blob', 'bytea', 'blob', 'blob', 'BINARY'],
  ['b', 'boolean', 'boolean', 'boolean', 'numeric', 'BINARY'],
  ['d', 'text', 'text', 'text', 'text', 'BINARY'],
  ['j', 'text', 'text', 'text', 'text', 'BINARY'],
  ['g', '', 'text', 'tagged', 'blob', 'BINARY'],
  ['dt', 'datetime', 'timestamp', 'timestamp(YYYY-MM-DD hh:mm:ss)', 'numeric', 'BINARY'],
  ['dz', 'text', 'timestamptz', 'timestamptz(YYYY-MM-DDThh:mm:ss.fffZ)', 'text', 'BINARY'],
  ['da', 'date', 'date', 'date(YYYY-MM-DD)', 'numeric', 'BINARY'],
  ['de', 'datetime', 'timestamptz', 'timestamptz(ms since 1970)', 'numeric', 'BINARY'],
  ['du', 'text', 'uuid', 'uuid(lower)', 'text', 'BINARY'],
  ['db', 'boolean', 'boolean', 'boolean(true/false)', 'numeric', 'BINARY'],
  ['dn', 'decimal(10, 2)', 'numeric', 'decimal', 'numeric', 'BINARY'],
] as const;

const KNOWN: readonly KnownColumn[] = COLUMNS.map(([name, , type, codec, affinity, collation]) => ({
  name,
  target: name,
  type,
  codec,
  affinity,
  collation,
}));

export type Sample = Readonly<Record<(typeof COLUMNS)[number][0], Value>>;

/** The same rows in both databases, and a way to ask both. */
export async function bothSides(samples: readonly Sample[]) {
  const db = new Database(':memory:').defaultSafeIntegers(true);
  const postgres = await testPostgres();
  const names = COLUMNS.map(([name]) => name);
  db.exec(`create table t (id integer primary key, ${COLUMNS.map(([name, type]) => `${name} ${type}`).join(', ')})`);
  await postgres.query(`create table t (id bigint, ${COLUMNS.map(([name, , type]) => `${name} ${type}`).join(', ')})`);
  const insert = db.prepare(`insert into t (${names.join(', ')}) values (${names.map(() => '?').join(', ')})`);
  for (const [place, sample] of samples.entries()) {
    insert.run(...names.map(name => sample[name]));
    const stored = db
      .prepare(`select ${names.join(', ')} from t where id = ?`)
      .raw()
      .get(place + 1) as Value[];
    const encoded = KNOWN.map((column, index) => codecOf(column).encode(stored[index] ?? null));
    await postgres.query(`insert into t values (${[place + 1, ...encoded].map((_, index) => `$${index + 1}`).join(', ')})`, [
      place + 1,
      ...encoded,
    ]);
  }
  const installed = new Set<string>();
  return {
    postgres,
    async compare(sql: string): Promise<{ readonly translation: Translation; readonly differences: readonly string[] } | string> {
      const translation = translateExpression(sql, { columns: KNOWN, encoding: 'UTF-8' }, { kind: 'term', unique: false });
      if ('reason' in translation) return translation.reason;
      const missing = translation.uses.filter(name => !installed.has(name));
      for (const statement of compatSql(missing)) await postgres.query(statement);
      for (const name of missing) installed.add(name);
      const expected = db.prepare(`select ${sql} from t order by id`).pluck().all() as Value[];
      const rows = await postgres
        .query(`select ${translation.sql} as ${quote('value')} from t order by id`)
        .catch((error: Error) => error.message);
      if (typeof rows === 'string') return { translation, differences: [`${translation.sql}: ${rows}`] };
      const differences = expected.flatMap((value, row) => {
        const want = value === null ? null : tag(translation.kind === 'number' || value === 0 ? Number(value) || 0 : value);
        const got = tagged(rows[row]?.value ?? null, translation.kind);
        return want === got
          ? []
          : [
              `row ${JSON.stringify(samples[row], (_, each) => (typeof each === 'bigint' ? `${each}n` : each))}: SQLite ${want}, Postgres ${got} by ${translation.sql}`,
            ];
      });
      return { translation, differences };
    },
    async [Symbol.asyncDispose]() {
      db.close();
      await postgres[Symbol.asyncDispose]();
    },
  };
}

/** What Postgres printed, as SQLite's value. */
function tagged(text: string | null, kind: Translation['kind']): string | null {
  if (text === null) return null;
  if (kind === 'boolean') return text === 't' ? 'i:1' : 'i:0';
  if (kind === 'integer') return `i:${text}`;
  if (kind === 'json' && text.startsWith('r:')) return tag(parseReal(text.slice(2)));
  if (kind === 'json' || kind === 'opaque') return text;
  if (kind === 'blob') return tag(new Uint8Array(Buffer.from(text.slice(2), 'hex')));
  if (kind === 'text') return tag(text);
  return tag(parseReal(text) || 0); // the sign of a zero is let go: both databases take 0.0 and -0.0 for equal
}
