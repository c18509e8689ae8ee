/*
 * Hands every value of a table to a function, page by page, in bounded memory.
 */
import { quote } from '../change/quote.ts';
import type { SourceColumn, SourceTable } from '../plan/schema.ts';
import type { Database } from './open.ts';

/** `place`: of the column in the list that was asked for. */
export type See = (place: number, value: unknown) => void;

const PAGE = 500;
/** Longer values come one at a time, through a function, and never lie in a page. */
const LONG_BYTES = 4096;
/** SQLite takes at most 2,000 result columns in a query; fewer keep a page of long values small. */
const COLUMNS_A_QUERY = 100;

/**
 * Calls `see` with every value of the columns, and `paged` with the number of rows read so far. Each page of a rowid table is
 * a read of its own, so that no read lasts for long. Gives the number of rows.
 */
export function readAll(
  db: Database,
  table: SourceTable,
  columns: readonly SourceColumn[],
  { see, paged }: { readonly see: See; readonly paged: (rows: number) => void },
): number {
  db.function('_attacca_see', { directOnly: true }, (place, value) => {
    see(Number(place), value);
    return null;
  });
  let rows = 0;
  for (let first = 0; first < Math.max(1, columns.length); first += COLUMNS_A_QUERY) {
    const some = columns.slice(first, first + COLUMNS_A_QUERY);
    const list = some.map((column, index) => shortened(column, first + index));
    const take = (page: readonly unknown[][], offset: number): void => {
      for (let index = 0; index < some.length; index++) for (const row of page) see(first + index, row[index + offset]);
    };
    rows = table.rowid === null ? readWhole(db, table, list, take) : readPages(db, { ...table, rowid: table.rowid }, list, { take, paged });
  }
  return rows;
}

/** A long value is handed over by a function; NULL takes its place in the row, and is not counted. */
function shortened({ name, affinity }: SourceColumn, place: number): string {
  const c = quote(name);
  if (affinity === 'integer' || affinity === 'real') return c; // asking for the length of numbers would cost
  return `case when octet_length(${c}) > ${LONG_BYTES} then _attacca_see(${place}, ${c}) else ${c} end`;
}

type Take = (page: readonly unknown[][], offset: number) => void;

function readPages(
  db: Database,
  { name, rowid }: SourceTable & { readonly rowid: string },
  list: readonly string[],
  { take, paged }: { readonly take: Take; readonly paged: (rows: number) => void },
): number {
  const select = `select ${[rowid, ...list].join(', ')} from ${quote(name)}`;
  const start = db.prepare<[], [bigint, ...unknown[]]>(`${select} order by ${rowid} limit ${PAGE}`).raw();
  const next = db.prepare<[bigint], [bigint, ...unknown[]]>(`${select} where ${rowid} > ? order by ${rowid} limit ${PAGE}`).raw();
  let rows = 0;
  for (let page = start.all(); page.length > 0; ) {
    rows += page.length;
    take(page, 1);
    paged(rows);
    const last = page.at(-1)?.[0];
    if (page.length < PAGE || last === undefined) return rows;
    page = next.all(last);
  }
  return rows;
}

/** Without a rowid to page by: one row at a time. */
function readWhole(db: Database, { name }: SourceTable, list: readonly string[], take: Take): number {
  const rows = db.prepare<[], unknown[]>(`select ${list.length === 0 ? 'null' : list.join(', ')} from ${quote(name)}`).raw();
  let count = 0;
  for (const row of rows.iterate()) {
    count++;
    take([row], 0);
  }
  return count;
}
