/*
 * Keys, indexes and foreign keys: each when the copy can best bear it.
 *
 * (1) The key comes before the catch-up (upserts and deletions need it), secondary indexes after it, foreign keys at cutover.
 * (2) Everything here can be run again: what is there is left alone.
 * (3) Foreign keys are added NOT VALID: what is validated once is never checked again, and rows written in replica role are not
 *     checked at all; so they are validated when the last of those is in.
 * (4) CHECKs come and go with the foreign keys: replica role does not silence them, and SQLite never asked them about rows that were
 *     there before, or were written under `pragma ignore_check_constraints`: such rows must be copied all the same [G4].
 * (5) So do views: one that reads a column would keep it from being changed or dropped while the source's schema is still followed.
 */
import { Refused } from '../../change/errors.ts';
import { quote } from '../../change/quote.ts';
import { checkDdl, expressionIndexDdl, foreignKeyDdl, indexDdl, keyDdl, validateDdl, viewDdl } from '../../plan/ddl/ddl.ts';
import type { PlanObject } from '../../plan/ddl/statements.ts';
import { at, keyColumns, type Plan, type TablePlan, tableName } from '../../plan/plan.ts';
import { isPoison, PostgresError } from '../session/errors.ts';
import { LONG_MS, type Session } from '../session/open.ts';

/** A statement that Postgres refused, and that the replication can go on without. */
export type OnRefused = (table: TablePlan, statement: string, error: PostgresError) => void;

/** A constraint or a view of the plan that Postgres refused. */
export type OnObjectRefused = (object: PlanObject, error: PostgresError) => void;

/** A statement that means nothing to Postgres, or that this role may not give. */
const UNFIT = /^42|^0A/;

/** A valid unique index, without predicate or expressions, over exactly these columns in this order. */
const HAS_KEY = /* sql */ `
  select from pg_index i
  where i.indrelid = to_regclass($1) and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
    and $2::text[] = array(
      select a.attname::text from unnest(i.indkey::smallint[]) with ordinality as k(attnum, place)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum order by k.place)`;

/** Builds the keys of `tables`. Throws when one cannot be built: without it nothing can be applied. */
export async function buildKeys(session: Session, plan: Plan, tables = plan.tables): Promise<void> {
  if (plan.existing) return; // the plan was made for a key that is there
  for (const table of tables) {
    const columns = keyColumns(table).map(column => column.target);
    const { rowCount } = await session.query(HAS_KEY, [tableName(plan, table), columns]);
    if (rowCount === 0) await buildKey(session, table, keyDdl(plan, table));
  }
}

async function buildKey(session: Session, table: TablePlan, statement: string): Promise<void> {
  try {
    await session.query({ text: statement, limitMs: LONG_MS });
  } catch (error) {
    if (!isPoison(error)) throw error;
    throw new Refused(`the key of ${table.name} cannot be built in Postgres`, [
      {
        code: 'key-refused',
        reason: error.message,
        remedy: 'exclude the table, or change its plan so that its key is unique in Postgres too',
      },
    ]);
  }
}

const INDEXES = /* sql */ `
  select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = to_regclass($1)`;
const CONSTRAINTS = /* sql */ `select conname as relname from pg_constraint where conrelid = to_regclass($1)`;

/** A secondary index that is still to be built. */
export type Missing = { readonly table: TablePlan; readonly statement: string };

/** Secondary indexes that are not there yet. Several sessions may build some at the same time, also on one table. */
export async function missingIndexes(session: Session, plan: Plan, tables = plan.tables): Promise<Missing[]> {
  const missing: Missing[] = [];
  for (const table of tables) {
    for (const [ddl, wanted] of [
      [indexDdl, table.indexes],
      [expressionIndexDdl, table.expressionIndexes ?? []],
    ] as const) {
      const places = await absent(session, INDEXES, tableName(plan, table), wanted);
      missing.push(...places.map(place => ({ table, statement: at(ddl(plan, table), place) })));
    }
  }
  return missing;
}

/** Builds one; one that Postgres refuses, mostly for what the rows hold, is handed to `refused` and left out. */
export const buildIndex = (session: Session, { table, statement }: Missing, refused: OnRefused): Promise<void> =>
  attempt(session, table, statement, refused);

/** Builds the secondary indexes, one after the other. */
export async function buildIndexes(session: Session, plan: Plan, refused: OnRefused, tables = plan.tables): Promise<void> {
  for (const index of await missingIndexes(session, plan, tables)) await buildIndex(session, index, refused);
}

/**
 * Adds the foreign keys and the CHECKs, NOT VALID: they hold for new rows only. Then the views. One that Postgres refuses is handed
 * to `refused` and left out, with the views that read it.
 */
