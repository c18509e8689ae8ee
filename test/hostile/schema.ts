/*
 * Schemas as applications have them, and worse: a table is a handful of choices, so that a failing one shrinks.
 *
 * {any}, {num} and {kind} are types that STRICT tables spell in another way, {kind} that of the history's favourite values, {apart}
 * what tells those of them in u apart that are equal; {t} is the table, {o} the other one, {i} a fresh name.
 */
import fc from 'fast-check';
import { AFTER, BEFORE } from './triggers.ts';
import type { Kind } from './values.ts';

type Key = {
  readonly columns: string;
  /** PRIMARY KEY or UNIQUE over several columns. */
  readonly constraint?: string;
  /** What a foreign key can point at. */
  readonly names: readonly string[];
  /** Whether the table can be WITHOUT ROWID: only a primary key carries that, and no AUTOINCREMENT. */
  readonly primary: boolean;
};

const single = (columns: string, primary = true): Key => ({ columns, names: [columns.split(' ')[0]!], primary });
const several = (columns: string, constraint: string, primary = true): Key => ({ columns, constraint, names: ['k', 'l'], primary });

const KEYS: readonly Key[] = [
  single('id integer primary key'),
  { ...single('id integer primary key autoincrement'), primary: false },
  single('id integer primary key on conflict replace'),
  single('id integer primary key desc'),
  single('id int primary key'),
  single('k text primary key'),
  single('k text not null primary key'),
  single('k text collate nocase not null primary key'),
  single('k {any} collate rtrim not null primary key on conflict replace'),
  single('k {any} not null primary key'),
  single('k {any} not null primary key on conflict ignore'),
  single('k real not null primary key on conflict fail'),
  single('k {num} not null primary key on conflict rollback'),
  ...Array.from({ length: 4 }, () => single('k {kind} not null primary key')),
  single('k blob not null primary key'),
  single("k text not null default 'a' primary key"),
  several('k integer not null, l text collate nocase not null', 'primary key (k, l)'),
  several('k {any} not null, l {any} not null', 'primary key (l desc, k)'),
  several('k text, l {any}', 'primary key (k desc, l) on conflict replace'),
  several('k text collate rtrim not null, l real not null', 'primary key (l, k collate nocase)'),
  several('k text collate nocase not null, l text not null', 'primary key (k collate binary, l)'),
  single('k text not null unique on conflict replace', false),
  single('k text collate nocase not null unique', false),
  several('k {any} not null, l integer not null', 'unique (l, k) on conflict ignore', false),
  { columns: 'k {any}', names: [], primary: false },
];
const kinds = (count: number): string[] => Array.from({ length: count }, () => '{kind}');
const TYPES = [
  '{any}',
  ...kinds(5),
  '{kind} not null',
  'text',
  'integer',
  'real',
  '{num}',
  'text collate nocase',
  '{any} collate rtrim',
  "text not null default 'a'",
  'integer not null default 1',
  '{any} not null on conflict ignore',
  "{any} collate nocase not null on conflict replace default 'b'",
];
const RESTRICTED = [
  ...TYPES,
  '{kind} unique',
  'text unique on conflict replace',
  '{any} unique on conflict fail',
  'text check (length(v) < 3)',
];
const GENERATED = [
  "g {any} as (lower(u) || coalesce(v, '-'))",
  'g text as (u || w) stored',
  'g {any} as (coalesce(v, w)), h {any} as (g || u)',
  "h text collate nocase as (g || '!') stored, g {any} as (u || v)",
  'g integer as (length(u)) unique on conflict replace',
];
const INDEXES = [
  'unique index {i} on {t} ({apart})',
  'unique index {i} on {t} (v collate binary desc, w)',
  'unique index {i} on {t} (u collate nocase)',
  'unique index {i} on {t} (v collate rtrim)',
  'unique index {i} on {t} (u collate binary)',
  'unique index {i} on {t} (w collate binary, {apart})',
  'unique index {i} on {t} (w) where v is not null',
  "unique index {i} on {t} ({apart}) where w > 1 or v = 'a'",
  "unique index {i} on {t} ({apart}) where v in ('a', 1) and w is null",
  "unique index {i} on {t} (v collate nocase) where u = 'A' collate nocase",
  "unique index {i} on {t} (json_extract(v, '$.id')) where json_valid(v)",
  "unique index {i} on {t} ({apart}) where json_extract(v, '$.id') = 1",
  "unique index {i} on {t} (json_extract(v, '$.id')) where json_valid(v) and u = 1",
  "unique index {i} on {t} (json_extract(v, '$.id')) where u in ('a', 'A') and json_valid(v)",
  'unique index {i} on {t} (lower(u))',
  'unique index {i} on {t} (length(u), v)',
  'unique index {i} on {t} (w + 0 desc)',
  'unique index {i} on {t} (coalesce(v, u) collate nocase desc)',
  'unique index {i} on {t} (u || w, v) where u is not null',
  'unique index {i} on {t} (g collate rtrim) where w is not null',
  'unique index {i} on {t} (h collate nocase)',
  "unique index {i} on {t} ({apart}) where v like 'a%'",
  "unique index {i} on {t} (w) where u glob '[a-b]*' or v between 'A' and 'b'",
  'unique index {i} on {t} (v) where u <> w collate nocase',
  "unique index {i} on {t} ({apart}) where case when v is null then w else v end = 'a'",
  'unique index {i} on {t} ({apart}) where typeof(v) = typeof(w)',
  'unique index {i} on {t} (typeof(u), v)',
  "unique index {i} on {t} (ifnull(u, 'x'), trim(v))",
  'unique index {i} on {t} (substr(u, 1, 1) collate nocase)',
  'unique index {i} on {t} (-w)',
  'unique index {i} on {t} (w % 2, u)',
  'unique index {i} on {t} (cast(v as integer))',
  'unique index {i} on {t} (hex(v) desc)',
  'unique index {i} on {t} (round(w, 1), u)',
  "unique index {i} on {t} (case u when 'a' then v else w end)",
  'unique index {i} on {t} (abs(w))',
  'unique index {i} on {t} (v) where rowid > 2',
  'index {i} on {t} (u)',
];
/** Each tells rows apart, or has them in it, in a way that others do not. */
const ODD = [
  'unique index {i} on {t} ({apart})',
  'unique index {i} on {t} ({apart}, v)',
  'unique index {i} on {t} ({apart}) where rowid > 0',
  'unique index {i} on {t} ({apart}) where v > w',
  'unique index {i} on {t} (g)',
];
const CONSTRAINTS = [
  '',
  'unique (u collate binary) on conflict replace',
  'unique (v collate binary, w)',
  'unique (w collate nocase, v) on conflict rollback',
  'unique (u) on conflict ignore, unique (w collate binary) on conflict replace',
  "check (u is not 'B')",
];
const ACTIONS = ['cascade', 'cascade', 'cascade', 'set null', 'set default', 'restrict', 'no action'];

