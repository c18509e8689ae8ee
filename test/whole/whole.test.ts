import { expect, test } from 'vitest';
import type { Slice } from '../../src/change/change.ts';
import { decidePlan } from '../../src/cli/engine/decide/deciding.ts';
import { install } from '../../src/sqlite/capture/install.ts';
import { headMark } from '../../src/sqlite/capture/marking.ts';
import { readMarks } from '../../src/sqlite/journal/marks.ts';
import { openSource } from '../../src/sqlite/open.ts';
import { readTransaction } from '../../src/sqlite/transaction.ts';
import { random } from '../crash/acts.ts';
import { scratch } from '../sqlite/planned.ts';
import { broken, buildBank, RULES_SQL, transact } from '../support/bank.ts';
import { testPostgres } from '../support/postgres.ts';
import { weather } from './storm.ts';

test('readers of Postgres see whole transactions only, whatever happens meanwhile [G3]', async () => {
  const { reads, violations } = await weather({ reads: 3_000, pairs: 3_000, awayMs: 300 });
  expect(reads).toBeGreaterThanOrEqual(3_000);
  expect(violations).toEqual([]);
});

const TABLES = `
  create table account (id bigint primary key, balance bigint, code text); create table debit (id bigint primary key, amount bigint);
  create table credit (id bigint primary key, amount bigint); create table tally (writer bigint primary key, n bigint);
  create table place (region text, spot bigint, owner bigint, primary key (region, spot))`;

/** The bank's changes, written in transactions of `together` rows, or whole; what the readers' question answers after each commit. */
async function violations(together: number): Promise<string[]> {
  using file = scratch('select 1', {});
  buildBank(1)(file.db);
  const { plan } = decidePlan(file.db, { schema: 'public', planFile: undefined });
  const { seq } = await install(file.db, plan, { install: 'i', target: 't' }, 1_000);
  await using pg = await testPostgres();
  await pg.query(TABLES);
  const pick = random(7);
  const run = { run: (sql: string, ...params: (bigint | string)[]) => file.db.prepare(sql).run(...params) };
  file.db.exec('update account set code = code; update place set owner = owner');
  for (let n = 1; n <= 20; n++) await transact(run, { writer: 1, n, pick, sqlite: true });
  const reader = openSource(file.path);
  using _read = readTransaction(reader);
  const slices = [...(readMarks(reader, plan, seq, headMark(reader).seq).slices() as Iterable<Slice>)];
  const statements = slices.flatMap(({ table: id, rows }) => {
    const { name, columns } = plan.tables.find(table => table.id === id)!;
    const places = columns.map((_, index) => `$${index + 1}`).join(', ');
    return name === 'note' ? [] : rows.map(row => ({ sql: `insert into public.${name} values (${places})`, row }));
  });
  const found: string[] = [];
  await pg.query('begin');
  for (const [index, { sql, row }] of statements.entries()) {
    await pg.query(sql, [...row]);
    if ((index + 1) % together !== 0) continue;
    await pg.query('commit');
    found.push(...broken((await pg.query(`select ${RULES_SQL}`))[0]!));
    await pg.query('begin');
  }
  await pg.query('commit');
  found.push(...broken((await pg.query(`select ${RULES_SQL}`))[0]!));
  reader.close();
  return found;
}

test('batches cut by a number of rows are caught by the same question [G3]', async () => {
  expect(await violations(Number.POSITIVE_INFINITY)).toEqual([]);
  expect(await violations(10)).toContainEqual(expect.stringContaining('money is neither made nor lost'));
  expect(await violations(210)).toContainEqual(expect.stringContaining('pairs are whole'));
});
