/*
 * From marks to rows: for every key marked in a stretch of the journal the row as it is now, or its absence.
 *
 * (1) Everything is read inside the caller's read transaction, and is complete when `readMarks` returns: the transaction
 *     can be released before the first row is applied. Small batches wait in memory, large ones in a spool file.
 * (2) Keys differ by storage class and by bytes: 1 is not 1.0, 'a' is not 'A', 0.0 is not -0.0. The row is looked up by
 *     the key's own index, where those are equal, and then compared.
 * (3) A row comes once: with the mark of its very own key. Writing it there made that mark.
 */
import type { Misfit, PgKey, PgRow, Rows, Seq, Slice } from '../../change/change.ts';
import { charsIn } from '../../change/chars.ts';
import { RawText, storageClass, type Value } from '../../change/value.ts';
import { encodeKey, rowName } from '../../plan/codec.ts';
import { at, keyColumns, keyOf, type Plan, type TablePlan } from '../../plan/plan.ts';
import { journalColumns, keyNames } from '../capture/marking.ts';
import type { Database } from '../open.ts';
import { type Reading, reading } from '../read/at-once.ts';
import { chunk } from '../read/chunk.ts';
import { bindable, isMisfit, nullKeyed, placeholder, prepared, type Reader, readerOf, readValues } from '../read/values.ts';
import { openSpool, type Spool } from './spool.ts';

const COUNTS = /* sql */ `select tbl, count(*) from main._attacca_journal where seq > ? and seq <= ? and tbl <> 0 group by tbl`;
const EMPTY = /* sql */ `delete from temp._attacca_key`;
const RANGES = /* sql */ `select tbl, min(n), max(n) from temp._attacca_key group by tbl`;
const SLICE_ROWS = 1_000;
const MEMORY_ROWS = 20_000;
const MEMORY_CHARS = 32_000_000;

/** Rows that wait in memory or in a file; the file goes when they are disposed of, or forgotten. */
export type HeldRows = Omit<Rows, 'slices'> & Disposable & { slices(): Iterable<Slice> };

/** Everything marked in (after, upTo], as of the open read transaction. */
export function readMarks(db: Database, plan: Plan, after: Seq, upTo: Seq, options: { readonly memoryRows?: number } = {}): HeldRows {
  const counts = new Map((prepared(db, COUNTS).all(after, upTo) as [bigint, bigint][]).map(([table, n]) => [Number(table), Number(n)]));
  const marks = [...counts.values()].reduce((sum, n) => sum + n, 0);
  const replaced = plan.tables.filter(table => counts.has(-table.id)).map(table => table.id);
  const held = collector(options.memoryRows ?? MEMORY_ROWS);
  openMarks(db, plan);
  const ranges = collectKeys(db, plan, after, upTo);
  for (const table of plan.tables) {
    const range = ranges.get(table.id);
    if (replaced.includes(table.id)) wholeTable(db, table, held.add);
    else if (range !== undefined) markedRows(db, readerOf(db, table), range, held.add);
  }
  return { marks, replaced, ...held.rows() };
}

/** The rows that these keys mean, as of the open read transaction, or their absence: as if they were all marked. */
export function readNamed(db: Database, plan: Plan, table: TablePlan, keys: readonly (readonly Value[])[]): HeldRows {
  const held = collector(MEMORY_ROWS);
  openMarks(db, plan);
  prepared(db, EMPTY).run();
  const names = journalColumns(table);
  // Behind a key with NULL a rowid stands; all rows that share the key are read with it.
  const distinct = new Map(keys.map(key => key.slice(0, names.length)).map(key => [rowName(key), key]));
  for (const key of distinct.values()) {
    const values = key.map(placeholder).join(', ');
    prepared(db, `insert into temp._attacca_key (tbl, ${names.join(', ')}) values (?, ${values})`).run(table.id, ...key.map(bindable));
  }
  if (distinct.size > 0) markedRows(db, readerOf(db, table), { from: 1n, to: BigInt(distinct.size) }, held.add);
  return { marks: keys.length, replaced: [], ...held.rows() };
}

