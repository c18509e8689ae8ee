import { type Entry, type Line, readLedger } from './ledger.ts';

/** Runs SQL on one side. */
export type Query = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

export type LedgerCheck = {
  /** Rows written by acknowledged transactions. */
  readonly acknowledgedWrites: number;
  /** Acknowledged, and not there: a missing or older row, a deleted row that is back, a token or a count that is missing. */
  readonly lostWrites: number;
  /** There more often than acknowledged, or there although nobody was told so. */
  readonly duplicatedWrites: number;
};

/** Key and revision of every row that a writer may have made, by the ledger's name for the table. The SQL runs on both sides. */
const ROWS: Readonly<Record<string, string>> = {
  orders: /* sql */ `select cast(id as text) as k, revision as v from orders where revision is not null`,
  customers: /* sql */ `select cast(id as text) as k, revision as v from customers where revision is not null`,
  sessions: /* sql */ `select token as k, revision as v from sessions where revision is not null`,
  coupons: /* sql */ `select lower(code) as k, revision as v from coupons where revision is not null`,
  reviews: /* sql */ `select cast(product_id as text) || ':' || cast(customer_id as text) as k, revision as v from reviews where revision is not null`,
};
const COUNTERS = /* sql */ `select warehouse || ':' || cast(product_id as text) as k, quantity as v from stock where warehouse like 'writer-%'`;
const TOKENS = /* sql */ `select token as k, count(*) as v from activity where token is not null group by token`;

/** Smallest and largest count that the ledgers allow. */
type Range = { readonly min: number; readonly max: number };
type Expected = {
  /** By table and key: the revisions that may be there; null is "no row". More than one only after an unknown outcome. */
  readonly rows: Map<string, Set<string | null>>;
  readonly counters: Map<string, Range>;
  readonly tokens: Map<string, Range>;
  /** Revisions of unknown outcome: a row that has one and no acknowledged key is nobody's fault. */
  readonly maybe: Set<string>;
};

/** Compares the writers' ledgers with what the primary holds. Each writer has keys of its own, so their order does not matter. */
export async function checkLedgers(paths: readonly string[], query: Query): Promise<LedgerCheck> {
  const lines = paths.flatMap(readLedger);
  const expected: Expected = { rows: new Map(), counters: new Map(), tokens: new Map(), maybe: new Set() };
  for (const line of lines) for (const entry of line.entries) expect(expected, entry, line);
  const results = [await compareRows(expected, query)];
  for (const [sql, ranges] of [[COUNTERS, expected.counters] as const, [TOKENS, expected.tokens] as const])
    results.push(compareCounts(ranges, new Map(await pairs(query, sql))));
  return {
    acknowledgedWrites: lines.reduce((sum, line) => sum + (line.outcome === 'acknowledged' ? line.entries.length : 0), 0),
    lostWrites: results.reduce((sum, { lost }) => sum + lost, 0),
    duplicatedWrites: results.reduce((sum, { doubled }) => sum + doubled, 0),
  };
}

function expect({ rows, counters, tokens, maybe }: Expected, entry: Entry, { outcome }: Line): void {
  const known = outcome === 'acknowledged';
  if (entry[0] === 'log') widen(tokens, entry[1], 1, known);
  else if (entry[0] === 'add') widen(counters, entry[1], entry[2], known);
  else expectRow(rows, maybe, entry, known);
}

function expectRow(
  rows: Expected['rows'],
  maybe: Set<string>,
  entry: Extract<Entry, readonly ['put' | 'del', ...unknown[]]>,
  known: boolean,
): void {
  const key = `${entry[1]} ${entry[2]}`;
  const after = entry[0] === 'put' ? entry[3] : null;
  if (known) {
    rows.set(key, new Set([after]));
    return;
  }
  rows.set(key, (rows.get(key) ?? new Set([null])).add(after));
  if (after !== null) maybe.add(after);
}

function widen(ranges: Map<string, Range>, key: string, by: number, known: boolean): void {
  const { min, max } = ranges.get(key) ?? { min: 0, max: 0 };
  ranges.set(key, { min: known ? min + by : min, max: max + by });
}

type Difference = { readonly lost: number; readonly doubled: number };

async function compareRows({ rows, maybe }: Expected, query: Query): Promise<Difference> {
  const found = new Map<string, string>();
  let doubled = 0;
  for (const [table, sql] of Object.entries(ROWS)) {
    for (const [k, revision] of await pairs(query, sql)) {
      const key = `${table} ${k}`;
      if (found.has(key) || !(rows.has(key) || maybe.has(revision))) doubled++;
      found.set(key, revision);
    }
  }
  return { lost: [...rows].filter(([key, allowed]) => !allowed.has(found.get(key) ?? null)).length, doubled };
}

function compareCounts(ranges: ReadonlyMap<string, Range>, found: ReadonlyMap<string, string>): Difference {
  const keys = new Set([...ranges.keys(), ...found.keys()]);
  const none: Range = { min: 0, max: 0 };
  let lost = 0;
  let doubled = 0;
  for (const key of keys) {
    const count = Number(found.get(key) ?? 0);
    const { min, max } = ranges.get(key) ?? none;
    lost += Math.max(0, min - count);
    doubled += Math.max(0, count - max);
  }
  return { lost, doubled };
}

const pairs = async (query: Query, sql: string): Promise<[key: string, value: string][]> =>
  (await query(sql)).map(row => [String(row.k), String(row.v)]);
