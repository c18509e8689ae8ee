/* The plan follows a schema: what each change becomes, and that any sequence of them ends where the file is. */
import type Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Evolution, evolve } from '../../src/plan/evolve.ts';
import { changeDdl, changeLines } from '../../src/plan/evolve-ddl.ts';
import { drift } from '../../src/plan/fingerprint.ts';
import { at, keyColumns, type Plan } from '../../src/plan/plan.ts';
import { captureHazards } from '../../src/sqlite/hazards.ts';
import { profile } from '../../src/sqlite/profile.ts';
import { readSchema } from '../../src/sqlite/tables.ts';
import { decided } from './decided.ts';

/** What the file has become, and the evolution to it. `moved`: tables whose triggers stand elsewhere now. */
function followed(db: Database.Database, plan: Plan, moved: Readonly<Record<number, string>> = {}): Evolution {
  const schema = readSchema(db);
  const standing = plan.tables
    .filter(({ name }) => schema.tables.some(table => table.name === name))
    .map(({ id, name }) => [id, name] as const);
  return evolve(plan, {
    schema,
    triggers: new Map([...standing, ...Object.entries(moved).map(([id, name]) => [Number(id), name] as const)]),
    hazards: captureHazards(schema),
    stats: table => profile(db, { ...schema, tables: [table] })[table.name]!,
  });
}

const SHOP = `
  create table customer (id integer primary key, email text not null unique, points integer default 1);
  create table line (a integer not null, b text not null, customer integer references customer, primary key (a, b)) without rowid;
  create table log (message text, at integer);
  create index log_by_at on log (at);
  insert into customer values (1, 'a', 2); insert into line values (1, 'x', 1); insert into log values ('m', 1)`;

test('nothing has changed: the same plan, and nothing to do', () => {
  const { db, plan } = decided(SHOP);
  const { changes, whole, plan: after } = followed(db, plan);
  expect({ changes, whole }).toEqual({ changes: [], whole: [] });
  expect(after.tables).toEqual(plan.tables);
});

test('a plan whose properties jsonb has put in another order is the same plan: nothing to do', () => {
  const { db, plan } = decided(
    `create table t (id integer primary key, a integer, g integer as (a + 1), s as (a * 2) stored);
    create index t_g on t (g); create unique index t_a on t (a) where a > 1; create index t_e on t (lower(a), a desc)`,
  );
  const turned = JSON.parse(JSON.stringify(plan), (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).reverse()) : value,
  );
  const { changes, whole } = followed(db, turned);
  expect({ changes, whole }).toEqual({ changes: [], whole: [] });
});

type Case = readonly [sql: string, ddl: readonly string[], whole: readonly string[], moved?: Readonly<Record<number, string>>];
const CASES: Readonly<Record<string, Case>> = {
  'a column with a default': [
    `alter table log add column level text not null default 'in''fo'`,
    [`alter table "public"."log" add column "level" text default 'in''fo' not null`],
    [],
  ],
  'a column without one': ['alter table log add column level', ['alter table "public"."log" add column "level" text'], []],
  'a dropped column, whose name another may have taken': [
    'alter table customer drop column points',
    ['alter table "public"."customer" drop column "points"'],
    ['customer'],
  ],
  'a renamed column, which could also be a dropped and an added one': [
    'alter table customer rename column points to score',
    [
      'alter table "public"."customer" rename column "points" to "_attacca_moving_0"',
      'alter table "public"."customer" rename column "_attacca_moving_0" to "score"',
    ],
    ['customer'],
  ],
  'a renamed table': [
    'alter table log rename to journal',
    ['alter table "public"."log" rename to "_attacca_moving_0"', 'alter table "public"."_attacca_moving_0" rename to "journal"'],
    [],
    { 3: 'journal' },
  ],
  'a table that was dropped, and one that came': [
    'drop table log; create table tag (name text primary key)',
    [
      'drop table if exists "public"."log"',
      'create table "public"."tag" (\n  "name" text\n)',
      `comment on table "public"."tag" is 'SQLite: "tag"'`,
      'alter table "public"."tag" add primary key ("name")',
    ],
    ['tag'],
  ],
  'a dropped index': ['drop index log_by_at', ['drop index if exists "public"."log_by_at"'], []],
  'an index that comes is built later': ['create index log_by_message on log (message)', [], []],
  'a rebuild with another default': [
    `create table n (id integer primary key, email text not null unique, points integer default 5);
     insert into n select * from customer; drop table customer; alter table n rename to customer`,
    ['alter table "public"."customer" alter column "points" set default 5'],
    ['customer'],
  ],
};

describe.each(Object.entries(CASES))('%s', (_, [sql, ddl, whole, moved]) => {
  test('becomes this in Postgres, and the plan fits again', () => {
    const { db, plan } = decided(SHOP);
    db.exec(`pragma foreign_keys = off; ${sql}`);
    const evolution = followed(db, plan, moved);
    expect(changeDdl(evolution.plan, evolution.changes)).toEqual(ddl);
    expect(evolution.plan.tables.filter(({ id }) => evolution.whole.includes(id)).map(({ name }) => name)).toEqual(whole);
    expect(drift(evolution.plan, readSchema(db))).toEqual([]);
  });
});

