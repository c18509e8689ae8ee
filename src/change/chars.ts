import type { PgRow } from './change.ts';

/** How much text these rows hold, in characters. */
export function charsIn(rows: readonly PgRow[]): number {
  let chars = 0;
  for (const row of rows) for (const text of row) chars += text?.length ?? 0;
  return chars;
}
