/*
 * Every object of the plan, made on the target itself and rolled back: only the server knows what it takes.
 */

import { type PlanStatement, planStatements, type RefusedObject } from '../../plan/ddl/statements.ts';
import { compatSql } from '../../plan/expression/compat.ts';
import type { Plan } from '../../plan/plan.ts';
import { PostgresError } from '../session/errors.ts';
import { LONG_MS, type Session } from '../session/open.ts';

/** What the server would refuse of the plan, with its reason; nothing is left behind. The tables must not be there yet. */
export async function tryPlan(session: Session, plan: Plan): Promise<RefusedObject[]> {
  await session.query('begin');
  try {
    for (const text of compatSql(plan.compat ?? [])) await session.query(text);
    return await makeAll(session, planStatements(plan));
  } finally {
    await session.query({ text: 'rollback', limitMs: LONG_MS });
  }
}

/** Makes everything in the open transaction, list by list; gives what the server refuses. */
export async function makeAll(session: Session, lists: readonly (readonly PlanStatement[])[]): Promise<RefusedObject[]> {
  const refused: RefusedObject[] = [];
  for (const statements of lists) refused.push(...(await tryAll(session, statements)));
  return refused;
}

/** At once where nothing is refused, which is nearly always; otherwise halved until the refused ones stand alone. */
async function tryAll(session: Session, statements: readonly PlanStatement[]): Promise<RefusedObject[]> {
  const [first] = statements;
  if (first === undefined) return [];
  await session.query('savepoint trial');
  try {
    await session.query({ text: statements.map(({ text }) => text).join(';\n'), limitMs: LONG_MS });
    await session.query('release trial');
    return [];
  } catch (error) {
    if (!(error instanceof PostgresError) || error.sqlstate === null || error.disposition === 'retry') throw error;
    await session.query('rollback to trial; release trial');
    if (statements.length === 1) return [refused(first, error)];
  }
  const half = statements.length >> 1;
  return [...(await tryAll(session, statements.slice(0, half))), ...(await tryAll(session, statements.slice(half)))];
}

const refused = ({ kind, table, name }: PlanStatement, { message }: PostgresError): RefusedObject => ({
  kind,
  table,
  name,
  reason: message,
});
