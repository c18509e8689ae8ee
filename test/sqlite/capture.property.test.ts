import BetterSqlite3 from 'better-sqlite3';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Seq } from '../../src/change/change.ts';
import { quote } from '../../src/change/quote.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { captureHazards } from '../../src/sqlite/hazards.ts';
import { install, markTables } from '../../src/sqlite/install.ts';
import { readMarks } from '../../src/sqlite/marks.ts';
import type { Database } from '../../src/sqlite/open.ts';
import { headMark } from '../../src/sqlite/rows.ts';
import { readSchema } from '../../src/sqlite/tables.ts';
import { model } from './model.ts';
import { planOf, stored } from './planned.ts';

/* Schemas */

const KEYS = [
  'id integer primary key',
  'id integer primary key autoincrement',
  'k text not null primary key',
  'k text collate nocase not null primary key',
  'k collate rtrim not null primary key on conflict replace',
  'k not null primary key',
  'k real not null primary key',
  "k text not null default 'a' primary key",
  'k integer not null, l text collate nocase not null, primary key (k, l)',
  'k not null, l not null, primary key (l desc, k)',
  'k text not null unique on conflict replace',
  'k text collate nocase not null unique',
  'k',
];
const ROWID_KEYS = new Set([0, 1, 10, 11, 12]);
const TYPES = [
  '',
  'text',
  'integer',
  'text collate nocase',
  'collate rtrim',
  "text not null default 'a'",
  "collate nocase not null on conflict replace default 'b'",
];
const GENERATED = ["g as (lower(u) || coalesce(v, '-'))", 'g text as (u || w) stored', 'g as (coalesce(v, w)), h as (g || u)'];
const INDEXES = [
  'unique index {i} on {t} (u)',
  'unique index {i} on {t} (v desc, w)',
  'unique index {i} on {t} (u collate nocase)',
  'unique index {i} on {t} (v collate rtrim)',
  'unique index {i} on {t} (w collate binary, u)',
  'unique index {i} on {t} (w) where v is not null',
  "unique index {i} on {t} (u) where w > 1 or v = 'a'",
  'unique index {i} on {t} (lower(u))',
  'unique index {i} on {t} (coalesce(v, u) collate nocase desc)',
  'unique index {i} on {t} (u || w, v) where u is not null',
  'unique index {i} on {t} (g)',
  'unique index {i} on {t} (h collate nocase)',
  'index {i} on {t} (u)',
];
const CONSTRAINTS = [
  '',
  'unique (u) on conflict replace',
  'unique (v, w)',
  'unique (u) on conflict ignore, unique (w) on conflict replace',
];
const TRIGGERS = [
  "trigger {i} after update on {t} when new.w is not 'T' begin update {t} set w = 'T' where u is new.u; end",
  "trigger {i} after insert on {t} begin update {t} set v = 'b' where w is new.w and v is not 'b'; end",
  "trigger {i} before update on {t} when new.v = 'a' begin delete from {t} where v = 'b'; end",
  "trigger {i} before insert on {t} when new.u = 'b' begin update or replace {t} set u = 'B' where u = 'a'; end",
  'trigger {i} after delete on {t} begin insert or ignore into {t} (v) values (old.u); end',
];

const table = fc.record({
  key: fc.nat({ max: KEYS.length - 1 }),
  withoutRowid: fc.boolean(),
  types: fc.tuple(fc.constantFrom(...TYPES), fc.constantFrom(...TYPES), fc.constantFrom(...TYPES)),
  generated: fc.option(fc.constantFrom(...GENERATED)),
  constraint: fc.constantFrom(...CONSTRAINTS),
  indexes: fc.uniqueArray(fc.constantFrom(...INDEXES), { maxLength: 4 }),
  triggers: fc.uniqueArray(fc.constantFrom(...TRIGGERS), { maxLength: 1 }),
  parent: fc.option(
    fc.constantFrom('on delete cascade on update cascade', 'on delete set null', 'on update set default on delete cascade'),
  ),
});

function create(db: Database, shapes: readonly (typeof table extends fc.Arbitrary<infer T> ? T : never)[]): void {
  for (const [n, shape] of shapes.entries()) {
    const [u, v, w] = shape.types;
    const parent = n > 0 && shape.parent !== null ? `references t0 (u) ${shape.parent}` : '';
    const parts = [KEYS[shape.key]!.split(', primary key')[0], `u ${u}`, `v ${v}`, `w ${w} ${parent}`, shape.generated];
    const compound = KEYS[shape.key]!.match(/primary key \(.*\)$/)?.[0];
    const body = [...parts, compound, shape.constraint].filter(Boolean).join(', ');
    const withoutRowid = shape.withoutRowid && !ROWID_KEYS.has(shape.key) ? 'without rowid' : '';
    db.exec(`create table t${n} (${body}) ${withoutRowid}`);
    const made = [...shape.indexes, ...shape.triggers].map(
      (sql, i) => `create ${sql.replaceAll('{t}', `t${n}`).replaceAll('{i}', `o${n}_${i}`)}`,
    );
    for (const sql of made) attempt(() => db.exec(sql)); // some need a generated column that is not there
  }
}

/* Histories */

