/*
 * Every kind of difference that somebody may plant in Postgres, with where it has to be found. Values are Postgres's; a key is named
 * as reports name it.
 */
import { ROWS, realOf, textOf } from './zoo.ts';

/** What a report has to say of a row, or of an object of the catalog; `table` is the same on both sides. */
export type Found =
  | { readonly table: string; readonly key: string; readonly kind: 'missing' | 'extra' | 'different'; readonly columns: readonly string[] }
  | { readonly kind: string; readonly table: string; readonly name: string; readonly problem: string };

export type Planted = { readonly what: string; readonly sql: string; readonly found: readonly Found[] };

/** A kind of plant in one row of set `n`; undefined where row `id` is none that it can be planted in. */
type RowPlant = {
  readonly what: string;
  readonly table: string;
  readonly plant: (name: string, id: number) => Omit<Planted, 'what'> | undefined;
};

const thing = (what: string, column: string, set: (id: number) => string, fits: (id: number) => boolean = () => true): RowPlant => ({
  what,
  table: 'thing',
  plant: (name, id) =>
    fits(id)
      ? {
          sql: `update ${name} set ${column} = ${set(id)} where id = ${id}`,
          found: [{ table: name, key: `["i:${id}"]`, kind: 'different', columns: [column] }],
        }
      : undefined,
});

const pairKey = (id: number): string => `["t:key ${id}","i:${id}"]`;

export const ROW_PLANTS: readonly RowPlant[] = [
  thing('a flipped bit', 'b', id => `set_byte(b, ${id % 3}, get_byte(b, ${id % 3}) # ${1 << (id % 8)})`),
  thing(
    'NULL that became an empty text',
    't',
    () => `''`,
    id => textOf(id) === null,
  ),
  thing(
    'an empty text that became NULL',
    't',
    () => 'null',
    id => textOf(id) === '',
  ),
  thing(
    'a blank at the end',
    't',
    () => `t || ' '`,
    id => (textOf(id) ?? '') !== '',
  ),
  thing(
    'another letter case',
    't',
    () => 'upper(t)',
    id => (textOf(id) ?? '') !== '',
  ),
  thing(
    '-0.0 for 0.0',
    'f',
    () => `'-0'`,
    id => Object.is(realOf(id), 0),
  ),
  thing(
    'the last bit of a REAL',
    'f',
    () => 'f * (1 + 2.220446049250313e-16::double precision)',
    id => realOf(id) !== 0,
  ),
  thing(
    `'1' for 1`,
    'mixed',
    () => `'t:1'`,
    id => id % 2 === 0,
  ),
  thing(
    `1 for '1'`,
    'mixed',
    id => `'i:${id}'`,
    id => id % 2 === 1,
  ),
  thing('an integer that is one more', 'n', () => 'n + 100000'),
  thing('a microsecond', 'created_at', () => `created_at + interval '1 microsecond'`),
  thing('an hour', 'created_at', () => `created_at - interval '1 hour'`),
  thing('a member of a document', 'doc', () => `jsonb_set(doc, '{n}', '"else"')`),
  thing('a NULL in a document', 'doc', () => `doc #- '{list,1}'`),
  thing('a flipped boolean', 'flag', () => 'not flag'),
  {
    what: 'a missing row',
    table: 'thing',
    plant: (name, id) => ({
      sql: `delete from ${name} where id = ${id}`,
      found: [{ table: name, key: `["i:${id}"]`, kind: 'missing', columns: [] }],
    }),
  },
  {
    what: 'an extra row',
    table: 'thing',
    plant: (name, id) => ({
      sql: `insert into ${name} (id, b, f, n, created_at, doc, flag) values (${id + 10 * ROWS}, '', 0, ${id + 10 * ROWS}, now(), '{}', true)`,
      found: [{ table: name, key: `["i:${id + 10 * ROWS}"]`, kind: 'extra', columns: [] }],
    }),
  },
  {
    what: 'another text behind a key of two columns',
    table: 'pair',
    plant: (name, id) => ({
      sql: `update ${name} set v = 'else' where b = ${id}`,
      found: [{ table: name, key: pairKey(id), kind: 'different', columns: ['v'] }],
    }),
  },
  {
    what: 'a row that moved to another key',
    table: 'pair',
    plant: (name, id) => ({
      sql: `update ${name} set a = 'moved' where b = ${id}`,
      found: [
        { table: name, key: pairKey(id), kind: 'missing', columns: [] },
        { table: name, key: `["t:moved","i:${id}"]`, kind: 'extra', columns: [] },
      ],
    }),
  },
  {
    what: 'two columns that changed in a table without a key',
    table: 'line',
    plant: (name, id) => ({
      sql: `update ${name} set message = 'else', at = null where at = ${id}`,
      found: [{ table: name, key: `["i:${id}"]`, kind: 'different', columns: ['message', 'at'] }],
    }),
  },
  {
    what: 'a missing row of a table without a key',
    table: 'line',
    plant: (name, id) => ({
      sql: `delete from ${name} where at = ${id}`,
      found: [{ table: name, key: `["i:${id}"]`, kind: 'missing', columns: [] }],
    }),
  },
];

