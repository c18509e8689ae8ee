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

/** The rows with a rowid above `above` and up to `upTo`; null: no bound. */
export type Part = { readonly above: bigint | null; readonly upTo: bigint | null };

export type Reading = {
  readonly see: See;
  /** Called with the number of rows read so far. */
  readonly paged: (rows: number) => void;
  /** Bounds are for tables that have a rowid. */
  readonly part: Part;
};

/**
 * Calls `see` with every value of the columns. Each page of a rowid table is a read of its own, so that no read lasts for long.
 * Gives the number of rows.
 */
export function readAll(db: Database, table: SourceTable, columns: readonly SourceColumn[], { see, paged, part }: Reading): number {
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
    rows =
      table.rowid === null
        ? readWhole(db, table, list, take)
        : readPages(db, { ...table, rowid: table.rowid }, list, { take, paged, part });
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

/** The least rowid, and the greatest. */
const [FIRST, LAST] = [-(2n ** 63n), 2n ** 63n - 1n];

function readPages(
  db: Database,
  { name, rowid }: SourceTable & { readonly rowid: string },
  list: readonly string[],
  { take, paged, part }: { readonly take: Take } & Omit<Reading, 'see'>,
): number {
  const page = (than: string) =>
    db
      .prepare<[bigint, bigint], [bigint, ...unknown[]]>(
        `select ${[rowid, ...list].join(', ')} from ${quote(name)} where ${rowid} ${than} ? and ${rowid} <= ? order by ${rowid} limit ${PAGE}`,
      )
      .raw();
  const [next, end] = [page('>'), part.upTo ?? LAST];
  let rows = 0;
  for (let taken = part.above === null ? page('>=').all(FIRST, end) : next.all(part.above, end); taken.length > 0; ) {
    rows += taken.length;
    take(taken, 1);
    paged(rows);
    const last = taken.at(-1)?.[0];
    if (taken.length < PAGE || last === undefined) return rows;
    taken = next.all(last, end);
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
