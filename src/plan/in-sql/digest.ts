/*
 * How a column is written into a digest, as SQL that each side computes for itself: all of its values in a stretch of rows as one run of
 * bytes. The digest of the stretch is over how many rows there are and over these.
 *
 * (1) Equal bytes mean equal values, storage class included: a digest never hides a difference [G4]. A value that does not fit
 *     its codec, and so cannot be in Postgres, is written as what no value of Postgres is (`?`, a byte that is not UTF-8).
 * (2) The other way round is not promised: rows whose digests differ are compared value by value, and may prove equal.
 * (3) A separator stands between two values. No value of Postgres holds one, so it is there as often as there are rows, less one; as
 *     there are as many rows on the other side, no value holds one there either, and the values are the same one by one.
 * (4) Each side does what it does cheaply: SQLite and Postgres hand over what they have, and what must be made alike is made in JS.
 */
import { hash } from 'node:crypto';
import { isDoubtful, tag, type Value } from '../../change/value.ts';
import { codecOf } from '../codec.ts';
import type { CodecName, ColumnPlan } from '../plan.ts';
import { momentForm } from './digest-moment.ts';
import { blobsSent, booleansSent, realsSent } from './digest-sent.ts';
import { isText } from './text-form.ts';

/** Aggregates over the rows in their order; `c` is the column in the side's own SQL. NULL is no bytes. */
export type Form = {
  /** Gives bytea. */
  readonly postgres: (c: string) => string;
} & (Written | Read);

type Written = {
  /** Gives text or a BLOB, whose bytes count. `made`: the name under which SQLite knows `makes`. */
  readonly sqlite: (c: string, made: string) => string;
  /** What SQLite's expression calls for a value. */
  readonly makes?: (value: Value) => string;
  /** Makes of these bytes those of Postgres, where they are not. */
  readonly sent?: (written: Uint8Array, rows: number) => Uint8Array<ArrayBuffer>;
};

type Read = {
  /** Makes the bytes of Postgres of the values themselves. */
  readonly values: (values: readonly unknown[]) => Uint8Array<ArrayBuffer>;
};

/** Counts how often the forms have changed: the digest of a table is made of digests of one form only. */
export const FORM = 4;

const only = (type: string, c: string, shown: string): string =>
  `case typeof(${c}) when '${type}' then ${shown} when 'null' then '' else '?' end`;

const listed = (c: string): string => `array_to_string(array_agg(${c}), ',', '')`;
const utf8 = (text: string): string => `convert_to(${text}, 'UTF8')`;
const plain = (c: string): string => utf8(listed(c));

/** `textsend` writes in the encoding of the session, which the driver makes UTF-8. 0xff stands for NULL. */
const texts = (c: string): string => `string_agg(coalesce(textsend(${c}), '\\xff'), '\\x00')`;

const FORMS: Readonly<Partial<Record<CodecName, Form>>> = {
  integer: { sqlite: c => `group_concat(${only('integer', c, c)})`, postgres: plain },
  real: { values: realsSent, postgres: c => `array_send(array_agg(${c}))` },
  text: {
    // SQLite may have the byte of NULL as a text, and what is not a text gets it too; so it is counted how many are not NULL.
    sqlite: c => `count(${c}) || ':' || group_concat(case when ${isText(c)} then ${c} else x'ff' end, x'00')`,
    postgres: c => `${utf8(`count(${c}) || ':'`)} || ${texts(c)}`,
  },
  blob: {
    sqlite: c =>
      `group_concat(case when ${c} >= x'' then octet_length(${c}) when ${c} is null then '' else '?' end) || ':' || coalesce(group_concat(${c}, ''), '')`,
    sent: blobsSent,
    postgres: c => `array_send(array_agg(octet_length(${c}))) || coalesce(string_agg(${c}, ''), '')`,
  },
  boolean: {
    sqlite: c =>
      `group_concat(case when typeof(${c}) = 'integer' and ${c} in (0, 1) then ${c} when ${c} is null then 'n' else '?' end, '')`,
    sent: booleansSent,
    postgres: c => `array_send(array_agg(${c}))`,
  },
  tagged: {
    sqlite: (c, made) =>
      `group_concat(case typeof(${c}) when 'integer' then 'i:' || ${c} when 'text' then 't:' || ${c} when 'blob' then 'b:' || lower(hex(${c}))` +
      ` when 'real' then ${made}(${c}) else x'ff' end, x'00')`,
    makes: value => (value === null ? '' : tag(value)),
    postgres: texts,
  },
  'uuid(lower)': { sqlite: uuids, postgres: plain },
  'uuid(upper)': { sqlite: uuids, postgres: c => utf8(`upper(${listed(c)})`) },
};

function uuids(c: string): string {
  return `group_concat(${only('text', c, `case octet_length(${c}) when 36 then ${c} else '?' end`)})`;
}

/** The form of each column. */
export const formsOf = (columns: readonly ColumnPlan[]): readonly Form[] =>
  columns.map(column => FORMS[column.codec] ?? momentForm(column.codec) ?? encoded(column));

/** Any other codec: what `encode` makes, as Postgres prints it. No value is printed as an empty text, and none as a question mark. */
function encoded(column: ColumnPlan): Form {
  const { encode, canonical, printed } = codecOf(column);
  const print = (value: Value): string | undefined => {
    const text = encode(value);
    return typeof text === 'string' ? canonical(text) : undefined;
  };
  return {
    sqlite: (c, made) => `group_concat(${made}(${c}), x'00')`,
    makes: value => (value === null ? '' : isDoubtful(value) ? '?' : ((printed ?? print)(value) ?? '?')),
    postgres: c => `string_agg(coalesce(textsend(${output(column, c)}), ''), '\\x00')`,
  };
}

/** In the form that `canonical` gives it. */
function output({ codec, type }: ColumnPlan, c: string): string {
  if (type === 'boolean') return `left(${c}::text, 1)`;
  return codec.startsWith('decimal') ? `trim_scale(${c})::text` : `${c}::text`;
}

const sha256 = (bytes: Uint8Array | string): string => hash('sha256', bytes, 'hex');

/** The digest of a number of rows, in hex. `columns`: what each has, null for nothing. */
export const digestOf = (rows: number, columns: readonly (Uint8Array | null)[]): string =>
  sha256([rows, ...columns.map(bytes => sha256(bytes ?? ''))].join());

/** The same as an aggregate of Postgres, of its `columns`. */
export const digestSql = (columns: readonly string[]): string =>
  hex(utf8(`array_to_string(array[count(*)::text, ${columns.map(bytes => hex(`coalesce(${bytes}, '')`)).join(', ')}], ',')`));

const hex = (bytes: string): string => `encode(sha256(${bytes}), 'hex')`;
