/*
 * Foreign keys are there only while Postgres is primary: whatever attacca applies in between is not checked by a constraint that
 * was validated before, and without replica role their actions would follow every deletion.
 */
import { quote } from '../../../change/quote.ts';
import { audit } from '../../../postgres/installed/audit.ts';
import { addForeignKeys, dropForeignKeys, validateForeignKeys } from '../../../postgres/installed/constraints.ts';
import { connect } from '../../../postgres/session/open.ts';
import type { Installed } from '../engine.ts';

/** Before anything is applied: a cutover that was aborted, or a rollback, may have left some. */
export const removeForeignKeys = ({ engine, plan }: Installed): Promise<void> => dropForeignKeys(engine.main, plan);

/** Adds them, with CHECKs and views. What Postgres refuses is logged and stands in the timeline: the application must do without it. */
export async function restoreForeignKeys({ engine, plan }: Installed): Promise<void> {
  const left: string[] = [];
  await addForeignKeys(engine.main, plan, ({ kind, table, name }, error) => {
    engine.log.warn({ table, err: error }, `${kind} ${quote(name)} is not created in Postgres`);
    left.push(`${kind} ${quote(name)} of ${quote(table)}`);
  });
  for (const object of left) await audit(engine.main, `not created in Postgres: ${object}`);
}

/** Checks every row, beside the application's writes; a constraint that rows violate stays NOT VALID and holds for new ones. */
export async function checkForeignKeys({ engine, plan }: Installed): Promise<void> {
  await using session = await connect(engine.url, { applicationName: 'attacca foreign keys' });
  await validateForeignKeys(session, plan, (table, statement, error) =>
    engine.log.warn({ table: table.name, statement, err: error }, 'foreign key stays not valid'),
  );
}
