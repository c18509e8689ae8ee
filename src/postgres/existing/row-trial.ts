/*
 * Asks Postgres about rows without giving it any: into a temporary table with the types and constraints of the application's
 * own, in a transaction that is rolled back. Its indexes, sequences and triggers are not touched.
 */
import type { Misfit, PgRow } from '../../change/change.ts';
import { quote } from '../../change/quote.ts';
import { type Plan, type TablePlan, tableName } from '../../plan/plan.ts';
import { copyFitting } from '../apply/copy.ts';
import type { Session } from '../session/open.ts';

const TRIAL = 'attacca_trial';

/** Misfits are found by halving, which takes its time: these are enough to know. */
const ENOUGH = 200;

/** What Postgres refuses of the rows, with its reasons; it stops looking after a few hundred. */
export async function tryRows(session: Session, plan: Plan, table: TablePlan, pieces: Iterable<readonly PgRow[]>): Promise<Misfit[]> {
  const refused: Misfit[] = [];
  const there = { ...plan, schema: 'pg_temp' };
  await session.query('begin');
  try {
    const like = 'including constraints including indexes including generated including identity';
    await session.query(`create temporary table ${TRIAL} (like ${tableName(plan, table)} ${like}) on commit drop`);
    for (const column of table.extras ?? []) await session.query(`alter table pg_temp.${TRIAL} drop column ${quote(column)} cascade`);
    for (const rows of pieces) {
      refused.push(...(await copyFitting(session, there, { ...table, target: TRIAL }, rows)));
      if (refused.length >= ENOUGH) break;
    }
  } finally {
    await session.query('rollback');
  }
  return refused;
}
