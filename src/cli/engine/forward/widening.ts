/* Makes columns wider whose values no longer fit, while SQLite is primary; their tables are copied anew in one transaction. */
import { Refused } from '../../../change/errors.ts';
import { type Wanted, widen } from '../../../plan/evolve/widen.ts';
import { columnUnder } from '../../../plan/file/misfits.ts';
import type { ColumnPlan, Plan } from '../../../plan/plan.ts';
import { list } from '../../../postgres/apply/quarantine.ts';
import { audit } from '../../../postgres/installed/audit.ts';
import type { DoneDocument } from '../../../server/documents.ts';
import type { Progress } from '../../../server/operations.ts';
import { look } from '../../../sqlite/capture/adopt.ts';
import { isDoubtful } from '../../../sqlite/capture/steps.ts';
import { openSource } from '../../../sqlite/open.ts';
import type { Controller } from '../controller.ts';
import { chosen, installed, type Standing } from '../engine.ts';
import { followEvolution, statsOf } from './following.ts';

/** Without `names`: every table that has rows in quarantine. Throws Refused where the plan cannot be changed now. */
export async function widenTables(controller: Controller, names: readonly string[], progress: Progress): Promise<DoneDocument> {
  const { engine } = controller;
  const on = await installed(engine);
  const { phase } = on.control;
  if (phase !== 'shadowing') throw refused('phase', `the phase is ${phase}`, 'columns are widened while SQLite is primary and copied');
  if (on.plan.existing)
    throw refused('existing-target', "the tables in Postgres are the application's", 'widen the column in its migrations, then resync');
  const waiting = await list(engine.side);
  const ids = new Set(names.length === 0 ? waiting.map(({ table }) => table) : chosen(on, names).map(({ id }) => id));
  const columns = await widened(on, { ids }, new AbortController().signal, progress);
  if (columns === undefined) throw refused('drifted', 'the schema of the SQLite file is just changing', 'try again');
  if (columns.length === 0) return { done: 'widen', detail: 'every stored value fits its column: nothing to widen' };
  return { done: 'widen', detail: columns.join('; ') };
}

const refused = (code: string, reason: string, remedy: string): Refused => new Refused('widening refused', [{ code, reason, remedy }]);

/** Widens the columns that are to be widened by themselves, where rows of theirs are in quarantine. True: something was widened. */
export async function widenByItself(on: Standing, signal: AbortSignal): Promise<boolean> {
  const { plan, engine } = on;
  const tables = new Map(plan.tables.filter(({ columns }) => columns.some(widensItself)).map(table => [table.id, table]));
  if (tables.size === 0) return false;
  const waiting = await list(engine.side);
  const ids = new Set(
    waiting.flatMap(row => {
      const table = tables.get(row.table);
      return table !== undefined && columnUnder('widen', table, row) !== undefined ? table.id : [];
    }),
  );
  const columns = ids.size === 0 ? [] : await widened(on, { ids, only: widensItself }, signal);
  if (columns === undefined || columns.length === 0) return false;
  engine.log.warn({ columns }, 'columns were widened for values that did not fit');
  return true;
}

const widensItself = ({ misfits }: ColumnPlan): boolean => misfits === 'widen';

/** Carries it out. Resolves with what was widened; with undefined where the schema of the file is just changing. */
async function widened(on: Standing, wanted: Wanted, signal: AbortSignal, progress?: Progress): Promise<string[] | undefined> {
  const { engine, plan } = on;
  using db = openSource(engine.config.source);
  const seen = look(db, plan);
  if (seen.health.state !== 'fine' || isDoubtful(seen.steps)) return undefined;
  const inForce = (table: string, column: string): string | undefined =>
    plan.tables.find(({ name }) => name === table)?.columns.find(({ name }) => name === column)?.codec;
  const evolution = widen(plan, wanted, seen.schema, statsOf(db, seen, inForce));
  const columns = changed(plan, evolution.plan);
  if (columns.length === 0) return [];
  progress?.(`copying ${evolution.whole.length} tables again`);
  await followEvolution(on, db, seen, evolution, signal);
  await audit(engine.side, 'widened', { columns });
  return columns;
}

const changed = (before: Plan, after: Plan): string[] =>
  after.tables.flatMap(table =>
    table.columns.flatMap((column, place) => {
      const old = before.tables.find(({ id }) => id === table.id)?.columns[place];
      return old === undefined || old.codec === column.codec ? [] : [`${table.name}.${column.name}: ${old.codec} → ${column.codec}`];
    }),
  );
