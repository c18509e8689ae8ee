/*
 * How many bytes a mark's key takes in the journal: from the keys of the first rows, as SQLite stores them.
 */
import { quote } from '../../change/quote.ts';
import { keyColumns, type TablePlan } from '../../plan/plan.ts';
import type { Database } from '../open.ts';

const SAMPLE = 1_000;

/** The mean of some rows of the table; 0 where it has none. */
export function keySize(db: Database, table: TablePlan): number {
  const keys = keyColumns(table).map(({ name }) => quote(name));
  const query = `select avg(${keys.map(stored).join(' + ')}) from (select ${keys.join(', ')} from ${quote(table.name)} limit ${SAMPLE})`;
  return db.prepare<[], number | null>(query).pluck().get() ?? 0;
}

/** SQLite writes an integer in as many bytes as it needs. */
const stored = (c: string): string =>
  `case typeof(${c}) when 'null' then 0 when 'real' then 8 when 'integer' then
    case when ${c} between -128 and 127 then 1 when ${c} between -32768 and 32767 then 2 when ${c} between -8388608 and 8388607 then 3
      when ${c} between -2147483648 and 2147483647 then 4 when ${c} between -140737488355328 and 140737488355327 then 6 else 8 end
  else octet_length(${c}) end`;
