/*
 * Counts what the stored values of a table are, or of a part of it, so that two threads can share the work. A row whose rowid
 * changes meanwhile may be counted in both parts or in none, like any row that the application writes while it is counted.
 */
import { quote } from '../../change/quote.ts';
import { rowidAlias } from '../../plan/objects/key.ts';
import { at } from '../../plan/plan.ts';
import type { SourceTable } from '../../plan/schema.ts';
import type { Database } from '../open.ts';
import { type Counting, LONG_BYTES, type Part, readAll } from './read-all.ts';
import { summaryOf } from './summary.ts';
import { type Interest, type Seen, tally, together } from './tally.ts';

/** What to count, as plain data: it may be handed to another thread. `interests`: one for each column that is stored. */
export type Task = Part & { readonly table: SourceTable; readonly interests: readonly Interest[] };

/** What was counted, by the columns that are stored. */
export type Counted = { readonly rows: number; readonly columns: readonly Seen[] };

export const storedIn = ({ columns }: SourceTable): SourceTable['columns'] => columns.filter(column => !column.generated);

type OnRows = (rows: number, total: number) => void;

/** `onRows` hears again and again how many rows have been read, of about how many: their rowids may lie unevenly. */
export function count(db: Database, { table, interests, ...part }: Task, onRows: OnRows = () => {}): Counted {
  const [least, greatest] = span(db, table);
  const [start, end] = [part.above ?? least - 1n, part.upTo ?? greatest];
  const encoding = String(db.pragma('encoding', { simple: true }));
  const tallies = interests.map(interest => tally(interest, encoding));
  const alias = rowidAlias(table);
  const columns = storedIn(table).map((column, place): Counting => {
    const tally = at(tallies, place);
    const subject = { column, alias: column === alias, tally, longest: LONG_BYTES, encoding };
    return { place, column, see: tally.see, summary: rows => summaryOf(subject, rows) };
  });
  const all = table.rowid === null ? rowsOf(db, table) : undefined;
  const rows = readAll(db, table, columns, {
    paged: (rows, last) => onRows(rows, all ?? Math.round((rows * Number(end - start)) / Number(last - start))),
    part,
  });
  return { rows, columns: tallies.map(({ seen }) => seen()) };
}

const rowsOf = (db: Database, { name }: SourceTable): number =>
  Number(
    db
      .prepare<[], bigint>(`select count(*) from ${quote(name)} not indexed`)
      .pluck()
      .get(),
  );

/** What was counted in two parts of one table. */
export const added = (one: Counted, two: Counted): Counted => ({
  rows: one.rows + two.rows,
  columns: one.columns.map((seen, index) => together(seen, at(two.columns, index))),
});

/** So few rows are read sooner than another thread has begun. */
const LARGE = 50_000;

/** A rowid amid those of the table; undefined where halves would not be worth it. */
export function middle(db: Database, table: SourceTable): bigint | undefined {
  const [least, greatest] = span(db, table);
  return greatest - least < LARGE ? undefined : (least + greatest) / 2n;
}

/** The least and the greatest rowid; nothing lies between them where there is none. */
function span(db: Database, { name, rowid }: SourceTable): [bigint, bigint] {
  const end = (which: string): bigint | null | undefined =>
    db
      .prepare<[], bigint | null>(`select ${which}(${rowid}) from ${quote(name)}`)
      .pluck()
      .get();
  return rowid === null ? [0n, -1n] : [end('min') ?? 0n, end('max') ?? -1n];
}
