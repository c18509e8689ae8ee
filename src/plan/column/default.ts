/*
 * Translates a column's default: first to the value that SQLite would store, then by the column's codec to Postgres.
 */
import { literal } from '../../change/quote.ts';
import type { Value } from '../../change/value.ts';
import { codecOf } from '../codec.ts';
import { type Affinity, looksNumeric } from '../codecs/affinity.ts';
import { Unfit } from '../codecs/fit.ts';
import { numberOf } from '../expression/literal.ts';
import type { ColumnPlan } from '../plan.ts';
import type { SourceColumn } from '../schema.ts';

/** `refused` says why there is no translation; then `sql` is null. Both null: there is no default. */
export type Default = { readonly sql: string | null; readonly refused: 'expression' | 'unfit' | null };

const NONE: Default = { sql: null, refused: null };

/** SQLite's texts for the current time, in UTC. */
const NOW: readonly (readonly [RegExp, string])[] = [
  [/^(?:current_timestamp|datetime\s*\(\s*'now'\s*\))$/i, 'YYYY-MM-DD HH24:MI:SS'],
  [/^(?:current_date|date\s*\(\s*'now'\s*\))$/i, 'YYYY-MM-DD'],
  [/^(?:current_time|time\s*\(\s*'now'\s*\))$/i, 'HH24:MI:SS'],
];

/** The default as a Postgres expression for a column with this codec. */
export function translateDefault(
  column: SourceColumn,
  { codec, affinity, type }: Pick<ColumnPlan, 'codec' | 'affinity' | 'type'>,
): Default {
  if (column.default === null || column.default.trim() === '') return NONE;
  const sql = unwrap(column.default.trim());
  const [, format] = NOW.find(([pattern]) => pattern.test(sql)) ?? [];
  if (format !== undefined) return nowAs(format, { codec, type });
  const value = parse(sql);
  if (value === undefined) return { sql: null, refused: 'expression' };
  const stored = store(value, affinity);
  const text = stored instanceof Unfit ? stored : codecOf({ codec, affinity }).encode(stored);
  if (text === null) return NONE;
  return text instanceof Unfit ? { sql: null, refused: 'unfit' } : { sql: literalOf(text, type), refused: null };
}

const UTC = `statement_timestamp() at time zone 'utc'`;

/** Decided: only where the codec has the text just as SQLite writes it. */
function nowAs(format: string, column: Pick<ColumnPlan, 'codec' | 'type'>): Default {
  const sql = AS_WRITTEN.test(column.codec) ? nowIn(column, format) : null;
  return sql === null ? { sql, refused: 'unfit' } : { sql, refused: null };
}

const AS_WRITTEN = /^(?:text|tagged|date\(YYYY-MM-DD\)|timestamp\(YYYY-MM-DD hh:mm:ss(?:\[\.f+\])?\))$/;

/** In whatever form the plan file wants: the same moment, which comes back in that. */
function nowIn({ codec, type }: Pick<ColumnPlan, 'codec' | 'type'>, format: string): string | null {
  const text = `to_char(${UTC}, ${literal(format)})`;
  if (codec === 'text') return text;
  if (codec === 'tagged') return `'t:' || ${text}`;
  if (codec.includes('julian')) return null;
  return AS_TYPE[format]?.[type] ?? null;
}

/** CURRENT_TIMESTAMP and CURRENT_DATE as values of their own type. */
const AS_TYPE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'YYYY-MM-DD HH24:MI:SS': {
    timestamp: `date_trunc('second', ${UTC})`,
    timestamptz: `date_trunc('second', statement_timestamp())`,
  },
  'YYYY-MM-DD': { date: `(${UTC})::date` },
};

/** The same default under another codec, as a Postgres expression. Unfit where that codec cannot hold it. */
export function recodeDefault(sql: string, from: ColumnPlan, to: Pick<ColumnPlan, 'codec' | 'type'>): string | Unfit {
  const [, now] = NOW.find(([, format]) => nowIn(from, format) === sql) ?? [];
  if (now !== undefined) return nowIn(to, now) ?? new Unfit('not of that form');
  const value = codecOf(from).decode(textOf(sql));
  const text = value instanceof Unfit ? value : codecOf({ codec: to.codec, affinity: from.affinity }).encode(value);
  return text === null || text instanceof Unfit ? (text ?? new Unfit('NULL')) : literalOf(text, to.type);
}

function literalOf(text: string, type: ColumnPlan['type']): string {
  if (type === 'boolean') return text === 't' ? 'true' : 'false';
  const number = type === 'bigint' || type === 'double precision' || type === 'numeric';
  return number && /^-?\d/.test(text) ? text : literal(text);
}

/** The inverse of `literalOf`. */
function textOf(sql: string): string {
  if (sql === 'true' || sql === 'false') return sql.charAt(0);
  return sql.startsWith("'") ? sql.slice(1, -1).replaceAll("''", "'") : sql;
}

function unwrap(sql: string): string {
  const [, inner] = /^\(([^()]*)\)$/s.exec(sql) ?? [];
  return inner === undefined ? sql : inner.trim();
}

/** The value of a literal; undefined for an expression. A bare or double-quoted word is a string, as SQLite has it. */
function parse(sql: string): Value | undefined {
  if (/^x'(?:[\da-f]{2})*'$/i.test(sql)) return new Uint8Array(Buffer.from(sql.slice(2, -1), 'hex'));
  if (/^null$/i.test(sql)) return null;
  if (/^(?:true|false)$/i.test(sql)) return sql.length === 4 ? 1n : 0n;
  return number(sql) ?? quoted(sql) ?? (/^[\p{L}_][\p{L}\p{N}_$]*$/u.test(sql) ? sql : undefined);
}

function quoted(sql: string): string | undefined {
  const mark = sql.charAt(0);
  if (/^\[[^\]]*\]$/.test(sql)) return sql.slice(1, -1);
  const whole = /^(?:'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`)$/s.test(sql);
  return whole ? sql.slice(1, -1).replaceAll(mark + mark, mark) : undefined;
}

/** An integer where it is one of 64 bits, otherwise a REAL; undefined for what is not a number. */
function number(sql: string): bigint | number | undefined {
  const [, sign, digits] = /^([+-]?)\s*(\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|0x[\da-f]{1,16})$/i.exec(sql) ?? [];
  return digits === undefined ? undefined : numberOf(digits, sign === '-' ? '-' : '');
}

const NO_TEXT_OF_REAL = new Unfit('a REAL, whose text only SQLite knows');

/** What SQLite stores of it in a column of this affinity. */
function store(value: Value, affinity: Affinity): Value | Unfit {
  if (affinity === 'blob' || value === null || value instanceof Uint8Array) return value;
  if (affinity === 'text' && typeof value === 'number') return NO_TEXT_OF_REAL;
  if (affinity === 'text') return typeof value === 'bigint' ? String(value) : value;
  const numeric = typeof value === 'string' && looksNumeric(value) ? (number(value.trim()) ?? value) : value;
  if (affinity === 'real') return typeof numeric === 'bigint' ? Number(numeric) : numeric;
  const whole = typeof numeric === 'number' && Number.isInteger(numeric) && Math.abs(numeric) < 2 ** 63;
  return whole ? BigInt(numeric) : numeric;
}