const invalid = (index: string): string => `update pg_index set indisvalid = false where indexrelid = '${index}'::regclass`;

/** Plants in the catalog, each once for set `n`; `others` does what stands in the way of the first. */
export const objectPlants = (n: number, others: boolean): Planted[] => {
  const [table, pair] = [`thing${n}`, `pair${n}`];
  const sequence = { kind: 'sequence', table, name: 'id', problem: 'changed' };
  return [
    others
      ? { what: 'a sequence that stands elsewhere', sql: `select setval(pg_get_serial_sequence('${table}', 'id'), 77)`, found: [sequence] }
      : { what: 'a sequence with other steps', sql: `alter table ${table} alter id set increment by 10`, found: [sequence] },
    others
      ? { what: 'a dropped index', sql: `drop index ${table}_t`, found: [{ kind: 'index', table, name: `${table}_t`, problem: 'missing' }] }
      : {
          what: 'an index that is not used',
          sql: invalid(`${table}_t`),
          found: [{ kind: 'index', table, name: `${table}_t`, problem: 'invalid' }],
        },
    {
      what: 'an index that is unique no more',
      sql: `drop index ${table}_n; create index ${table}_n on ${table} (n)`,
      found: [{ kind: 'index', table, name: `${table}_n`, problem: 'changed' }],
    },
    {
      what: 'an index over another expression',
      sql: `drop index ${table}_low; create index ${table}_low on ${table} (upper(t))`,
      found: [{ kind: 'index', table, name: `${table}_low`, problem: 'changed' }],
    },
    {
      what: 'a dropped key',
      sql: `alter table ${pair} drop constraint ${pair}_pkey`,
      found: [{ kind: 'key', table: pair, name: `${pair}_pkey`, problem: 'missing' }],
    },
    {
      what: 'a key of its columns in another order',
      sql: `alter table line${n} drop constraint line${n}_pkey, add constraint line${n}_pkey primary key (_attacca_rowid, message)`,
      found: [{ kind: 'key', table: `line${n}`, name: `line${n}_pkey`, problem: 'changed' }],
    },
    {
      what: 'a column that takes NULL',
      sql: `alter table ${table} alter b drop not null`,
      found: [{ kind: 'column', table, name: 'b', problem: 'changed' }],
    },
    others
      ? {
          what: 'another default',
          sql: `alter table ${table} alter n set default 8`,
          found: [{ kind: 'column', table, name: 'n', problem: 'changed' }],
        }
      : {
          what: 'a dropped default',
          sql: `alter table ${table} alter n drop default`,
          found: [{ kind: 'column', table, name: 'n', problem: 'changed' }],
        },
    {
      what: 'a fence that was down for a moment',
      sql: `alter table ${pair} disable trigger _attacca_fence; alter table ${pair} enable always trigger _attacca_fence`,
      found: [{ kind: 'fence', table: pair, name: '_attacca_fence', problem: 'changed' }],
    },
    {
      what: 'a fence that is gone',
      sql: `drop trigger _attacca_fence on line${n}`,
      found: [{ kind: 'fence', table: `line${n}`, name: '_attacca_fence', problem: 'changed' }],
    },
  ];
};
