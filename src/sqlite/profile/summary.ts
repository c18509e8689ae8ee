/*
 * Counts a page of a column without reading its values: SQLite checks that every row is like those before, and a few aggregates
 * then say what a tally wants to know. What a column was so far decides what is checked. A column that was anything out of the
 * ordinary has no summary, and is read value by value, as is a page with a row that is not like those before.
 */
import { quote } from '../../change/quote.ts';
import type { SourceColumn } from '../../plan/schema.ts';
import { type Counts, doubtful, LARGE, type Tally, widest } from './tally.ts';

export type Summary = {
  /** What is true of every row that the aggregates can sum up. */
  readonly condition: string;
  readonly aggregates: readonly string[];
  /** Counts the page, whose greatest rowid is `last`. False, and nothing is counted, where the values have to be read after all. */
  readonly count: (results: readonly unknown[], last: bigint) => boolean;
};

/** `longest`: longer texts, in bytes, must not be joined. */
export type Subject = {
  readonly column: SourceColumn;
  /** Whether it is the rowid under another name. */
  readonly alias: boolean;
  readonly tally: Tally;
  readonly longest: number;
  readonly encoding: string;
};

/** Counts `filled` values of one class; otherwise as in Summary. */
type OfClass = Omit<Summary, 'count'> & { readonly count: (filled: number, results: readonly unknown[], last: bigint) => boolean };

/** How to count the page after a number of rows, of rising rowids; undefined where the values have to be read. */
export function summaryOf(subject: Subject, rows: number): Summary | undefined {
  const { column, tally } = subject;
  const { counts } = tally;
  const c = quote(column.name);
  if (rows === 0 || tally.trying()) return undefined;
  if (counts.filled === 0) return { condition: `${c} is null`, aggregates: [], count: () => true };
  const known = ofClass(c, subject);
  if (known === undefined) return undefined;
  const nullable = counts.filled < rows;
  return {
    condition: nullable ? `(${c} is null or ${known.condition})` : known.condition,
    aggregates: [nullable ? `count(${c})` : 'count(*)', ...known.aggregates],
    count([count, ...results], last) {
      const filled = Number(count);
      if (filled === 0) return true;
      if (!known.count(filled, results, last)) return false;
      counts.filled += filled;
      return true;
    },
  };
}

function ofClass(c: string, { column, alias, tally, longest, encoding }: Subject): OfClass | undefined {
  const { counts } = tally;
  const { filled, integers, reals, texts } = counts;
  if (reals === filled) return ofReals(c, counts);
  // min and max of a column need its collation, which may be the application's own.
  if (integers === filled && column.collation === 'BINARY') return alias ? ofRowids(counts) : ofIntegers(c, counts);
  if (texts === filled && counts.doubtful === 0 && counts.maxBytes <= longest && encoding === 'UTF-8') return ofTexts(c, tally);
  if (integers + reals + texts === 0) return ofBlobs(c, counts);
  return undefined;
}

const ofReals = (c: string, counts: Counts): OfClass => ({
  condition: `typeof(${c}) = 'real'`,
  aggregates: [],
  count(filled) {
    counts.reals += filled;
    return true;
  },
});

/** They rise: the page before has the smaller ones. */
function ofRowids(counts: Counts): OfClass | undefined {
  const { apart } = counts;
  if (apart === null || apart[1] < 1n) return undefined; // 0 and 1 may come yet
  return {
    condition: 'true',
    aggregates: [],
    count(filled, _, last) {
      if (last > LARGE) return false;
      counts.integers += filled;
      counts.apart = [apart[0], last];
      return true;
    },
  };
}

/** The plus takes the column's affinity away: a number is compared as a number, whatever was declared. Text and blobs are greater. */
const between = (c: string, least: bigint, greatest: bigint): string => `+${c} between ${least} and ${greatest}`;

/** The sum is an integer only where every number is one; so few of them cannot make it overflow. */
function ofIntegers(c: string, counts: Counts): OfClass | undefined {
  const { apart, integers, zeroOne } = counts;
  if (zeroOne === integers) return ofFlags(c, counts);
  if (apart === null || apart[0] < -LARGE || apart[1] > LARGE) return undefined; // some may be inexact
  const above = zeroOne === 0 && apart[0] > 1n; // as in most keys: nothing to tell from the smallest and largest
  return {
    condition: between(c, above ? 2n : -LARGE, LARGE),
    aggregates: above
      ? [`sum(${c})`, `min(${c})`, `max(${c})`]
      : [`sum(${c})`, `min(nullif(${c}, 0))`, `max(nullif(${c}, 0))`, `sum(+${c} = 0)`, `sum(+${c} = 1)`],
    count(filled, [sum, least, greatest, zeros = 0n, ones = 0n]) {
      if (typeof sum !== 'bigint') return false;
      counts.integers += filled;
      counts.zeros += Number(zeros);
      counts.zeroOne += Number(zeros) + Number(ones);
      if (least !== null) counts.apart = widest(counts.apart, [least as bigint, greatest as bigint]);
      return true;
    },
  };
}

const ofFlags = (c: string, counts: Counts): OfClass => ({
  condition: between(c, 0n, 1n),
  aggregates: [`sum(${c})`],
  count(filled, [sum]) {
    if (typeof sum !== 'bigint') return false;
    counts.integers += filled;
    counts.zeroOne += filled;
    counts.zeros += filled - Number(sum);
    if (sum > 0n) counts.apart = [1n, 1n];
    return true;
  },
});

/** Between texts that are joined. It is neither NUL nor a part of a character: what is doubtful stays so. */
const SEPARATOR = '\u001e';

const ofTexts = (c: string, { counts, looking, look }: Tally): OfClass => ({
  condition: `typeof(${c}) = 'text' and octet_length(${c}) <= ${counts.maxBytes}`,
  aggregates: [`group_concat(${c}, '${SEPARATOR}')`],
  count(filled, [joined]) {
    if (typeof joined !== 'string' || doubtful(joined, 'UTF-8')) return false;
    if (looking()) {
      const texts = joined.split(SEPARATOR);
      if (texts.length !== filled) return false;
      for (const text of texts) look(text);
    }
    counts.texts += filled;
    return true;
  },
});

function ofBlobs(c: string, counts: Counts): OfClass {
  const length = `octet_length(${c})`;
  const uuids = counts.sixteens === counts.filled;
  return {
    condition: `typeof(${c}) = 'blob'${uuids ? ` and ${length} = 16` : ''}`,
    aggregates: uuids ? [] : [`max(${length})`, `sum(${length} = 16)`],
    count(filled, [longest = 16n, sixteens = filled]) {
      counts.maxBytes = Math.max(counts.maxBytes, Number(longest));
      counts.sixteens += Number(sixteens);
      return true;
    },
  };
}
