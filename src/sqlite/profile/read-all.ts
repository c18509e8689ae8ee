/*
 * Counts every value of a table, page by page, in bounded memory: by a summary that SQLite makes of the page where there can be one,
 * else by handing over value after value.
 */
import { quote } from '../../change/quote.ts';
import type { SourceColumn, SourceTable } from '../../plan/schema.ts';
import type { Database } from '../open.ts';
import type { Summary } from './summary.ts';

/** Who counts a column. `place`: among all that are read. */
export type Counting = {
  readonly place: number;
  readonly column: SourceColumn;
  /** Counts one value. */
  readonly see: (value: unknown) => void;
  /** How to count the next page without seeing its values; undefined where they have to be seen. `rows`: read so far. */
  readonly summary: (rows: number) => Summary | undefined;
};

const PAGE = 500;
/** Longer values come one at a time, through a function, and never lie in a page. */
export const LONG_BYTES = 4096;
/** SQLite takes at most 2,000 result columns in a query; fewer keep a page of long values small. */
const COLUMNS_A_QUERY = 100;

/** The rows with a rowid above `above` and up to `upTo`; null: no bound. */
export type Part = { readonly above: bigint | null; readonly upTo: bigint | null };

export type Reading = {
  /** Called with the number of rows read so far, after each page that is followed by another, and with its last rowid, where there are rowids. */
  readonly paged: (rows: number, last: bigint) => void;
  /** Bounds are for tables that have a rowid. */
  readonly part: Part;
};

/**
 * Counts every value of the columns. Each page of a rowid table is a read of its own, so that no read lasts for long. Gives the
 * number of rows.
 */
export function readAll(db: Database, table: SourceTable, columns: readonly Counting[], { paged, part }: Reading): number {
  handOver(db, columns);
  const { rowid } = table;
  let rows = 0;
  for (let first = 0; first < columns.length; first += COLUMNS_A_QUERY) {
    const some = columns.slice(first, first + COLUMNS_A_QUERY);
    rows = rowid === null ? readWhole(db, table, some, paged) : readPages(db, { ...table, rowid }, some, { paged, part });
  }
  return rows;
}

const counting = new WeakMap<Database, readonly Counting[]>();

/** From now on `_attacca_see` hands values to these. It is defined once: each time SQLite throws away every statement that it has prepared. */
function handOver(db: Database, columns: readonly Counting[]): void {
  if (!counting.has(db))
    db.function('_attacca_see', { directOnly: true }, (place, value) => {
      counting.get(db)?.[Number(place)]?.see(value);
      return null;
    });
  counting.set(db, columns);
}

type Span = readonly [first: bigint, last: bigint];

/** The least rowid, and the greatest. */
const [FIRST, LAST] = [-(2n ** 63n), 2n ** 63n - 1n];

function readPages(
  db: Database,
  { name, rowid }: SourceTable & { readonly rowid: string },
  columns: readonly Counting[],
  { paged, part }: Reading,
): number {
  const within = `from ${quote(name)} not indexed where ${rowid} between ? and ?`;
  const ending = db.prepare<[bigint, bigint], bigint>(`select ${rowid} ${within} order by ${rowid} limit 1 offset ${PAGE - 1}`).pluck();
  const [sumUp, readValues] = [summing(db, within), reading(db, within)];
  const end = part.upTo ?? LAST;
  /** Gives the last rowid of a full page. One read, so that all that is counted in it is of one state. */
  const readPage = db.transaction((first: bigint): bigint | undefined => {
    const last = ending.get(first, end);
    if (last === undefined) {
      rows += readValues(columns, [first, end]);
      return undefined;
    }
    const others = sumUp(columns, rows, [first, last]);
    if (others.length > 0) readValues(others, [first, last]);
    rows += PAGE;
    return last;
  });
  let rows = 0;
  for (let first = part.above === null ? FIRST : part.above + 1n; ; ) {
    const last = readPage(first);
    if (last === undefined || last === end) return rows;
    paged(rows, last);
    first = last + 1n;
  }
}

/** Counts those columns of a full page that can be summed up. Gives the others: all where a row is not like those before. */
function summing(db: Database, within: string): (columns: readonly Counting[], rows: number, span: Span) => readonly Counting[] {
  const prepared = lastPrepared(db);
  return (columns, rows, span) => {
    const summaries = columns.map(({ summary }) => summary(rows));
    const known = summaries.filter(summary => summary !== undefined);
    if (known.length === 0) return columns;
    const list = ['count(*)', ...known.flatMap(({ aggregates }) => aggregates)].join(', ');
    const alike = known.map(({ condition }) => condition).join(' and ');
    const [count, ...results] = prepared(`select ${list} ${within} and ${alike}`).get(...span) ?? [];
    if (Number(count) < PAGE) return columns;
    return columns.filter((_, index) => {
      const summary = summaries[index];
      return !summary?.count(results.splice(0, summary.aggregates.length), span[1]);
    });
  };
}

/** Hands over every value of the columns. Gives the number of rows. */
function reading(db: Database, within: string): (columns: readonly Counting[], span: Span) => number {
  const prepared = lastPrepared(db);
  return (columns, span) => {
    const page = prepared(`select ${columns.map(shortened).join(', ')} ${within}`).all(...span);
    columns.forEach(({ see }, index) => {
      for (const row of page) see(row[index]);
    });
    return page.length;
  };
}

/** Without a rowid to page by: one row at a time. */
function readWhole(db: Database, { name }: SourceTable, columns: readonly Counting[], paged: Reading['paged']): number {
  const rows = db.prepare<[], unknown[]>(`select ${columns.map(shortened).join(', ')} from ${quote(name)}`).raw();
  let count = 0;
  for (const row of rows.iterate()) {
    if (count > 0 && count % PAGE === 0) paged(count, 0n);
    count++;
    columns.forEach(({ see }, index) => {
      see(row[index]);
    });
  }
  return count;
}

/** A long value is handed over by a function; NULL takes its place in the row, and is not counted. */
function shortened({ place, column: { name, affinity } }: Counting): string {
  const c = quote(name);
  if (affinity === 'integer' || affinity === 'real') return c; // asking for the length of numbers would cost
  return `case when octet_length(${c}) > ${LONG_BYTES} then _attacca_see(${place}, ${c}) else ${c} end`;
}

type Prepared = ReturnType<typeof prepare>;

const prepare = (db: Database, query: string) => db.prepare<[bigint, bigint], unknown[]>(query).raw();

/** Prepares a query, unless it is the one before: it changes only where a column turns out to be another than it was. */
function lastPrepared(db: Database): (query: string) => Prepared {
  let last: { readonly query: string; readonly statement: Prepared } | undefined;
  return query => {
    if (last?.query !== query) last = { query, statement: prepare(db, query) };
    return last.statement;
  };
}
