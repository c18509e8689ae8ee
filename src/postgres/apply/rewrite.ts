import { quote } from '../../change/quote.ts';
import { at, type Plan, tableName } from '../../plan/plan.ts';
import { PostgresError } from '../session/errors.ts';
import type { Session } from '../session/open.ts';

/** The row breaks a constraint that was never asked about it: an application could not write it either. */
const BROKEN = /^23/;

/**
 * Writes one row of each table again as it is, as an application would: it travels like any other change, and nothing is invented. Call
 * it while Postgres is primary.
 */
export async function rewriteRows(session: Session, plan: Plan): Promise<void> {
  for (const table of plan.tables) {
    const name = tableName(plan, table);
    const column = quote(at(table.columns, 0).target);
    const first = /* sql */ `select tableoid, ctid from ${name} limit 1`;
    try {
      await session.query(/* sql */ `update ${name} set ${column} = ${column} where (tableoid, ctid) = (${first})`);
    } catch (error) {
      if (!(error instanceof PostgresError) || !BROKEN.test(error.sqlstate ?? '')) throw error;
    }
  }
}
