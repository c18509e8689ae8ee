/*
 * An application whose state can be judged from the outside: money is neither made nor lost, rows come in pairs, and every writer
 * counts its transactions in the database itself. Also every kind of table and of write that replication finds hard.
 */
import type Database from 'better-sqlite3';
import type { TestPostgres } from './postgres.ts';

const SCHEMA = /* sql */ `
  create table account (id integer primary key, balance integer not null, code text unique);
  create table debit (id integer primary key, amount integer not null);
  create table credit (id integer primary key, amount integer not null);
  create table tally (writer integer primary key, n integer not null);
  create table place (region text not null, spot integer not null, owner integer not null, primary key (region, spot)) without rowid;
  create table note (token text, body text);
  create index note_token on note (token);`;

const ACCOUNTS = 200;
const BALANCE = 1_000;
const SPOTS = 50;

/** What both sides are asked, in words that both understand; the rows are compared as text. */
const TABLES: Readonly<Record<string, readonly [sqlite: string, postgres: string]>> = {
  account: same('id, balance, code', 'account'),
  debit: same('id, amount', 'debit'),
  credit: same('id, amount', 'credit'),
  tally: same('writer, n', 'tally'),
  place: same('region, spot, owner', 'place'),
  note: same('token, body', 'note'),
};

function same(columns: string, table: string): [string, string] {
  return [`select ${columns} from ${table}`, `select ${columns} from public.${table}`];
}

/** `writers`: how many will write; `notes`: rows of a table without a key, so that there is something to copy. */
export function buildBank(writers: number, notes = 0): (db: Database.Database) => void {
  return db => {
    db.pragma('journal_mode = wal');
    db.exec(SCHEMA);
    db.transaction(() => {
      const account = db.prepare('insert into account values (?, ?, ?)');
      for (let id = 1; id <= ACCOUNTS; id++) account.run(BigInt(id), BigInt(BALANCE), `code-${id}`);
      const place = db.prepare('insert into place values (?, ?, ?)');
      for (let spot = 1; spot <= SPOTS; spot++) place.run('north', BigInt(spot), 0n);
      for (let writer = 1; writer <= writers; writer++) db.prepare('insert into tally values (?, 0)').run(BigInt(writer));
      const note = db.prepare('insert into note values (?, ?)');
      for (let n = 1; n <= notes; n++) note.run(`old-${n}`, 'x'.repeat(n % 50));
    })();
  };
}

type Tx = { run(sql: string, ...params: (bigint | string)[]): unknown };

/**
 * One transaction of writer `writer`, its `n`th: a transfer, a pair of rows, a moved key, a note; now and then a pair and old notes
 * go. `pick` gives a number below its argument. `sqlite`: with the forms that only SQLite has.
 */
export async function transact(
  tx: Tx,
  { writer, n, pick, sqlite }: { writer: number; n: number; pick: (below: number) => number; sqlite: boolean },
): Promise<void> {
  const [from, to, amount] = [BigInt(1 + pick(ACCOUNTS)), BigInt(1 + pick(ACCOUNTS)), BigInt(1 + pick(50))];
  const id = BigInt(writer) * 10_000_000n + BigInt(n);
  const legs = [
    [from, -amount],
    [to, amount],
  ] as const;
  // In the order of their keys: Postgres would have to end a deadlock otherwise.
  for (const [account, change] of from < to ? legs : legs.toReversed())
    await tx.run('update account set balance = balance + ? where id = ?', change, account);
  await tx.run('insert into debit (id, amount) values (?, ?)', id, amount);
  await tx.run('insert into credit (id, amount) values (?, ?)', id, amount);
  await tx.run('update tally set n = n + 1 where writer = ?', BigInt(writer));
  await tx.run('insert into note (token, body) values (?, ?)', `${writer}-${n}`, 'body');
  const gone = id - 200n;
  if (n > 200) {
    await tx.run('delete from debit where id = ?', gone);
    await tx.run('delete from credit where id = ?', gone);
    await tx.run('delete from note where token = ?', `${writer}-${n - 200}`);
  }
  if (n % 4 === 0) {
    const region = `r${writer}-${pick(5)}`;
    const spot = BigInt(1 + pick(SPOTS));
    await tx.run('update place set region = ?, owner = owner + 1 where region <> ? and spot = ?', region, region, spot);
  }
  // Evicts nothing but itself, through the second unique index; the balance is kept.
  if (sqlite && n % 5 === 0)
    await tx.run('insert or replace into account (id, balance, code) select id, balance, code from account where id = ?', from);
}

/** Invariants as SQL that both sides understand, with what it must answer. */
const RULES: readonly (readonly [rule: string, sql: string, answer: string])[] = [
  ['money is neither made nor lost', 'select cast(sum(balance) as text) as n from account', String(ACCOUNTS * BALANCE)],
  [
    'rows come in pairs',
    `select cast(count(*) as text) as n from (select id, amount from debit except select id, amount from credit) a`,
    '0',
  ],
  ['pairs are whole', `select cast((select count(*) from debit) - (select count(*) from credit) as text) as n`, '0'],
  ['every spot is taken once', `select cast(count(*) as text) as n from (select spot from place group by spot having count(*) > 1) a`, '0'],
];

export const RULES_SQL = RULES.map(([, sql], index) => `(${sql}) as r${index}`).join(', ');

/** Which invariants the answer to `select ${RULES_SQL}` breaks. */
export const broken = (row: Readonly<Record<string, unknown>>): string[] =>
  RULES.flatMap(([rule, , answer], index) => (String(row[`r${index}`]) === answer ? [] : [`${rule}: ${row[`r${index}`]}`]));

/** Every row of every table on both sides, compared as text, and the tallies with what the writers had acknowledged. */
export async function judge(app: Database.Database, pg: TestPostgres, acknowledged: ReadonlyMap<number, number>): Promise<string[]> {
  const found: string[] = [];
  for (const [table, [here, there]] of Object.entries(TABLES)) {
    const source = app.prepare<[], Record<string, unknown>>(here).all().map(line).sort();
    const target = (await pg.query(there)).map(line).sort();
    const at = source.findIndex((text, index) => text !== target[index]);
    if (source.length !== target.length || at >= 0)
      found.push(`${table}: ${source.length} rows in SQLite, ${target.length} in Postgres; first: ${source[at]} | ${target[at]}`);
  }
  found.push(...broken((await pg.query(`select ${RULES_SQL}`))[0]!));
  for (const [writer, n] of acknowledged) {
    const counted = Number(app.prepare('select n from tally where writer = ?').pluck().get(BigInt(writer)));
    if (counted !== n) found.push(`writer ${writer}: ${n} acknowledged, ${counted} there`);
    const notes = app.prepare('select count(*), count(distinct token) from note where token like ?').raw().get(`${writer}-%`) as unknown[];
    if (String(notes[0]) !== String(notes[1])) found.push(`writer ${writer}: notes ${notes.join(', ')}`);
  }
  return found;
}

const line = (row: Readonly<Record<string, unknown>>): string => Object.values(row).map(String).join('|');