type Range = { readonly from: bigint; readonly to: bigint };

/** Makes the temporary table that `readMarks` needs. Before the read transaction: what is made inside one ends with it. */
export function openMarks(db: Database, plan: Plan): void {
  db.exec(/* sql */ `create temp table if not exists _attacca_key (n integer primary key, tbl, ${keyNames(plan).join(', ')})`);
}

/** Distinct keys, in the order of their table's key, into a temporary table: it is on this connection only. */
function collectKeys(db: Database, plan: Plan, after: Seq, upTo: Seq): ReadonlyMap<number, Range> {
  const keys = keyNames(plan);
  // atan2 is what tells -0.0 from 0.0 in SQL, and here any REAL from an integer; elsewhere it is the same for equal values.
  const distinct = keys.map(k => `${k} collate binary, case typeof(${k}) when 'real' then atan2(${k}, -1) end`);
  prepared(db, EMPTY).run();
  const collect = /* sql */ `
    insert into temp._attacca_key (tbl, ${keys.join(', ')}) select tbl, ${keys.join(', ')} from main._attacca_journal
    where seq > ? and seq <= ? and tbl > 0 group by tbl, ${distinct.join(', ')}`;
  prepared(db, collect).run(after, upTo);
  return new Map((prepared(db, RANGES).all() as [bigint, bigint, bigint][]).map(([table, from, to]) => [Number(table), { from, to }]));
}

type Add = (slice: Slice) => void;

function wholeTable(db: Database, table: TablePlan, add: Add): void {
  let cursor: string | null = null;
  do {
    const part = chunk(db, table, cursor, SLICE_ROWS);
    add({ table: table.id, rows: part.rows, gone: [], misfits: part.misfits });
    cursor = part.cursor;
  } while (cursor !== null);
}

function markedRows(db: Database, reader: Reader, { from, to }: Range, add: Add): void {
  const key = journalColumns(reader.table).map(k => `j.${k}`);
  const on = reader.key.map((column, index) => `${column} = j.k${index + 1}`).join(' and ');
  const joined = `temp._attacca_key j left join ${reader.from} on ${on} where j.n >= ? and j.n < ? order by j.n`;
  const seen = new Set<string>();
  for (let start = from; start <= to; ) {
    const parameters = (rows: number): bigint[] => [start, start + BigInt(rows)];
    const { rows, columns, encode } = reading(db, reader, { from: joined, parameters }, Math.min(SLICE_ROWS, Number(to - start) + 1));
    const found = readValues(db, [...key, ...columns], list => `select ${list} from ${joined}`, parameters(rows));
    add(sliceOf(db, reader, { found, encode }, seen));
    start += BigInt(rows);
  }
}

/** The marked key, then the row that the key's index finds for it, if any. */
type Found = Pick<Reading, 'encode'> & { readonly found: readonly Value[][] };

function sliceOf(db: Database, reader: Reader, { found, encode }: Found, seen: Set<string>): Slice {
  const { table } = reader;
  const slice = { table: table.id, rows: [] as PgRow[], gone: [] as PgKey[], misfits: [] as Misfit[], vanished: [] as string[] };
  const width = table.key.columns.length;
  for (const values of found) {
    const key = values.slice(0, width);
    const row = values.slice(width);
    if (key.includes(null)) nullMarked(db, reader, key, slice);
    else if (!isRow(table, key, row)) absent(table, key, slice);
    else if (!key.includes(0) || isFirst(seen, rowName(keyOf(table, row)))) {
      const encoded = encode(row);
      if (isMisfit(encoded)) slice.misfits.push(encoded);
      else slice.rows.push(encoded);
    }
    if (key.some(isLowest))
      for (const twin of twinsOf(key)) if (!isRow(table, twin, row) && isFirst(seen, rowName(twin))) absent(table, twin, slice);
  }
  return slice;
}

/**
 * The one number that a column of integer or numeric affinity keeps as INTEGER and as REAL. They are one key to SQLite and two to
 * Postgres, and one evicts the other without a mark.
 */
