import Database from 'better-sqlite3';
import { RawText, textFromBytes, type Value } from '../../src/change/value.ts';
import type { Affinity } from '../../src/plan/codecs/affinity.ts';

const DECLARED: Record<Affinity, string> = { integer: 'INTEGER', text: 'TEXT', blob: '', real: 'REAL', numeric: 'NUMERIC' };
export const affinities = Object.keys(DECLARED) as Affinity[];

/** A real SQLite that stores one value at a time. */
export function storing() {
  const db = new Database(':memory:').defaultSafeIntegers(true);
  const of = Object.fromEntries(
    affinities.map(affinity => {
      db.exec(`create table ${affinity}_ (id integer primary key, v ${DECLARED[affinity]}); insert into ${affinity}_ values (1, null)`);
      const set = (value: string) => db.prepare(`update ${affinity}_ set v = ${value}`);
      const get = db.prepare<[], [string, Value, Uint8Array]>(`select typeof(v), v, cast(v as blob) from ${affinity}_`).raw();
      return [affinity, { set: set('?'), setText: set('cast(? as text)'), get }];
    }),
  );
  return {
    /** What SQLite makes of the value in a column of this affinity. */
    stored(value: Value, affinity: Affinity): Value {
      const { set, setText, get } = of[affinity]!;
      if (value instanceof RawText) setText.run(value.bytes);
      else set.run(value);
      const [type, raw, bytes] = get.get() as [string, Value, Uint8Array];
      return type === 'text' ? textFromBytes(bytes) : raw;
    },
    db,
    close: () => db.close(),
  };
}