export async function addForeignKeys(session: Session, plan: Plan, refused: OnObjectRefused): Promise<void> {
  for (const table of plan.tables) {
    for (const [kind, ddl, wanted] of [
      ['foreign key', foreignKeyDdl, table.foreignKeys],
      ['CHECK', checkDdl, table.checks ?? []],
    ] as const) {
      for (const index of await absent(session, CONSTRAINTS, tableName(plan, table), wanted)) {
        const { name } = at<{ readonly name: string }>(wanted, index);
        await add(session, { kind, table: table.name, name }, at(ddl(plan, table), index), refused);
      }
    }
  }
  await addViews(session, plan, refused);
}

const VIEWS = /* sql */ `select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind = 'v'`;

/** Views that are not there yet. */
async function addViews(session: Session, plan: Plan, refused: OnObjectRefused): Promise<void> {
  const { views = [], schema } = plan;
  if (views.length === 0) return;
  const { rows } = await session.query<{ relname: string }>(VIEWS, [schema]);
  const there = new Set(rows.map(({ relname }) => relname));
  for (const [place, text] of viewDdl(plan).entries()) {
    const { name, target } = at(views, place);
    if (!there.has(target)) await add(session, { kind: 'view', table: name, name: target }, text, refused);
  }
}

async function add(session: Session, object: PlanObject, text: string, refused: OnObjectRefused): Promise<void> {
  try {
    await session.query({ text, limitMs: LONG_MS });
    await session.query(MADE, [text]);
  } catch (error) {
    if (!(error instanceof PostgresError) || !UNFIT.test(error.sqlstate ?? '')) throw error;
    await session.query(REFUSED, [text, error.message]);
    refused(object, error);
  }
}

/** Checks every row against the foreign keys and the CHECKs; one that rows violate stays NOT VALID and is handed to `refused`. */
export async function validateForeignKeys(session: Session, plan: Plan, refused: OnRefused): Promise<void> {
  for (const table of plan.tables) {
    for (const statement of validateDdl(plan, table)) await attempt(session, table, statement, refused);
  }
}

/** Places of those of `wanted` that the table does not have; the plan's DDL is in the same order. */
async function absent(session: Session, query: string, table: string, wanted: readonly { readonly name: string }[]): Promise<number[]> {
  if (wanted.length === 0) return [];
  const { rows } = await session.query<{ relname: string }>(query, [table]);
  const there = new Set(rows.map(row => row.relname));
  return [...wanted.keys()].filter(index => !there.has(at(wanted, index).name));
}

/** Verification does not miss what Postgres has refused to make. */
const REFUSED = /* sql */ `
  insert into attacca.witness (object, state) values ('refused:' || $1::text, $2) on conflict (object) do update set state = excluded.state`;
const MADE = /* sql */ `delete from attacca.witness where object = 'refused:' || $1::text`;

/** A relation of that name belongs to another table. */
const TAKEN = '42P07';

async function attempt(session: Session, table: TablePlan, statement: string, refused: OnRefused): Promise<void> {
  try {
    await session.query({ text: statement, limitMs: LONG_MS });
    await session.query(MADE, [statement]);
  } catch (error) {
    if (!isPoison(error) && !(error instanceof PostgresError && error.sqlstate === TAKEN)) throw error;
    await session.query(REFUSED, [statement, error.message]);
    refused(table, statement, error);
  }
}

const PRESENT = /* sql */ `
  select c.relname as target, f.conname as name from pg_constraint f
  join pg_class c on c.oid = f.conrelid join pg_namespace n on n.oid = c.relnamespace where f.contype in ('f', 'c') and n.nspname = $1`;

/** Takes the plan's foreign keys, CHECKs and views out again, those that are there. */
export async function dropForeignKeys(session: Session, plan: Plan): Promise<void> {
  const views = (plan.views ?? []).map(({ target }) => `${quote(plan.schema)}.${quote(target)}`);
  if (views.length > 0) await session.query(`drop view if exists ${views.toReversed().join(', ')}`);
  const { rows } = await session.query<{ target: string; name: string }>(PRESENT, [plan.schema]);
  const present = new Set(rows.map(({ target, name }) => JSON.stringify([target, name])));
  for (const table of plan.tables) {
    const ours = [...table.foreignKeys, ...(table.checks ?? [])].filter(({ name }) => present.has(JSON.stringify([table.target, name])));
    const drops = ours.map(({ name }) => `drop constraint if exists ${quote(name)}`);
    if (drops.length > 0) await session.query(`alter table ${tableName(plan, table)} ${drops.join(', ')}`);
  }
}

/** Statistics, without which the first queries after a cutover would be planned blindly. */
export async function analyze(session: Session, plan: Plan, tables = plan.tables): Promise<void> {
  for (const table of tables) await session.query({ text: `analyze ${tableName(plan, table)}`, limitMs: LONG_MS });
}