test('another key begins the table anew, under its number', () => {
  const { db, plan, table } = decided(SHOP);
  db.exec('drop table line; create table line (a text not null, b text not null, primary key (a, b))');
  const { plan: after, changes, whole } = followed(db, plan);
  expect(changeLines(changes)).toEqual(['table line begins anew: its key or types have changed']);
  expect(whole).toEqual([table('line').id]);
  expect(after.tables.map(({ id, name }) => [id, name])).toEqual(plan.tables.map(({ id, name }) => [id, name]));
});

test('no number is given twice, also after the table is gone', () => {
  const { db, plan } = decided(SHOP);
  db.exec('drop table log');
  const without = followed(db, plan).plan;
  db.exec('create table next (id integer primary key)');
  expect(followed(db, without).plan.tables.map(({ id }) => id)).toEqual([1, 2, 4]);
});

test('what cannot be replicated stays out with its reason, and comes in when it can; what was left out stays out', () => {
  const { db, plan } = decided(SHOP, { exclude: ['log'] });
  db.exec('create table odd (rowid text, _rowid_ text, oid text)');
  const without = followed(db, plan).plan;
  expect(without.unplanned).toMatchObject([{ name: 'odd', reason: expect.stringContaining('no key') }]);
  expect(drift(without, readSchema(db))).toEqual([]);
  db.exec('create unique index k on odd (oid); drop table odd; create table odd (rowid text primary key not null)');
  const within = followed(db, without).plan;
  expect(within).not.toHaveProperty('unplanned');
  expect(within.tables.map(({ name }) => name)).toEqual(['customer', 'line', 'odd']);
});

test('a trigger that would keep changes from being marked takes its table out of the plan [G1]', () => {
  const { db, plan } = decided(SHOP);
  db.exec('create trigger mute after insert on log begin select raise(ignore); end');
  const { plan: after, changes } = followed(db, plan);
  expect(changeLines(changes)).toEqual(['table log dropped']);
  expect(after.unplanned).toMatchObject([{ name: 'log', reason: expect.stringContaining('RAISE(IGNORE)') }]);
});

const name = fc.constantFrom('a', 'b', 'c', 'd');
const table = fc.constantFrom('t', 'u', 'v');
const step = fc.oneof(
  fc.tuple(table, name).map(([t, c]) => `alter table ${t} add column ${c} text default '${c}'`),
  fc.tuple(table, name).map(([t, c]) => `alter table ${t} drop column ${c}`),
  fc.tuple(table, name, name).map(([t, c, d]) => `alter table ${t} rename column ${c} to ${d}`),
  fc.tuple(table, table).map(([t, u]) => `alter table ${t} rename to ${u}`),
  fc.tuple(table).map(([t]) => `drop table ${t}`),
  fc.tuple(table, fc.boolean()).map(([t, keyed]) => `create table ${t} (id ${keyed ? 'integer primary key' : 'text'}, a text)`),
  fc.tuple(table, name, fc.boolean()).map(([t, c, unique]) => `create ${unique ? 'unique ' : ''}index ${t}_${c} on ${t} (${c})`),
  fc.tuple(table, name).map(([t, c]) => `drop index ${t}_${c}`),
);

test('any sequence of changes, looked at any time: columns, keys and indexes are those of the file, and statements fit what is there', () => {
  fc.assert(
    fc.property(fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 8 }), looks => {
      const { db, plan: first } = decided('create table t (id integer primary key, a text); create table u (id text, a text, b text)');
      let plan = first;
      // Where our triggers stand: they travel with their tables, so they are put there as such.
      const hook = (): void => {
        for (const { id, name } of plan.tables) {
          const trigger = `_attacca_insert_${id}`;
          if (db.prepare('select 1 from sqlite_schema where name = ?').get(trigger) === undefined)
            db.exec(`create trigger ${trigger} after insert on "${name}" begin select ${id}; end`);
        }
      };
      hook();
      for (const look of looks) {
        for (const sql of look) {
          try {
            db.exec(sql);
          } catch {
            // It does not apply to what is there now.
          }
        }
        const standing = db
          .prepare(`select substr(name, 17) as id, tbl_name as name from sqlite_schema where name glob '_attacca_insert*'`)
          .all() as { id: string; name: string }[];
        const schema = readSchema(db);
        const evolution = evolve(plan, {
          schema,
          triggers: new Map(standing.map(({ id, name }) => [Number(id), name])),
          hazards: [],
          stats: wanted => profile(db, { ...schema, tables: [wanted] })[wanted.name]!,
        });
        expect(relations(applied(plan, evolution))).toEqual(relations(evolution.plan));
        plan = evolution.plan;
        expect(drift(plan, schema)).toEqual([]);
        for (const source of schema.tables) {
          const planned = plan.tables.find(({ name }) => name === source.name)!;
          const own = planned.key.kind === 'hidden' ? planned.columns.slice(1) : planned.columns;
          expect(own.map(({ name }) => name).toSorted()).toEqual(source.columns.map(({ name }) => name).toSorted());
          expect(keyColumns(planned).every(Boolean)).toBe(true);
          for (const index of planned.indexes) for (const { column } of index.terms) at(planned.columns, column);
        }
        hook();
      }
    }),
    { numRuns: 150 },
  );
});

