/* Postgres's part in following a change of the SQLite schema: tables, fence, plan and bookkeeping, in the caller's transaction. */
import { ReplicationError } from '../../change/errors.ts';
import { quote } from '../../change/quote.ts';
import { type Plan, type TablePlan, tableName } from '../../plan/plan.ts';
import { PostgresError } from '../session/errors.ts';
import { LONG_MS, type Session } from '../session/open.ts';
import { storePlan } from './control.ts';
import { addFence } from './fence.ts';

export type TargetEvolution = {
  /** The plan from now on. */
  readonly plan: Plan;
  readonly statements: readonly string[];
  /** Tables that the statements create. */
  readonly created: readonly TablePlan[];
  /** Tables that the statements drop, as they were, also those that they create again. */
  readonly dropped: readonly TablePlan[];
  /** What was followed, for the log. */
  readonly lines: readonly string[];
};

const FORGET = /* sql */ `
  with rows as (delete from attacca.quarantine where table_id = any($1)),
  sequences as (delete from attacca.witness where object in (select 'sequence:' || id from unnest($1::integer[]) id))
  delete from attacca.snapshot where table_id = any($1)`;
/** A table that came later is copied by the batch that follows. */
const COPIED = /* sql */ `insert into attacca.snapshot (table_id, total, done) select id, 0, true from unnest($1::integer[]) id`;
const NAMES = /* sql */ `
  update attacca.quarantine q set table_name = n.name from unnest($1::integer[], $2::text[]) as n(id, name)
  where q.table_id = n.id and q.table_name <> n.name`;

const GRANTS = /* sql */ `
  select x.privilege_type as privilege, a.attname as "column", x.is_grantable as grantable,
    case when x.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end as grantee
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
    cross join lateral (select null::name as attname, c.relacl as acl
      union all select attname, attacl from pg_attribute where attrelid = c.oid and not attisdropped) a
    cross join lateral aclexplode(a.acl) x
  where n.nspname = $1 and c.relname = $2 and x.grantee <> c.relowner`;

/** What somebody has granted on a table, for the one that takes its place. */
async function grantsOn(session: Session, plan: Plan, from: TablePlan, to: TablePlan): Promise<string[]> {
  const { rows } = await session.query(GRANTS, [plan.schema, from.target]);
  return rows
    .filter(({ column }) => column == null || to.columns.some(({ target }) => target === column))
    .map(
      ({ privilege, column, grantable, grantee }) =>
        `grant ${privilege}${column == null ? '' : ` (${quote(column)})`} on table ${tableName(plan, to)} to ${grantee}${grantable === 't' ? ' with grant option' : ''}`,
    );
}

/** Changes the tables and stores the plan, inside the open transaction of attacca's own. Throws ReplicationError. */
export async function evolveTarget(session: Session, { plan, statements, created, dropped, lines }: TargetEvolution): Promise<void> {
  const grants: string[] = [];
  for (const table of created) {
    const former = dropped.find(({ id }) => id === table.id);
    if (former !== undefined) grants.push(...(await grantsOn(session, plan, former, table)));
  }
  try {
    for (const text of [...statements, ...grants]) await session.query({ text, limitMs: LONG_MS });
  } catch (error) {
    throw explained(error);
  }
  for (const table of created) await addFence(session, plan, table);
  await session.query(FORGET, [dropped.map(({ id }) => id)]);
  await session.query(COPIED, [created.map(({ id }) => id)]);
  await session.query(NAMES, [plan.tables.map(({ id }) => id), plan.tables.map(({ target }) => target)]);
  await storePlan(session, plan, lines);
}

/** dependent_objects_still_exist; duplicate_table, duplicate_column. */
function explained(error: unknown): unknown {
  if (!(error instanceof PostgresError) || !['2BP01', '42P07', '42701'].includes(error.sqlstate ?? '')) return error;
  return new ReplicationError('halt', `Postgres cannot follow the schema of the SQLite file: ${error.message}`, {
    hint: 'somebody made objects in Postgres that stand in the way: drop or rename them there, then start attacca again. Nothing is lost',
    cause: error,
  });
}
