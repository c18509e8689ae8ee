import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { quote } from '../../src/change/quote.ts';
import type { Value } from '../../src/change/value.ts';
import { codecOf } from '../../src/plan/codec.ts';
import { checkDdl, expressionIndexDdl, foreignKeyDdl, indexDdl, keyDdl, tableDdl, validateDdl, viewDdl } from '../../src/plan/ddl/ddl.ts';
import { decide } from '../../src/plan/decide.ts';
import { compatSql } from '../../src/plan/expression/compat.ts';
import type { Plan, TablePlan } from '../../src/plan/plan.ts';
import { type Database, openSource } from '../../src/sqlite/open.ts';
import { profile } from '../../src/sqlite/profile/profile.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { CORPUS, copyOf, files, present } from '../support/corpus.ts';
import { type TestPostgres, testPostgres } from '../support/postgres.ts';

/** The larger ones take long; `npm run test:corpus` has them all, on the whole way. */
const LARGEST = 150_000;
const small = files.filter(file => statSync(join(CORPUS, file)).size < LARGEST);
const folder = mkdtempSync(join(tmpdir(), 'attacca-express-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function load(db: Database, postgres: TestPostgres, plan: Plan, table: TablePlan): Promise<void> {
  const names = table.columns.map(({ name }) => quote(name));
  const rows = db
    .prepare(`select ${names.join(', ')} from ${quote(table.name)}`)
    .raw()
    .all() as Value[][];
  if (rows.length === 0) return;
  const lists = table.columns.map((column, place) => rows.map(row => codecOf(column).encode(row[place] ?? null)));
  const columns = table.columns.map(({ type }, place) => `c${place}::${type}`);
  const arrays = lists.map((_, place) => `$${place + 1}::text[]`);
  const target = `${quote(plan.schema)}.${quote(table.target)}`;
  await postgres.query(
    `insert into ${target} (${table.columns.map(column => quote(column.target)).join(', ')}) select ${columns.join(', ')} from unnest(${arrays.join(', ')}) as u (${columns.map((_, place) => `c${place}`).join(', ')})`,
    lists,
  );
}

let postgres: TestPostgres;
beforeAll(async () => {
  if (present) postgres = await testPostgres();
});
afterAll(() => postgres?.[Symbol.asyncDispose]());

describe.skipIf(!present)(`real databases${present ? '' : ': ABSENT, skipped'}`, () => {
  test.each(small)('%s: every expression of the plan is one of Postgres [G4]', async file => {
    const db = openSource(copyOf(file, folder), { readonly: true });
    const schema = readSchema(db);
    const { plan } = decide(schema, profile(db, schema), { schema: file });
    await postgres.query(`begin; create schema ${quote(file)}`);
    const each = (ddl: (plan: Plan, table: TablePlan) => string | string[]) => plan.tables.flatMap(table => ddl(plan, table));
    await postgres.query([...compatSql(plan.compat ?? []), ...each(tableDdl)].join(';'));
    for (const table of plan.tables) await load(db, postgres, plan, table);
    const later = [keyDdl, indexDdl, expressionIndexDdl, checkDdl, foreignKeyDdl, validateDdl].flatMap(each);
    await postgres.query([...later, ...viewDdl(plan)].join(';'));
    for (const view of plan.views ?? []) {
      const theirs = await postgres.query(`select count(*) as n from ${quote(plan.schema)}.${quote(view.target)}`);
      expect(theirs[0]?.n, view.name).toBe(
        String(
          db
            .prepare(`select count(*) from ${quote(view.name)}`)
            .pluck()
            .get(),
        ),
      );
    }
    db.close();
    await postgres.query('rollback');
  });
});
