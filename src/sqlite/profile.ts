/*
 * Reads every value once and counts what is there: nothing of a row is kept but the keys of a few samples.
 *
 * (1) Only counts leave SQLite; texts come to JavaScript one at a time, to be looked at once.
 * (2) Tables are read in slices of the rowid, each its own statement: progress can be told, and no read lasts for long.
 *     An application that writes meanwhile can make counts a little old, never wrong in kind: what does not fit the plan
 *     later goes to quarantine.
 */
import { quote } from '../change/quote.ts';
import { textFromBytes } from '../change/value.ts';
import type { ColumnStats, Profile, SourceColumn, SourceSchema, SourceTable, TableStats } from '../plan/schema.ts';
import { type Documents, doubtful, type Looker, looker } from './look.ts';
import type { Database } from './open.ts';
import { orphansOf } from './orphans.ts';
import { keyOfSamples, sampleKeys } from './samples.ts';

/** `total` is an estimate until the table is done. */
export type OnProgress = (done: { readonly table: string; readonly rows: number; readonly total: number }) => void;

/**
 * What the stored values of every table are. Reads only; `onProgress` is called after every slice. `documents`: columns whose
 * texts are to be read as JSON too, which costs.
 */
export function profile(
  db: Database,
  schema: SourceSchema,
  onProgress: OnProgress = () => {},
  documents: Documents = () => false,
): Profile {
  const looks = looker(documents);
  db.function('_attacca_look', { directOnly: true }, looks.look);
  db.function('_attacca_doubtful', { deterministic: true, directOnly: true }, text => (doubtful(text) ? 1 : 0));
  return Object.fromEntries(schema.tables.map(table => [table.name, profileTable(db, { schema, looks, onProgress }, table)]));
}

type Context = { readonly schema: SourceSchema; readonly looks: Looker; readonly onProgress: OnProgress };

function profileTable(db: Database, { schema, looks, onProgress }: Context, table: SourceTable): TableStats {
  const stored = table.columns.filter(column => !column.generated);
  looks.begin(table);
  const { rows, counts } = countAll(db, table, stored, onProgress);
  const columns = table.columns.map((column, place) => ({
    ...statsOf(db, schema, table, column, { rows, counts: counts.get(column.name) }),
    formats: looks.formats(place),
  }));
  return { rows, columns, nullKeys: nullKeys(db, table, columns), orphans: orphansOf(db, schema, table) };
}

/** Per column, in the order of its aggregates. */
const COUNTS = ['filled', 'integers', 'reals', 'texts', 'zeroOne', 'doubtful'] as const;
type Counts = Record<(typeof COUNTS)[number] | 'maxBytes', number> & { readonly range: readonly [bigint, bigint] | null };
const EMPTY: Counts = { filled: 0, integers: 0, reals: 0, texts: 0, zeroOne: 0, doubtful: 0, maxBytes: 0, range: null };
/** After the counts: the longest text or blob, the smallest and the largest integer. */
const AGGREGATES = COUNTS.length + 3;

function aggregates(column: string, place: number): string {
  const c = quote(column);
  const count = (condition: string): string => `count(*) filter (where ${condition})`;
  return [
    `count(${c})`,
    count(`typeof(${c}) = 'integer'`),
    count(`typeof(${c}) = 'real'`),
    count(`typeof(${c}) = 'text'`),
    count(`typeof(${c}) = 'integer' and ${c} between 0 and 1`),
    count(`typeof(${c}) = 'text' and _attacca_look(${place}, ${c})`),
    `max(octet_length(${c})) filter (where typeof(${c}) in ('text', 'blob'))`,
    ...['min', 'max'].map(end => `${end}(${c}) filter (where typeof(${c}) = 'integer')`),
  ].join(', ');
}

/** SQLite takes at most 2,000 result columns in a query. */
const COLUMNS_A_QUERY = 200;

type Counted = { readonly rows: number; readonly counts: ReadonlyMap<string, Counts> };

