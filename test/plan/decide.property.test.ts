/* Whatever a column is called, declared as and holds: its codec takes every value, brings it back, and is what the plan file says again. */
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RawText, tag, type Value } from '../../src/change/value.ts';
import { codecOf, keeping } from '../../src/plan/codec.ts';
import { Unfit } from '../../src/plan/codecs/fit.ts';
import { decide } from '../../src/plan/decide.ts';
import { applyPlanFile, printPlan } from '../../src/plan/file/file.ts';
import { profile } from '../../src/sqlite/profile/profile.ts';
import { readValues } from '../../src/sqlite/read/values.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { value } from './codec-values.ts';

const DECLARED = [
  '',
  'integer',
  'text',
  'blob',
  'real',
  'numeric',
  'decimal(10,2)',
  'datetime',
  'timestamp',
  'date',
  'boolean',
  'json',
  'uuid',
  'char(36)',
  'bigint',
];
const NAMES = [
  'v',
  'created_at',
  'ZDATE',
  'julian_day',
  'last_visit_time',
  'owner_id',
  'uuid',
  'meta_json',
  'is_done',
  'birthday',
  'expires_utc',
];

/** Columns hold much of one kind, and now and then another. */
const alike = fc.oneof(
  fc.bigInt({ min: 1_000_000_000n, max: 2_000_000_000n }),
  fc.bigInt({ min: 13_300_000_000_000_000n, max: 13_400_000_000_000_000n }),
  fc.bigInt({ min: 1_700_000_000_000_000n, max: 1_800_000_000_000_000n }).map(micros => micros * 1_000n),
  fc.bigInt({ min: 2_400_000n, max: 2_500_000n }),
  fc.double({ min: 6e8, max: 8e8, noNaN: true }),
  fc.constantFrom('2024-01-01 10:00:00', '2024-06-30 23:59:59'),
  fc.constantFrom('2024-01-01T10:00:00.120Z', '2024-01-01T10:00:00.1Z', '2024-01-01T10:00:00.1234567Z'),
  fc.constantFrom('2024-01-01', '0000-00-00', '20240101', '20240101100000', ''),
  fc.constantFrom('{}', '{"a": 1}', "{'a': True}", '[1,]', '{"a"'),
  fc.constantFrom<Value>(0n, 1n, 't', 'f', 'true', 'false'),
);
const values = fc
  .tuple(
    fc.array(fc.oneof({ weight: 9, arbitrary: alike }, { weight: 1, arbitrary: value }), { maxLength: 3 }),
    fc.array(value, { maxLength: 2 }),
  )
  .chain(([common, rare]) => fc.shuffledSubarray([...common, ...common, ...rare], { minLength: common.length }));

function stored(declared: string, name: string, given: readonly Value[]) {
  const db = new Database(':memory:').defaultSafeIntegers(true);
  db.exec(`create table t (id integer primary key, "${name}" ${declared})`);
  for (const each of given)
    db.prepare(`insert into t ("${name}") values (${each instanceof RawText ? '+cast(? as text)' : '?'})`).run(
      each instanceof RawText ? each.bytes : each,
    );
  const schema = readSchema(db);
  const stats = profile(db, schema);
  const rows = readValues(db, [`"${name}"`], list => `select ${list} from t`, []);
  db.close();
  return { schema, stats, values: rows.map(([cell]) => cell ?? null) };
}

test('a plan takes every value that it was made from, and brings it back [G4]', () => {
  const chosen = new Map<string, number>();
  fc.assert(
    fc.property(fc.constantFrom(...DECLARED), fc.constantFrom(...NAMES), values, (declared, name, given) => {
      const { schema, stats, values: held } = stored(declared, name, given);
      const { plan, findings } = decide(schema, stats);
      const column = plan.tables[0]!.columns.find(each => each.name === name)!;
      chosen.set(column.codec, (chosen.get(column.codec) ?? 0) + 1);
      const codec = codecOf(column);
      for (const before of held) {
        const text = codec.encode(before);
        if (text instanceof Unfit) throw new Error(`${column.codec} does not take a value it was chosen for: ${text.reason}`);
        const after = text === null ? null : codec.decode(text);
        if (after instanceof Unfit) throw new Error(`${column.codec} does not bring it back: ${after.reason}`);
        const kept = keeping(column)?.(before, after) ?? after;
        expect(kept === null ? null : tag(kept)).toBe(before === null ? null : tag(before));
      }
      expect(applyPlanFile(plan, printPlan(plan, findings), stats)).toEqual(plan);
    }),
    { numRuns: 500 },
  );
  expect(chosen.size).toBeGreaterThan(5);
});