const shape = (types: readonly string[], constraints: readonly string[], indexes: fc.Arbitrary<string[]>) =>
  fc.record({
    key: fc.nat({ max: KEYS.length - 1 }),
    withoutRowid: fc.boolean(),
    strict: fc.nat({ max: 9 }).map(n => n === 9),
    types: fc.tuple(fc.constantFrom(...types), fc.constantFrom(...types), fc.constantFrom(...types)),
    generated: fc.option(fc.constantFrom(...GENERATED)),
    constraint: fc.constantFrom(...constraints),
    indexes,
    before: fc.uniqueArray(fc.constantFrom(...BEFORE, ...AFTER), { maxLength: 1 }),
    after: fc.uniqueArray(fc.constantFrom(...BEFORE, ...AFTER), { maxLength: 1 }),
    parent: fc.option(
      fc.record({
        self: fc.boolean(),
        onDelete: fc.constantFrom(...ACTIONS),
        onUpdate: fc.constantFrom(...ACTIONS),
        deferred: fc.boolean(),
      }),
    ),
  });

/** Where every row is in the way of every other one few are left to be evicted: half of the tables have only one index. */
const table = fc.oneof(
  shape([...TYPES, ...kinds(20)], [''], fc.tuple(fc.oneof(fc.constantFrom(...ODD), fc.constantFrom(...ODD, ...INDEXES)))),
  shape(RESTRICTED, CONSTRAINTS, fc.uniqueArray(fc.constantFrom(...ODD, ...INDEXES), { maxLength: 4 })),
);
export type TableShape = typeof table extends fc.Arbitrary<infer T> ? T : never;

export const tables: fc.Arbitrary<TableShape[]> = fc.array(table, { minLength: 1, maxLength: 2 });

/** Statements that make the tables, and the triggers that come after attacca's. Some fail: they name columns that are not there. */
export function ddl(
  shapes: readonly TableShape[],
  { declared, apart = 'u' }: Kind,
): { readonly first: string[]; readonly later: string[] } {
  const named = (list: readonly string[], n: number, name: string): string[] =>
    list.map((sql, i) =>
      `create ${sql}`
        .replaceAll('{t}', `t${n}`)
        .replaceAll('{o}', `t${shapes.length - 1 - n}`)
        .replaceAll('{i}', `${name}${n}_${i}`)
        .replaceAll('{apart}', apart),
    );
  return {
    first: [
      ...shapes.map((shape, n) => createTable(shape, n, shapes, declared)),
      ...shapes.flatMap((shape, n) => [...named(shape.indexes, n, 'index'), ...named(shape.before, n, 'before')]),
    ],
    later: shapes.flatMap((shape, n) => named(shape.after, n, 'after')),
  };
}

function createTable(shape: TableShape, n: number, shapes: readonly TableShape[], declared: string): string {
  const key = KEYS[shape.key]!;
  const [u, v, w] = shape.types;
  const columns = [key.columns, `u ${u}`, `v ${v}`, `w ${w}`, shape.generated];
  const body = [...columns, key.constraint, shape.constraint, foreignKey(shape, n, shapes)].filter(Boolean).join(', ');
  const options = [shape.withoutRowid && key.primary ? 'without rowid' : '', shape.strict ? 'strict' : ''].filter(Boolean).join(', ');
  const typed = shape.strict
    ? body.replaceAll('{any}', 'any').replaceAll('{num}', 'real').replaceAll('{kind}', 'text')
    : body.replaceAll('{any}', '').replaceAll('{num}', 'numeric').replaceAll('{kind}', declared);
  return `create table t${n} (${typed}) ${options}`;
}

function foreignKey({ parent }: TableShape, n: number, shapes: readonly TableShape[]): string | undefined {
  if (parent === null || (n === 0 && !parent.self)) return undefined;
  const to = parent.self ? n : 0;
  const { names } = KEYS[shapes[to]!.key]!;
  if (names.length === 0) return undefined;
  const columns = names.length === 1 ? 'w' : 'v, w';
  const when = parent.deferred ? ' deferrable initially deferred' : '';
  return `foreign key (${columns}) references t${to} (${names.join(', ')}) on delete ${parent.onDelete} on update ${parent.onUpdate}${when}`;
}
