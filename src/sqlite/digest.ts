/*
 * A stretch of a table as one digest: rows that are equal on both sides need not cross to be compared.
 */
import { hash } from 'node:crypto';
import type { PgKey } from '../change/change.ts';
import type { Stretch } from '../change/ports.ts';
import { tag, untag, type Value } from '../change/value.ts';
import { encodeKey } from '../plan/codec.ts';
import { digestOf, REAL_BITS } from '../plan/digest.ts';
import { keyColumns, type TablePlan } from '../plan/plan.ts';
import type { Database } from './open.ts';
import { bindable, placeholder, prepared, type Reader, readerOf, readValues } from './values.ts';

/**
 * The digest of up to `limit` rows behind `cursor` (null: from the start), in key order. Undefined where these rows have none
 * and must be compared one by one: a codec without a form, a key that is or may be NULL, a key that does not fit.
 */
export function stretch(db: Database, table: TablePlan, cursor: string | null, limit: number): Stretch | undefined {
  const reader = readerOf(db, table);
  const fields = digestOf('sqlite', table.columns, reader.columns);
  if (fields === undefined || reader.nullable.length > 0 || !isUtf8(db)) return undefined;
  const after = cursor === null ? undefined : (JSON.parse(cursor) as string[]).map(untag);
  const upTo = boundary(db, reader, after, limit);
  const range = between(reader, after, upTo);
  const keys = keysOf(db, reader, range, { after, upTo });
  if (keys === undefined) return undefined;
  registerBits(db);
  const text = /* sql */ `
    select cast(group_concat(line, '') as blob), count(*)
    from (select concat(${fields}) as line from ${reader.from} ${range.where} order by ${reader.key.join(', ')})`;
  const [bytes, rows] = prepared(db, text).get(...range.parameters) as [Uint8Array | null, bigint];
  return {
    rows: Number(rows),
    bytes: bytes?.length ?? 0,
    digest: hash('sha256', bytes ?? '', 'hex'),
    keys,
    cursor: upTo === undefined ? null : JSON.stringify(upTo.map(value => (value === null ? null : tag(value)))),
  };
}

const isUtf8 = (db: Database): boolean => db.pragma('encoding', { simple: true }) === 'UTF-8';

/** The key of the `limit`-th row behind `after`; undefined where there are fewer. */
function boundary(db: Database, reader: Reader, after: readonly Value[] | undefined, limit: number): Value[] | undefined {
  const { where, parameters } = between(reader, after, undefined);
  const stored = storedKey(reader);
  const order = reader.key.join(', ');
  const query = (list: string): string => `select ${list} from ${reader.from} ${where} order by ${order} limit 1 offset ?`;
  return readValues(db, stored, query, [...parameters, BigInt(limit - 1)])[0];
}

const storedKey = (reader: Reader): string[] => reader.table.key.columns.map(index => reader.columns[index] ?? '');

type Range = { readonly where: string; readonly parameters: readonly unknown[] };

function between(reader: Reader, after: readonly Value[] | undefined, upTo: readonly Value[] | undefined): Range {
  const bounds = [['>', after] as const, ['<=', upTo] as const].flatMap(([than, key]) =>
    key === undefined ? [] : [`${tuple(reader.key)} ${than} ${tuple(key.map(placeholder))}`],
  );
  return {
    where: bounds.length === 0 ? '' : `where ${bounds.join(' and ')}`,
    parameters: [...(after ?? []), ...(upTo ?? [])].map(bindable),
  };
}

const tuple = (items: readonly string[]): string => (items.length === 1 ? items.join() : `(${items.join(', ')})`);

type Bounds = { readonly after: readonly Value[] | undefined; readonly upTo: readonly Value[] | undefined };

/** How Postgres finds the same rows: integers are in the same order there, other keys have to be named one by one. */
function keysOf(db: Database, reader: Reader, range: Range, { after, upTo }: Bounds): Stretch['keys'] | undefined {
  const { table } = reader;
  if (keyColumns(table).every(({ codec }) => codec === 'integer')) {
    const low = after === undefined ? null : encodeKey(table, after);
    const high = upTo === undefined ? null : encodeKey(table, upTo);
    return low === undefined || high === undefined ? undefined : { after: low, upTo: high };
  }
  const query = (list: string): string => `select ${list} from ${reader.from} ${range.where} order by ${reader.key.join(', ')}`;
  const keys = readValues(db, storedKey(reader), query, range.parameters).map(key => encodeKey(table, key));
  return keys.includes(undefined) ? undefined : (keys as PgKey[]);
}

const registered = new WeakSet<Database>();

function registerBits(db: Database): void {
  if (registered.has(db)) return;
  registered.add(db);
  const bits = Buffer.alloc(8);
  db.function(REAL_BITS, { deterministic: true, directOnly: true }, (value: unknown) => {
    bits.writeDoubleBE(value as number);
    return bits.toString('hex');
  });
}
