/*
 * A stretch of a table as one digest: rows that are equal on both sides need not cross to be compared.
 */
import { hash } from 'node:crypto';
import type { PgKey } from '../change/change.ts';
import { freed } from '../change/freed.ts';
import type { Stretch } from '../change/ports.ts';
import { tag } from '../change/value.ts';
import { encodeKey } from '../plan/codec.ts';
import { digestOf, REAL_BITS, REAL_TAG } from '../plan/digest.ts';
import { keyColumns, type TablePlan } from '../plan/plan.ts';
import { cursorAfter, keyAt, ordered, range } from './chunk.ts';
import type { Database } from './open.ts';
import { prepared, type Reader, readerOf, readValues } from './values.ts';

/**
 * The digest of up to `limit` rows behind `cursor` (null: from the start), in key order. Undefined where these rows have none
 * and must be compared one by one: a codec without a form, a key that is or may be NULL, a key that does not fit.
 */
export function stretch(db: Database, table: TablePlan, cursor: string | null, limit: number): Stretch | undefined {
  const reader = readerOf(db, table);
  const fields = digestOf('sqlite', table.columns, reader.columns);
  if (fields === undefined || reader.nullable.length > 0 || !isUtf8(db)) return undefined;
  const upTo = cursorAfter(db, table, cursor, limit);
  const keys = keysOf(db, reader, cursor, upTo);
  if (keys === undefined) return undefined;
  registerReals(db);
  const { where, parameters } = range(reader, cursor, upTo);
  const text = /* sql */ `
    select cast(group_concat(line, '') as blob), count(*)
    from (select concat(${fields}) as line from ${reader.from}${where}${ordered(reader)})`;
  const [bytes, rows] = prepared(db, text).get(...parameters) as [Uint8Array<ArrayBuffer> | null, bigint];
  const digested = { rows: Number(rows), bytes: bytes?.length ?? 0, digest: hash('sha256', bytes ?? '', 'hex'), keys, cursor: upTo };
  if (bytes !== null) freed(bytes);
  return digested;
}

const isUtf8 = (db: Database): boolean => db.pragma('encoding', { simple: true }) === 'UTF-8';

/** How Postgres finds the same rows: integers are in the same order there, other keys have to be named one by one. */
function keysOf(db: Database, reader: Reader, cursor: string | null, upTo: string | null): Stretch['keys'] | undefined {
  const { table } = reader;
  if (keyColumns(table).every(({ codec }) => codec === 'integer')) {
    const low = cursor === null ? null : encodeKey(table, keyAt(cursor));
    const high = upTo === null ? null : encodeKey(table, keyAt(upTo));
    return low === undefined || high === undefined ? undefined : { after: low, upTo: high };
  }
  const { where, parameters } = range(reader, cursor, upTo);
  const query = (list: string): string => `select ${list} from ${reader.from}${where}${ordered(reader)}`;
  const keys = readValues(db, reader.key, query, parameters).map(key => encodeKey(table, key));
  return keys.includes(undefined) ? undefined : (keys as PgKey[]);
}

const registered = new WeakSet<Database>();

/** The functions that digestOf's SQL calls. */
export function registerReals(db: Database): void {
  if (registered.has(db)) return;
  registered.add(db);
  const bits = Buffer.alloc(8);
  db.function(REAL_BITS, { deterministic: true, directOnly: true }, (value: unknown) => {
    bits.writeDoubleBE(value as number);
    return bits.toString('hex');
  });
  db.function(REAL_TAG, { deterministic: true, directOnly: true }, (value: unknown) => {
    const text = tag(value as number);
    return `${text.length}:${text}`;
  });
}
