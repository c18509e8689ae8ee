/* What verification compares beside rows: columns, keys, indexes, constraints, sequences and the fence; and how that is put right. */
import { quote } from '../../../change/quote.ts';
import { type Phase, primaryIn } from '../../../cutover/phase.ts';
import { defaultOf } from '../../../plan/ddl.ts';
import { at, type Plan, type TablePlan, tableName } from '../../../plan/plan.ts';
import { buildIndexes, buildKeys } from '../../../postgres/constraints.ts';
import type { Control } from '../../../postgres/control.ts';
import { fencePostgres, isFenceOf, renewFence, touched } from '../../../postgres/fence.ts';
import { plannedObjects, readObjects, readStandings, rememberedObjects, type Standing } from '../../../postgres/objects.ts';
import { connect, type Session } from '../../../postgres/open.ts';
import { compareObjects, movedSequences, type ObjectProblem, SHADOWING, touchedFences } from '../../../verify/objects.ts';
import type { Installed } from '../engine.ts';

type On = Installed & { readonly control: Control };
export type Catalog = { readonly compared: number; readonly problems: readonly ObjectProblem[] };

const FUNCTION = 'attacca.fence()';

/** Compares what belongs to `tables` with what has to be there now. */
export async function compareCatalog(on: On, tables: readonly TablePlan[]): Promise<Catalog> {
  const { engine, control } = on;
  const plan = { ...on.plan, tables: [...tables] };
  await using session = await connect(engine.url, { applicationName: 'attacca verify catalog' });
  const shadowing = primaryIn(control.phase as Phase) === 'sqlite';
  const all = await expected(session, on.plan, shadowing);
  const targets = new Set(tables.map(({ target }) => target));
  const wanted = all.filter(
    ({ kind, table }) => (targets.has(table) || kind === 'view') && (!shadowing || on.plan.existing || SHADOWING.has(kind)),
  );
  const problems = compareObjects(wanted, await readObjects(session, plan));
  const sequences = await moved(session, plan, shadowing);
  const fence = shadowing ? await touchedFence(session, on, plan) : [];
  return { compared: wanted.length + tables.length, problems: [...problems, ...sequences, ...fence] };
}

/** While Postgres is primary, tables that are the application's are its own to change. */
async function expected(session: Session, plan: Plan, shadowing: boolean) {
  if (plan.existing) return shadowing ? await rememberedObjects(session) : [];
  return await plannedObjects(session, plan);
}

const named = (plan: Plan, standing: Standing): TablePlan =>
  at(
    plan.tables.filter(({ id }) => id === standing.table),
    0,
  );

async function moved(session: Session, plan: Plan, shadowing: boolean): Promise<ObjectProblem[]> {
  const standings = await readStandings(session, plan);
  const left = ({ witness }: Standing): bigint | null => (witness === null || witness === '' ? null : BigInt(witness));
  return movedSequences(
    standings.map(each => ({ ...each, table: named(plan, each).target, left: left(each) })),
    shadowing,
  );
}

async function touchedFence(session: Session, { control, install }: On, plan: Plan): Promise<ObjectProblem[]> {
  const whole = await isFenceOf(session, control.epoch, install);
  const own: ObjectProblem = { kind: 'fence', table: '', name: FUNCTION, problem: 'changed', detail: 'somebody has replaced it' };
  return [...(whole ? [] : [own]), ...touchedFences(await touched(session, plan))];
}

/** Makes again what is missing or not as it has to be, while SQLite is primary. What a type or a computed column has become stays. */
export async function repairCatalog(on: On, problems: readonly ObjectProblem[]): Promise<void> {
  const { engine, plan, control, install } = on;
  await using session = await connect(engine.url, { applicationName: 'attacca repair' });
  for (const problem of problems) {
    const table = plan.tables.find(({ target }) => target === problem.table);
    if (problem.kind === 'fence' && table === undefined) await fencePostgres(session, control.epoch, install);
    else if (problem.kind === 'fence' && table !== undefined) await renewFence(session, plan, table);
    else if (table !== undefined && !plan.existing) for (const text of undoing(plan, table, problem)) await session.query(text);
  }
  if (plan.existing) return;
  const broken = plan.tables.filter(({ target }) => problems.some(({ table }) => table === target));
  await buildKeys(session, plan, broken);
  await buildIndexes(
    session,
    plan,
    (table, statement, error) => engine.log.warn({ table: table.name, statement, err: error }, 'index not built'),
    broken,
  );
}

/** Takes away what is not as it has to be, or alters it. */
function undoing(plan: Plan, table: TablePlan, { kind, name }: ObjectProblem): string[] {
  const alter = `alter table ${tableName(plan, table)}`;
  const column = table.columns.find(({ target }) => target === name);
  if (kind === 'key' || kind === 'unique') return [`${alter} drop constraint if exists ${quote(name)}`];
  if (kind === 'index') return [`drop index if exists ${quote(plan.schema)}.${quote(name)}`];
  if (column === undefined) return [];
  const of = `${alter} alter column ${quote(name)}`;
  const identity = table.identity !== null && at(table.columns, table.identity) === column;
  if (kind === 'sequence' && identity)
    return [
      `${of} drop identity if exists, alter column ${quote(name)} add generated by default as identity`,
      `delete from attacca.witness where object = 'sequence:${table.id}'`,
    ];
  if (kind !== 'column' || identity) return [];
  const value = defaultOf(column);
  return [
    `${of} ${value === null ? 'drop default' : `set default ${value}`}`,
    ...(table.key.columns.some(index => at(table.columns, index) === column) ? [] : [`${of} ${column.notNull ? 'set' : 'drop'} not null`]),
  ];
}
