/*
 * A translated expression: Postgres SQL together with what SQLite knows of its value.
 *
 * (1) `sql` can stand as an operand anywhere: it is an atom or in parentheses.
 * (2) `kind` is the storage class that every value of it has, which decides how SQLite would compare, convert and print it. What SQLite
 *     decides value by value (text in arithmetic, the quotient of what may be an integer or a REAL) has no translation.
 * (3) Integers of 64 bits overflow with an error in Postgres where SQLite goes on with a REAL: loud, and therefore let be.
 */
import { literal } from '../../change/quote.ts';
import { realText, type Value } from '../../change/value.ts';
import type { Affinity } from '../codecs/affinity.ts';
import type { ColumnPlan } from '../plan.ts';
import { Refusal } from './refusal.ts';

/**
 * `boolean`: a Postgres boolean for SQLite's 0 and 1; `number`: a double precision for what may be an integer or a REAL (in a column it is an
 * integer where it is whole); `opaque`: a column whose values only its codec knows; `json`: what json_extract gives, of any class, as the compat functions have it.
 */
export type Kind = 'boolean' | 'integer' | 'real' | 'number' | 'text' | 'blob' | 'null' | 'opaque' | 'json';

export type Typed = {
  readonly sql: string;
  readonly kind: Kind;
  /** SQLite's affinity of a column or CAST; null for every other expression. */
  readonly affinity: Affinity | null;
  readonly collation: string;
  /** Whether COLLATE says so in the expression itself. */
  readonly collated: boolean;
  /** Of a literal. */
  readonly value?: Value | undefined;
  /** A text that is always an integer: digits only, but for its sign. */
  readonly integral?: true;
  /** A text with a point in time in this format, as codecs name it. */
  readonly mask?: string;
  /** Of a plain column. */
  readonly column?: Pick<ColumnPlan, 'codec' | 'affinity' | 'type'> | undefined;
};

/** An expression that is not a column: without affinity, compared exactly. */
export const typed = (kind: Kind, sql: string): Typed => ({ sql, kind, affinity: null, collation: 'BINARY', collated: false });

/** A literal of SQLite as one of Postgres. Throws Refusal for a text that Postgres cannot hold. */
export function typedLiteral(value: Value): Typed {
  if (value === null) return { ...typed('null', 'null'), value };
  if (typeof value === 'bigint') return { ...typed('integer', value < 0n ? `(${value})` : `${value}`), value };
  if (typeof value === 'number') return { ...typed('real', `'${realText(value)}'::double precision`), value };
  if (typeof value === 'string') {
    if (value.includes('\0') || !value.isWellFormed()) throw new Refusal('it has a text that Postgres cannot hold');
    return { ...typed('text', literal(value)), value };
  }
  if (value instanceof Uint8Array) return { ...typed('blob', `'\\x${Buffer.from(value).toString('hex')}'::bytea`), value };
  throw new Refusal('it has a text that Postgres cannot hold');
}

export const isNumeric = ({ kind }: Typed): boolean => kind === 'integer' || kind === 'real' || kind === 'number' || kind === 'boolean';

/** Dates with their signs never look like a number. */
export const neverNumeric = ({ sql }: Typed): boolean => /^to_char\(|strftime\('%[YZ]-%m-%d/.test(sql);

/** SQLite's word for the kind, for reasons. */
export const kindName = (kind: Kind): string =>
  ({
    boolean: 'a boolean',
    integer: 'an integer',
    real: 'a REAL',
    number: 'an integer or a REAL',
    text: 'a text',
    blob: 'a BLOB',
    null: 'NULL',
    opaque: 'a column of several classes or of an own format',
    json: 'a JSON value of any class',
  })[kind];

/** An operand for arithmetic: SQLite's 0 and 1 for a boolean. Throws Refusal for what SQLite would convert value by value. */
export function asNumber(value: Typed): Typed {
  if (value.kind === 'boolean') return { ...value, kind: 'integer', sql: integerOf(value.sql) };
  if (value.kind === 'null') return { ...value, kind: 'integer', sql: 'null::bigint' };
  if (isNumeric(value)) return value;
  if (value.integral) return typed('integer', `(${value.sql})::bigint`);
  throw new Refusal(`it calculates with ${kindName(value.kind)}`);
}

const integerOf = (sql: string): string => `(${sql})::integer::bigint`;

/** An operand that must be an integer. */
export function asInteger(value: Typed): string {
  const number = asNumber(value);
  if (number.kind !== 'integer') throw new Refusal(`it needs an integer where ${kindName(number.kind)} stands`);
  return number.sql;
}

/** An integer literal small enough for a Postgres function's own integer parameters. */
export function smallLiteral({ value }: Typed, what: string): number {
  if (typeof value !== 'bigint' || value < -1_000_000n || value > 1_000_000n) throw new Refusal(`${what} is not a plain number`);
  return Number(value);
}