const VALUES = ['null', "'a'", "'A'", "'b'", "'a '", "'1'", '1', '1.0', '2', '0.0', '-0.0', "x'61'", "'B'", '3'];
const CONFLICTS = ['', 'or replace', 'or replace', 'or ignore', 'or fail', 'or abort', 'or rollback'];
const value = fc.constantFrom(...VALUES);
const statement = fc.record({
  kind: fc.constantFrom(
    'insert',
    'insert',
    'insert',
    'upsert',
    'update',
    'update',
    'shift',
    'rowid',
    'delete',
    'begin',
    'commit',
    'rollback',
    'back',
  ),
  table: fc.nat({ max: 2 }),
  conflict: fc.constantFrom(...CONFLICTS),
  columns: fc.array(fc.nat({ max: 7 }), { minLength: 1, maxLength: 4 }),
  values: fc.array(value, { minLength: 12, maxLength: 12 }),
  read: fc.boolean(),
});
type Statement = typeof statement extends fc.Arbitrary<infer T> ? T : never;

function sqlOf(
  { kind, conflict, columns, values, ...rest }: Statement,
  tables: readonly { name: string; columns: readonly string[] }[],
): string {
  const { name, columns: all } = tables[rest.table % tables.length]!;
  const chosen = [...new Set(columns.map(index => all[index % all.length]!))];
  const row = (from: number): string => `(${chosen.map((_, index) => values[(from + index) % values.length]).join(', ')})`;
  const insert = `insert ${conflict} into ${name} (${chosen.join(', ')}) values ${row(0)}, ${row(4)}`;
  const first = chosen[0]!;
  switch (kind) {
    case 'insert':
      return insert;
    case 'upsert':
      return `${insert} on conflict do update set ${first} = ${values[9]}`;
    case 'update':
      return `update ${conflict} ${name} set ${chosen.map((column, index) => `${column} = ${values[index]}`).join(', ')} where ${first} is not ${values[8]}`;
    case 'shift':
      return `update ${conflict} ${name} set ${first} = ${first} + 1`;
    case 'rowid':
      return `replace into ${name} (rowid, ${chosen.join(', ')}) values (${values[10]}, ${row(0).slice(1)}`;
    case 'delete':
      return `delete from ${name} where ${first} = ${values[0]}`;
    case 'back':
      return 'savepoint s; rollback to s; release s';
    default:
      return kind;
  }
}

function attempt(run: () => void): void {
  try {
    run();
  } catch {
    // Constraints, missing columns, no transaction to end: whatever the statement did until then is what counts.
  }
}

function differences(db: Database, plan: Plan, target: ReturnType<typeof model>): unknown[] {
  return plan.tables
    .map(table => ({ table: table.name, sqlite: stored(db, table), target: target.rows(table.id) }))
    .filter(({ sqlite, target }) => JSON.stringify(sqlite) !== JSON.stringify(target));
}

test('whatever statements run, the marked rows make the target equal to the file [G1]', async () => {
  const history = fc.array(statement, { minLength: 5, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(table, { minLength: 1, maxLength: 2 }),
      fc.boolean(),
      fc.boolean(),
      history,
      async (shapes, recursive, foreignKeys, statements) => {
        const db: Database = new BetterSqlite3(':memory:');
        try {
          db.defaultSafeIntegers(true);
          db.pragma(`foreign_keys = ${foreignKeys ? 'on' : 'off'}`);
          db.pragma(`recursive_triggers = ${recursive ? 'on' : 'off'}`);
          create(db, shapes);
          for (const hazard of captureHazards(readSchema(db))) {
            const [, index] = /index "(.*?)"/.exec(hazard.message) ?? [];
            if (index !== undefined && !index.startsWith('sqlite_')) db.exec(`drop index if exists ${quote(index)}`);
          }
          const schema = readSchema(db);
          fc.pre(captureHazards(schema).every(({ level }) => level !== 'blocking'));
          const plan = planOf(schema);
          const tables = schema.tables.map(({ name, columns }) => ({
            name,
            columns: columns.filter(({ generated }) => !generated).map(c => c.name),
          }));
          for (const sql of statements.slice(0, 3)) attempt(() => db.exec(sqlOf({ ...sql, kind: 'insert' }, tables)));
          let { seq } = await install(db, plan, { install: 'i', target: 't' }, 1_000);
          markTables(
            db,
            plan.tables.map(({ id }) => id),
          );
          const target = model(plan);
          const sync = (): Seq => {
            db.exec('begin');
            const head = headMark(db).seq;
            using rows = readMarks(db, plan, seq, head, { memoryRows: 3 });
            target.apply(rows);
            db.exec('rollback');
            return head;
          };
          for (const one of statements) {
            attempt(() => db.exec(sqlOf(one, tables)));
            if (!one.read || db.inTransaction) continue;
            seq = sync();
            expect(differences(db, plan, target)).toEqual([]);
          }
          if (db.inTransaction) db.exec('commit');
          sync();
          expect(differences(db, plan, target)).toEqual([]);
        } finally {
          db.close();
        }
      },
    ),
    { numRuns: Number(process.env.ATTACCA_RUNS ?? 400) },
  );
});
