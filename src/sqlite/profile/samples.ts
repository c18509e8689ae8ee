import { quote } from '../../change/quote.ts';
import { rowName } from '../../plan/codec.ts';
import { primaryKey, type SourceTable } from '../../plan/schema.ts';
import type { Database } from '../open.ts';
import { readValues } from '../read/values.ts';

const SAMPLES = 3;

/** By what people find a row again: the declared primary key, else the rowid; empty where there is neither. */
export function keyOfSamples(table: SourceTable): string[] {
  const primary = primaryKey(table);
  if (primary.length > 0) return primary;
  return table.rowid === null ? [] : [table.rowid];
}

/** Keys of the first few rows that satisfy `condition`, as Misfit.key writes them; never other values. */
export function sampleKeys(db: Database, table: SourceTable, condition: string, parameters: readonly unknown[] = []): string[] {
  const key = keyOfSamples(table).map(quote);
  if (key.length === 0) return [];
  const query = (list: string): string => `select ${list} from ${quote(table.name)} where ${condition} limit ${SAMPLES}`;
  return readValues(db, key, query, parameters).map(rowName);
}