function countAll(db: Database, table: SourceTable, columns: readonly SourceColumn[], onProgress: OnProgress): Counted {
  const counts = new Map<string, Counts>();
  let rows = 0;
  for (let first = 0; first < Math.max(1, columns.length); first += COLUMNS_A_QUERY) {
    const some = columns.slice(first, first + COLUMNS_A_QUERY);
    const slices = slicesOf(db, table);
    const select = `select count(*), ${some.map(column => aggregates(column.name, table.columns.indexOf(column))).join(', ')} from ${quote(table.name)}`;
    const statement = db.prepare(slices === undefined ? select : `${select} where ${table.rowid} between ? and ?`).raw();
    rows = 0;
    for (const [place, slice] of (slices ?? [[]]).entries()) {
      const [count = 0n, ...values] = statement.get(...slice) as (bigint | null)[];
      rows += Number(count);
      for (const [index, { name }] of some.entries()) counts.set(name, add(counts.get(name), values, index * AGGREGATES));
      const done = (place + 1) / (slices?.length ?? 1);
      onProgress({ table: table.name, rows, total: Math.round(rows / done) });
    }
  }
  return { rows, counts };
}

function add(known: Counts = EMPTY, values: readonly (bigint | null)[], first: number): Counts {
  const sums = COUNTS.map((name, index) => [name, known[name] + Number(values[first + index] ?? 0n)] as const);
  const longest = Math.max(known.maxBytes, Number(values[first + COUNTS.length] ?? 0n));
  const [least, greatest] = [values[first + COUNTS.length + 1] ?? null, values[first + COUNTS.length + 2] ?? null];
  return { ...EMPTY, ...Object.fromEntries(sums), maxBytes: longest, range: wider(known.range, least, greatest) };
}

function wider(known: Counts['range'], least: bigint | null, greatest: bigint | null): Counts['range'] {
  if (least === null || greatest === null) return known;
  return known === null ? [least, greatest] : [least < known[0] ? least : known[0], greatest > known[1] ? greatest : known[1]];
}

const SLICES = 64n;
const SLICED_FROM = 20_000n;

/** Ranges of the rowid that together hold every row; undefined where there is no rowid, or too little to cut. */
function slicesOf(db: Database, { name, rowid }: SourceTable): (readonly [bigint, bigint])[] | undefined {
  if (rowid === null) return undefined;
  const end = (direction: string): bigint | undefined =>
    db
      .prepare<[], bigint>(`select ${rowid} from ${quote(name)} order by ${rowid} ${direction} limit 1`)
      .pluck()
      .get();
  const [first, last] = [end('asc'), end('desc')];
  if (first === undefined || last === undefined || last - first < SLICED_FROM) return undefined;
  const step = (last - first) / SLICES + 1n;
  const starts = Array.from({ length: Number(SLICES) }, (_, index) => first + BigInt(index) * step).filter(start => start <= last);
  // Rows that are added meanwhile belong to nobody's slice: their marks bring them.
  return starts.map(start => [start, start + step - 1n < last ? start + step - 1n : last]);
}

function statsOf(
  db: Database,
  schema: SourceSchema,
  table: SourceTable,
  column: SourceColumn,
  { rows, counts = { ...EMPTY } }: { readonly rows: number; readonly counts: Counts | undefined },
): Omit<ColumnStats, 'formats'> {
  const { filled, integers, reals, texts, zeroOne, doubtful, maxBytes, range } = counts;
  const blobs = filled - integers - reals - texts;
  const unclean = doubtful === 0 ? 0 : countUnclean(db, schema, table, column);
  const inexact = range !== null && (range[0] < -LARGE || range[1] > LARGE) ? countInexact(db, table, column) : 0;
  const uuids = blobs > 0 && blobs === filled && maxBytes === 16 ? countUuids(db, table, column) : 0;
  const samples = minorities({ integer: integers, real: reals, text: texts, blob: blobs }).flatMap(kind =>
    sampleKeys(db, table, `typeof(${quote(column.name)}) = '${kind}'`),
  );
  const unreadable = unclean > 0 && samples.length === 0 ? sampleKeys(db, table, doubtfulIn(column)) : [];
  return {
    name: column.name,
    nulls: column.generated ? 0 : rows - filled,
    ...{ integers, reals, texts, blobs, zeroOne, inexact, unclean, range, uuids, maxBytes },
    samples: [...samples, ...unreadable],
  };
}

