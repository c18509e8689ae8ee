/* Values that did not fit, as the log and `status` tell of them: where, why, and what would make room for them. */
import type { Misfit } from '../../../change/change.ts';
import { shellWord } from '../../../change/shell.ts';
import { propose } from '../../../plan/evolve/propose.ts';
import type { Plan, TablePlan } from '../../../plan/plan.ts';
import { columns } from '../../../postgres/apply/quarantine.ts';
import type { OnQuarantine } from '../../../postgres/apply/writes.ts';
import type { Session } from '../../../postgres/session/open.ts';
import type { StatusDocument } from '../../../server/documents.ts';
import type { Alerts } from './alerts.ts';

type Telling = { readonly log: { error(facts: object, message: string): void }; readonly alerts: Pick<Alerts, 'seldom'> };

/** Logs what goes into quarantine, a line for each column and at most one a minute; never a value. */
export const alarm =
  ({ log, alerts }: Telling, plan: Plan): OnQuarantine =>
  (table, misfits) => {
    for (const [column, some] of Map.groupBy(misfits, misfit => misfit.column)) {
      const proposal = plan.existing
        ? undefined
        : proposalFor(
            table,
            column,
            some.flatMap(({ raw }) => raw ?? []),
          );
      const command =
        proposal === undefined ? {} : { proposal: `${column} as ${proposal}: attacca plan --widen --table ${shellWord(table.name)}` };
      alerts.seldom(`quarantine ${table.id} ${column}`, some.length, rows =>
        log.error({ table: table.name, column, rows, reason: some[0]?.reason, ...command }, 'quarantined'),
      );
    }
  };

/** What waits in quarantine, for `status`. */
export async function waiting(session: Session, plan: Plan): Promise<NonNullable<StatusDocument['misfits']>> {
  const found = await columns(session);
  return found.flatMap(({ table: id, column, rows, reason, tags }) => {
    const table = plan.tables.find(each => each.id === id);
    if (table === undefined) return [];
    const proposal = plan.existing ? undefined : proposalFor(table, column, tags);
    return [{ table: table.name, column, rows, reason, proposal: proposal ?? null }];
  });
}

function proposalFor(table: TablePlan, name: Misfit['column'], tags: readonly string[]): string | undefined {
  const column = table.columns.find(({ name: own, target }) => own === name || target === name);
  return column === undefined ? undefined : propose(column, tags);
}
