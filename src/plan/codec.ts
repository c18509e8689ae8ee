/*
 * How one column's values cross between the databases.
 *
 * (1) decode(encode(v)) is v, storage class and every bit, or encode refuses [G4].
 * (2) encode(decode(t)) is t up to `canonical`, or decode refuses: SQLite's affinity changes what is stored in a column,
 *     so `settles` knows what each affinity leaves alone, and a value it would change never gets there.
 * (3) Both hold for a column without its neighbours: codecs know nothing of rows.
 */
import type { PgKey, PgText } from '../change/change.ts';
import { tag, untag, type Value } from '../change/value.ts';
import { type Affinity, settles } from './codecs/affinity.ts';
import { type Codec, Unfit } from './codecs/fit.ts';
import { limited } from './codecs/limit.ts';
import { makeCodec } from './codecs/registry.ts';
import { type CodecName, type ColumnPlan, keyColumns, type TablePlan } from './plan.ts';

const CHANGED = new Unfit("SQLite would store another value: the column's affinity converts this one");

/** What the codec of a column follows from. */
export type Kind = Pick<ColumnPlan, 'codec' | 'affinity' | 'own'>;

/** Equal for columns with one codec. */
export const kindOf = ({ codec, affinity, own }: Kind): string => `${codec}/${affinity}/${own?.base ?? ''}`;

/** The codec of a column; made once for each kind. */
export function codecOf(column: Kind): Codec {
  const { codec, affinity, own } = column;
  const id = kindOf(column);
  const known = made.get(id);
  if (known !== undefined) return known;
  const codecOfName = makeCodec(codec, affinity);
  if (codecOfName === undefined) throw new RangeError(`there is no codec ${codec}`);
  const fresh = guarded(limited(codecOfName, own?.base), affinity);
  made.set(id, fresh);
  return fresh;
}

const made = new Map<string, Codec>();

function guarded(codec: Codec, affinity: Affinity): Codec {
  return {
    ...codec,
    encode: value => (value === null ? null : codec.encode(value)),
    decode: text => {
      const value = codec.decode(text);
      return value instanceof Unfit || settles(value, affinity) ? value : CHANGED;
    },
  };
}

/** Codecs that bring several values of SQLite to one of Postgres. */
const SPELLS = /^jsonb|\((?:repaired|\d+ places)\)$/;

/** Whether a key, or an index, may have a codec: json has no order, and numeric takes texts like 1 and 1.0 for equal. */
export const mayBeKey = (codec: CodecName): boolean => !SPELLS.test(codec) && codec !== 'json' && codec !== 'numeric';

/**
 * Which of two values SQLite is to hold in this column: the one that it holds already, where Postgres has the same value for
 * both, so that no spelling changes, and nothing that was repaired is lost, unless Postgres's value changes. undefined where
 * the codec has one spelling for each value.
 */
export function keeping(column: ColumnPlan): ((held: Value, fresh: Value) => Value) | undefined {
  if (!SPELLS.test(column.codec)) return undefined;
  const codec = codecOf(column);
  const canonical = (value: Value): string | undefined => {
    const text = codec.encode(value);
    return typeof text === 'string' ? codec.canonical(text) : undefined;
  };
  return (held, fresh) => {
    const own = canonical(held);
    return own !== undefined && own === canonical(fresh) ? held : fresh;
  };
}

/** A row's name in quarantine and in reports: the JSON array of its tagged key values, as SQLite has them. */
export const rowName = (values: readonly Value[]): string => JSON.stringify(values.map(value => (value === null ? null : tag(value))));

/** The values in a row's name. */
export const namedValues = (name: string): Value[] =>
  (JSON.parse(name) as (string | null)[]).map(text => (text === null ? null : untag(text)));

/** Rows whose key holds NULL share it, so their rowid stands behind it: how the names of all with this key begin. undefined for other keys. */
export const nullNames = (name: string): string | undefined =>
  (JSON.parse(name) as unknown[]).includes(null) ? `${name.slice(0, -1)},` : undefined;

/** The same name, from the key as Postgres has it. A key that SQLite could not store is named by its text. */
export function keyName(table: TablePlan, key: PgKey): string {
  const values = keyColumns(table).map((column, index) => decodeAny(codecOf(column), key[index] ?? null));
  return rowName(values);
}

function decodeAny(codec: Codec, text: PgText): Value {
  const value = text === null ? null : codec.decode(text);
  return value instanceof Unfit ? text : value;
}

/** The key in Postgres form; undefined where one of its values does not fit. `values` in key order. */
export function encodeKey(table: TablePlan, values: readonly Value[]): PgKey | undefined {
  const key = keyColumns(table).map((column, index) => codecOf(column).encode(values[index] ?? null));
  return key.every(text => !(text instanceof Unfit)) ? (key as PgKey) : undefined;
}

/** SQLite's key values of a key as Postgres has it; Unfit where SQLite could not store one. */
export function decodeKey(table: TablePlan, key: PgKey): Value[] | Unfit {
  const values: Value[] = [];
  for (const [index, column] of keyColumns(table).entries()) {
    const text = key[index] ?? null;
    const value = text === null ? null : codecOf(column).decode(text);
    if (value instanceof Unfit) return value;
    values.push(value);
  }
  return values;
}
