/*
 * Chooses the codec of a column from what is stored in it; where nothing is stored, from its declaration.
 */
import { type Code, finding } from './codes.ts';
import type { Finding } from './finding.ts';
import type { CodecName, ColumnPlan } from './plan.ts';
import type { Affinity, ColumnStats, SourceColumn } from './schema.ts';

export const TYPE_OF: Readonly<Record<CodecName, ColumnPlan['type']>> = {
  integer: 'bigint',
  real: 'double precision',
  number: 'double precision',
  text: 'text',
  blob: 'bytea',
  boolean: 'boolean',
  tagged: 'text',
};

/** Why the stored values, or SQLite's affinity, rule the codec out; undefined where it keeps every value. */
export function contradiction(codec: CodecName, affinity: Affinity, stats: ColumnStats): string | undefined {
  const { integers, reals, texts, blobs, zeroOne, inexact, unclean } = stats;
  const others = (count: number, what: string): string | undefined => (count > 0 ? `it holds ${count} ${what}` : undefined);
  const numeric = affinity === 'integer' || affinity === 'numeric';
  switch (codec) {
    case 'tagged':
      return undefined;
    case 'integer':
      if (!numeric && affinity !== 'blob') return `SQLite keeps no integers in a column of ${affinity} affinity`;
      return others(reals + texts + blobs, 'values that are not integers');
    case 'real':
      if (affinity !== 'real' && affinity !== 'blob') return `SQLite would not keep every REAL in a column of ${affinity} affinity`;
      return others(integers + texts + blobs, 'values that are not REAL');
    case 'number':
      if (!numeric) return `SQLite does not tell whole REALs from integers by itself in a column of ${affinity} affinity`;
      return others(texts + blobs, 'values that are not numbers') ?? others(inexact, 'integers that double precision cannot hold');
    case 'text':
      return others(integers + reals + blobs, 'values that are not text') ?? others(unclean, 'texts with NUL or invalid UTF-8');
    case 'blob':
      return others(integers + reals + texts, 'values that are not BLOB');
    case 'boolean':
      if (!numeric && affinity !== 'blob') return `SQLite keeps no integers in a column of ${affinity} affinity`;
      return others(integers + reals + texts + blobs - zeroOne, 'values other than 0 and 1');
  }
}

export type Choice = { readonly codec: CodecName; readonly reason: string; readonly findings: readonly Finding[] };

/** `identifying`: the column is in a key, a unique index or a foreign key, where one exact type serves best. */
export function chooseCodec(table: string, column: SourceColumn, stats: ColumnStats, identifying: boolean): Choice {
  const total = stats.integers + stats.reals + stats.texts + stats.blobs;
  if (total === 0) return { codec: undecided(column, identifying), reason: `no values yet; declared ${declaration(column)}`, findings: [] };
  const preferred = preference(column, stats, identifying);
  const why = preferred.find(([codec]) => contradiction(codec, column.affinity, stats) === undefined);
  if (why !== undefined) return { codec: why[0], reason: why[1], findings: [] };
  const { code, message } = obstacle(stats);
  const reason = `${message}: tagged text keeps every byte and class`;
  return {
    codec: 'tagged',
    reason,
    findings: [
      finding(code, { table, column: column.name, message: `${sentence(message)}.`, count: standing(stats), samples: stats.samples }),
    ],
  };
}

type Preference = readonly (readonly [CodecName, string])[];

function preference(column: SourceColumn, { integers, reals }: ColumnStats, identifying: boolean): Preference {
  const { declared, affinity } = column;
  const fractional = FRACTIONAL.test(declared) && !identifying;
  const numbers: Preference = integers > 0 && !fractional ? [['integer', 'every value is an integer']] : [];
  return [
    ...(isBoolean(column) ? ([['boolean', `declared ${declared}, and every value is 0 or 1`]] as const) : []),
    ...numbers,
    ['number', reals > 0 ? 'integers and REALs, each exact in double precision' : `declared ${declared}: fractions may come`],
    ['integer', 'every value is an integer'],
    ['real', 'every value is a REAL'],
    ['text', 'every value is text'],
    ['blob', affinity === 'blob' ? 'every value is a BLOB' : 'every value is a BLOB, whatever its declaration says'],
  ];
}

/** DECIMAL(10,2) and the like; DECIMAL(10) and DECIMAL(10,0) are integers. */
const FRACTIONAL = /^(?:dec|num|money|curr)(?!.*\(\s*\d+\s*(?:,\s*0\s*)?\))/i;

/** Declared so, and not given the lie by its default (`weight BOOLEAN DEFAULT 1000`). */
const isBoolean = ({ declared, default: sql }: SourceColumn): boolean =>
  /^bool/i.test(declared) && (sql === null || /^\W*(?:[01]|true|false|null)\W*$/i.test(sql));

function undecided(column: SourceColumn, identifying: boolean): CodecName {
  const { declared, affinity } = column;
  if (isBoolean(column) && affinity === 'numeric') return 'boolean';
  if (/^bool/i.test(declared) && affinity === 'numeric') return 'integer';
  if (affinity !== 'numeric' && affinity !== 'blob') return affinity;
  if (affinity === 'blob') return /blob/i.test(declared) ? 'blob' : 'tagged';
  if (/date|time|char|uuid|guid|json|string/i.test(declared)) return 'text';
  return identifying && !/^(?:real|float|double)/i.test(declared) ? 'integer' : 'number';
}

const declaration = ({ declared }: SourceColumn): string => (declared === '' ? 'without a type' : declared);

function obstacle(stats: ColumnStats): { readonly code: Code; readonly message: string } {
  if (stats.integers + stats.reals + stats.blobs === 0)
    return { code: 'unclean-text', message: `${stats.unclean} of ${stats.texts} texts have a NUL or bytes that are not UTF-8` };
  const counts = classes(stats).map(([name, count]) => `${count} ${name}`);
  if (stats.unclean > 0) counts.push(`${stats.unclean} texts with NUL or invalid UTF-8`);
  return { code: 'mixed-classes', message: `holds several storage classes (${counts.join(', ')})` };
}

const classes = ({ integers, reals, texts, blobs }: ColumnStats): (readonly [string, number])[] =>
  (
    [
      ['integer', integers],
      ['REAL', reals],
      ['text', texts],
      ['BLOB', blobs],
    ] as const
  ).filter(([, count]) => count > 0);

/** How many values stand in the way of the commonest class's own type. */
function standing(stats: ColumnStats): number {
  const counts = classes(stats).map(([, count]) => count);
  const others = counts.reduce((sum, count) => sum + count, 0) - Math.max(...counts);
  return Math.max(1, others, stats.unclean);
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