/** Tables of Postgres with their columns, as a plan has them. */
const relations = (plan: Plan): unknown =>
  Object.fromEntries(plan.tables.map(({ target, columns }) => [target, columns.map(column => column.target).toSorted()]).toSorted());

/** What the statements make of the tables of a plan, read as text: an interpreter that knows nothing of changes. */
function applied(before: Plan, { plan, changes }: Evolution): Plan {
  const tables = new Map(before.tables.map(({ target, columns }) => [target, new Set(columns.map(column => column.target))]));
  const take = (map: { delete(name: string): boolean }, name: string): void => expect(map.delete(name), name).toBe(true);
  for (const sql of changeDdl(plan, changes)) {
    const [, drop] = /^drop table if exists "public"\."(.*)"$/.exec(sql) ?? [];
    const [, from, to] = /^alter table "public"\."(.*?)" rename to "(.*)"$/.exec(sql) ?? [];
    const [, of, kind, column, renamed] = /^alter table "public"\."(.*?)" (add|drop|rename) column "(.*?)"(?: to "(.*)")?/.exec(sql) ?? [];
    const [, created, list] = /^create table "public"\."(.*?)" \((.*)\)$/s.exec(sql) ?? [];
    if (drop !== undefined) take(tables, drop);
    else if (from !== undefined && to !== undefined) {
      const columns = tables.get(from)!;
      take(tables, from);
      expect(tables.has(to), sql).toBe(false);
      tables.set(to, columns);
    } else if (of !== undefined && column !== undefined) {
      const columns = tables.get(of)!;
      if (kind !== 'add') take(columns, column);
      if (kind !== 'drop') expect(columns.has(renamed ?? column), sql).toBe(false);
      if (kind !== 'drop') columns.add(renamed ?? column);
    } else if (created !== undefined && list !== undefined) {
      expect(tables.has(created), sql).toBe(false);
      tables.set(created, new Set([...list.matchAll(/^ {2}"(.*?)"/gm)].map(match => match[1]!)));
    }
  }
  const shown = [...tables].map(([target, columns]) => ({ target, columns: [...columns].map(target => ({ target })) }));
  return { ...plan, tables: shown } as unknown as Plan;
}

test('beside tables of the application in Postgres, indexes and constraints are its own affair, columns and tables are not followed', () => {
  const { db, plan } = decided(SHOP);
  const theirs = { ...plan, existing: true as const, tables: plan.tables.map(table => ({ ...table, indexes: [], foreignKeys: [] })) };
  db.exec('create index customer_by_points on customer (points); drop index log_by_at');
  const { changes, plan: after } = followed(db, theirs);
  expect(changes).toEqual([]);
  expect(after.tables.map(({ indexes, foreignKeys }) => [...indexes, ...foreignKeys])).toEqual([[], [], []]);
  expect(followed(db, after).plan).toEqual(after);
  db.exec('alter table log add column level text; create table more (id integer primary key)');
  expect(followed(db, after).changes.map(({ kind }) => kind)).toEqual(['add-column', 'create-table']);
});

test('what becomes of misfits stays with its column, also where the table begins anew', () => {
  const { db, plan } = decided(
    `create table t (id integer primary key, a integer, doc_json text, c text); insert into t values (1, 2, '{}', 'x')`,
  );
  const policies = {
    a: { misfits: 'refuse' },
    doc_json: { misfits: 'repair', codec: 'jsonb(repaired)' },
    c: { misfits: 'widen' },
  } as const;
  const columns = plan.tables[0]!.columns.map(column => ({ ...column, ...policies[column.name as keyof typeof policies] }));
  const asked: Plan = { ...plan, tables: [{ ...plan.tables[0]!, columns }] };
  const of = ({ plan: after }: Evolution) => after.tables[0]!.columns.map(({ name, codec, misfits }) => [name, codec, misfits]);
  db.exec('alter table t rename column a to b');
  const renamed = followed(db, asked);
  db.exec('alter table t add column d text');
  const first = followed(db, renamed.plan);
  const rest = [
    ['doc_json', 'jsonb(repaired)', 'repair'],
    ['c', 'text', 'widen'],
    ['d', 'text', undefined],
  ];
  expect(of(first)).toEqual([['id', 'integer', undefined], ['b', 'integer', 'refuse'], ...rest]);
  db.exec(
    'create table n (id text primary key not null, b integer, doc_json text, c text, d text); insert into n select * from t; drop table t; alter table n rename to t',
  );
  const second = followed(db, first.plan);
  expect(second.whole).toHaveLength(1);
  expect(of(second)).toEqual([['id', 'text', undefined], ['b', 'integer', 'refuse'], ...rest]);
});