const LOWEST = -(2n ** 63n);
const isLowest = (value: Value): boolean => value === LOWEST || value === Number(LOWEST);

/** The other keys that are equal to this one. */
function twinsOf(key: readonly Value[]): Value[][] {
  const other = (value: Value): Value => (value === LOWEST ? Number(LOWEST) : LOWEST);
  const all = key.reduce<Value[][]>(
    (beginnings, value) =>
      beginnings.flatMap(begun =>
        isLowest(value)
          ? [
              [...begun, value],
              [...begun, other(value)],
            ]
          : [[...begun, value]],
      ),
    [[]],
  );
  return all.slice(1);
}

/** Marks of -0.0 and of 0.0 find the one row of a REAL column, and several marks may have one twin. */
const isFirst = (seen: Set<string>, name: string): boolean => !seen.has(name) && seen.add(name).has(name);

/** Whether the row that was found has this very key. */
const isRow = (table: TablePlan, key: readonly Value[], row: readonly Value[]): boolean =>
  keyOf(table, row).every((value, index) => same(value, key[index] ?? null, keyColumns(table)[index]?.affinity === 'blob'));

/** Same storage class and same bytes. */
export function same(a: Value, b: Value, signed: boolean): boolean {
  if (typeof a === 'number' && typeof b === 'number') return signed ? Object.is(a, b) : a === b;
  if (a instanceof RawText) return b instanceof RawText && Buffer.from(a.bytes).equals(b.bytes);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.from(a).equals(b);
  return a === b;
}

type Absences = { readonly gone: PgKey[]; readonly misfits: Misfit[]; readonly vanished: string[] };

/** No row has this very key. One that SQLite calls equal (1 for 1.0) is another key in Postgres too, and has marks of its own. */
function absent(table: TablePlan, key: readonly Value[], { gone, vanished }: Absences): void {
  const target = encodeKey(table, key);
  if (target === undefined) vanished.push(rowName(key));
  else gone.push(target);
}

/** `k = NULL` finds nothing: rows whose key became NULL are looked up on their own, by their very bytes; all that share it, as they are now. */
function nullMarked(db: Database, reader: Reader, key: readonly Value[], { misfits, vanished }: Absences): void {
  const exact = reader.key.map((_, index) => exactly(reader, key, index));
  const where = exact.map(({ sql }) => sql).join(' and ');
  const parameters = exact.flatMap(each => each.parameters);
  vanished.push(rowName(key));
  for (const misfit of nullKeyed(db, reader, where, parameters)) misfits.push(misfit);
}

function exactly({ table, key: names }: Reader, key: readonly Value[], index: number): { sql: string; parameters: unknown[] } {
  const [name, value] = [at(names, index), key[index] ?? null];
  if (value === null) return { sql: `${name} is null`, parameters: [] };
  const equal = `${name} is ${placeholder(value)} collate binary and typeof(${name}) = '${storageClass(value)}'`;
  if (value !== 0 || keyColumns(table)[index]?.affinity !== 'blob') return { sql: equal, parameters: [bindable(value)] };
  return { sql: `${equal} and atan2(${name}, -1) = ?`, parameters: [value, Math.atan2(value, -1)] };
}

/** Keeps slices in memory while they are few, in a spool file from then on. */
function collector(memoryRows: number): {
  readonly add: Add;
  readonly rows: () => Pick<HeldRows, 'size' | 'slices' | typeof Symbol.dispose>;
} {
  const kept: Slice[] = [];
  let spool: Spool | undefined;
  let size = 0;
  let total = 0;
  return {
    add(slice) {
      size += slice.rows.length + slice.gone.length + slice.misfits.length;
      total += charsIn(slice.rows);
      kept.push(slice);
      if (spool === undefined && (size > memoryRows || total > MEMORY_CHARS)) spool = openSpool();
      for (const next of spool === undefined ? [] : kept.splice(0)) spool?.write(next);
    },
    rows: () => ({ size, slices: () => spool?.slices() ?? kept, [Symbol.dispose]: () => spool?.[Symbol.dispose]() }),
  };
}
