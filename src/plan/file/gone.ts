/*
 * Names in a plan file that the SQLite file does not have. A table or column that was removed there leaves its entry behind, which
 * changes nothing and is a warning. A name that is almost one of the file's is a slip of the pen, and taking it for nothing could
 * replicate what somebody meant to leave out: that is refused.
 */
import { UsageError } from '../../change/errors.ts';
import { quote } from '../../change/quote.ts';
import { isSlip } from '../../change/slip.ts';
import { finding } from '../codes.ts';
import type { Finding } from '../finding.ts';
import type { Profile } from '../schema.ts';
import type { PlanFile } from './edit.ts';

/** `profile`: of every table of the file. Throws UsageError for a name that is almost one of its names. */
export function goneNames(file: PlanFile, profile: Profile): Finding[] {
  const tables = Object.keys(profile);
  const found: Finding[] = [];
  for (const name of new Set([...file.exclude, ...Object.keys(file.tables)])) {
    if (tables.includes(name)) continue;
    refuseSlip(`there is no table ${quote(name)}`, name, tables);
    const message = `The plan file names a table ${quote(name)}, which the SQLite file does not have.`;
    found.push(finding('plan-gone', { table: name, message }));
  }
  for (const [table, { columns }] of Object.entries(file.tables)) {
    const known = profile[table]?.columns.map(({ name }) => name);
    for (const name of known === undefined ? [] : Object.keys(columns)) {
      if (known?.includes(name) !== false) continue;
      refuseSlip(`table ${quote(table)} has no column ${quote(name)}`, name, known);
      const message = `The plan file names a column ${quote(name)}, which the table does not have.`;
      found.push(finding('plan-gone', { table, column: name, message }));
    }
  }
  return found;
}

function refuseSlip(what: string, name: string, known: readonly string[]): void {
  const meant = known.find(other => isSlip(name, other));
  if (meant === undefined) return;
  const hint = `${quote(meant)} may be meant (names are written as in SQLite, capitals included); if it was removed there, remove it from the plan file`;
  throw new UsageError(`plan file: ${what}`, hint);
}