/** Storage classes that are there, without the commonest. */
const minorities = (counts: Readonly<Record<string, number>>): string[] =>
  Object.entries(counts)
    .filter(([, count]) => count > 0)
    .toSorted(([, a], [, b]) => b - a)
    .slice(1)
    .map(([kind]) => kind);

const doubtfulIn = ({ name }: SourceColumn): string => `typeof(${quote(name)}) = 'text' and _attacca_doubtful(${quote(name)})`;

/** U+FFFD may be what the application wrote: only the bytes tell. */
function countUnclean(db: Database, { encoding }: SourceSchema, table: SourceTable, column: SourceColumn): number {
  const query = `select cast(${quote(column.name)} as blob) from ${quote(table.name)} where ${doubtfulIn(column)}`;
  const decode = encoding === 'UTF-8' ? textFromBytes : utf16(encoding);
  let count = 0;
  for (const bytes of db.prepare<[], Uint8Array>(query).pluck().iterate()) {
    const text = decode(bytes);
    if (typeof text !== 'string' || text.includes('\0')) count++;
  }
  return count;
}

function utf16(encoding: string): (bytes: Uint8Array) => string | undefined {
  const decoder = new TextDecoder(encoding.toLowerCase(), { fatal: true, ignoreBOM: true });
  return bytes => {
    try {
      return decoder.decode(bytes);
    } catch {
      return undefined;
    }
  };
}

/** Up to here every integer is a float64. */
const LARGE = 2n ** 53n;

function countUuids(db: Database, table: SourceTable, { name }: SourceColumn): number {
  const query = `select count(*) from ${quote(table.name)} where octet_length(${quote(name)}) = 16`;
  return Number(db.prepare<[], bigint>(query).pluck().get());
}

/** Integers that a float64 would change; -2^63 counts too, since as a REAL it would stay one. */
function countInexact(db: Database, table: SourceTable, column: SourceColumn): number {
  const c = quote(column.name);
  const query = `select ${c} from ${quote(table.name)} where typeof(${c}) = 'integer' and ${c} not between -9007199254740992 and 9007199254740992`;
  let count = 0;
  for (const value of db.prepare<[], bigint>(query).pluck().iterate())
    if (BigInt(Number(value)) !== value || value === -(2n ** 63n)) count++;
  return count;
}

/** Rows whose key holds a NULL, for the primary key and every plain unique index whose columns hold some. */
function nullKeys(db: Database, table: SourceTable, stats: readonly ColumnStats[]): Record<string, number> {
  const nullable = new Set(table.columns.filter((_, index) => (stats[index]?.nulls ?? 0) > 0).map(column => column.name));
  const uniques = table.indexes.filter(index => index.unique && index.where === null && index.terms.every(term => term.column !== null));
  const keys: [string, readonly string[]][] = uniques.map(index => [index.name, index.terms.flatMap(term => term.column ?? [])]);
  return Object.fromEntries(
    [['', keyOfSamples(table)] as [string, readonly string[]], ...keys].map(([name, columns]) => {
      const open = columns.filter(column => nullable.has(column)).map(column => `${quote(column)} is null`);
      if (open.length === 0) return [name, 0];
      const count = db
        .prepare<[], bigint>(`select count(*) from ${quote(table.name)} where ${open.join(' or ')}`)
        .pluck()
        .get();
      return [name, Number(count)];
    }),
  );
}
