/*
 * Rows that a CHECK does not allow: from before it was there, or written under `pragma ignore_check_constraints`. Only reads.
 */
import { quote } from '../../change/quote.ts';
import { parseTable } from '../../plan/expression/create.ts';
import { attempt } from '../../plan/expression/refusal.ts';
import type { SourceSchema, SourceTable, TableStats } from '../../plan/schema.ts';
import { codeOf, type Database } from '../open.ts';
import { sampleKeys } from './samples.ts';

type Violated = NonNullable<TableStats['violated']>[number];

/** The CHECKs of the table that some rows violate. A declaration that cannot be read, or a CHECK that calls the application's functions, tells nothing. */
export function violated(db: Database, schema: SourceSchema, table: SourceTable): Violated[] {
  const sql = schema.objects.find(({ type, name }) => type === 'table' && name === table.name)?.sql ?? '';
  const read = attempt(() => parseTable(sql));
  return 'reason' in read ? [] : read.checks.flatMap(({ text }) => rowsAgainst(db, table, text));
}

function rowsAgainst(db: Database, table: SourceTable, check: string): Violated[] {
  const broken = `not (${check})`; // NULL is allowed, as SQLite has it
  try {
    const count = Number(
      db
        .prepare<[], bigint>(`select count(*) from ${quote(table.name)} where ${broken}`)
        .pluck()
        .get(),
    );
    return count === 0 ? [] : [{ check, count, samples: sampleKeys(db, table, broken) }];
  } catch (error) {
    if (codeOf(error) === '') throw error;
    return [];
  }
}
