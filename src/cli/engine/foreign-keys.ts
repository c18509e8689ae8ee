/*
 * Foreign keys are there only while Postgres is primary: whatever attacca applies in between is not checked by a constraint that
 * was validated before, and without replica role their actions would follow every deletion.
 */
import { dropForeignKeys, validateForeignKeys } from '../../postgres/constraints.ts';
import { connect } from '../../postgres/open.ts';
import type { Installed } from './engine.ts';

/** Before anything is applied: a cutover that was aborted, or a rollback, may have left some. */
export const removeForeignKeys = ({ engine, plan }: Installed): Promise<void> => dropForeignKeys(engine.main, plan);

/** Checks every row, beside the application's writes; a constraint that rows violate stays NOT VALID and holds for new ones. */
export async function checkForeignKeys({ engine, plan }: Installed): Promise<void> {
  await using session = await connect(engine.url, { applicationName: 'attacca foreign keys' });
  await validateForeignKeys(session, plan, (table, statement, error) =>
    engine.log.warn({ table: table.name, statement, err: error }, 'foreign key stays not valid'),
  );
}
