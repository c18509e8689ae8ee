/*
 * Histories: what applications do to their tables, one statement a step, from two connections.
 */
import fc from 'fast-check';
import { quote } from '../../src/change/quote.ts';
import { type Dice as Choices, dice } from './dice.ts';
import { type Favourites, literalOf } from './values.ts';

/** What a step needs to know of a table. */
export type Target = {
  readonly name: string;
  /** Columns that can be written. */
  readonly columns: readonly string[];
  /** Those of them without which a row is refused. */
  readonly required: readonly string[];
  /** The INTEGER PRIMARY KEY, which takes no copies: behind the largest one SQLite draws random ones. */
  readonly id: string | undefined;
  /** Where a foreign key looks for what is in a column. */
  readonly parents: Readonly<Record<string, { readonly name: string; readonly column: string }>>;
  /** Conflict targets of an UPSERT, one for each unique index. */
  readonly targets: readonly string[];
};

type Dice = Choices & { literal(key?: boolean): string; conflict(): string; column(target: Target): string };
type Make = (dice: Dice, target: Target, other: Target) => string;

const CONFLICTS = ['', '', 'or replace', 'or replace', 'or replace', 'or ignore', 'or fail', 'or abort', 'or rollback'];
const returning = (dice: Dice): string => (dice.chance(20) ? ' returning *, changes()' : '');

function chosen(dice: Dice, target: Target, most = 4): string[] {
  return [...new Set(Array.from({ length: 1 + dice.below(most) }, () => dice.column(target)))];
}

/** Which row an UPDATE meets first is the planner's choice, and another one where there are triggers: here it has none. */
const unordered = ({ name }: Pick<Target, 'name'>): string => `${name} not indexed`;

/** The value of a row that is there. */
const present = (dice: Dice, table: Pick<Target, 'name'>, column: string): string =>
  `(select ${column} from ${unordered(table)} limit 1 offset ${dice.below(3)})`;

/** An INTEGER PRIMARY KEY takes nothing else, a foreign key only what is there. */
function literalFor(dice: Dice, { id, parents, columns }: Target, column: string): string {
  if (column === id && dice.chance(90)) return String(dice.below(9));
  if (column === 'rowid') return String(dice.below(7) - 2);
  const parent = parents[column];
  return parent !== undefined && dice.chance(95) ? present(dice, parent, parent.column) : dice.literal(column === columns[0]);
}

const row = (dice: Dice, target: Target, columns: readonly string[]): string =>
  `(${columns.map(column => literalFor(dice, target, column)).join(', ')})`;

function insert(dice: Dice, target: Target, conflict = dice.conflict(), count = 1 + dice.below(3)): string {
  const columns = [...new Set([...(dice.chance(90) ? target.required : []), ...chosen(dice, target, 10)])];
  const rows = Array.from({ length: count }, () => row(dice, target, columns));
  return `insert ${conflict} into ${target.name} (${columns.join(', ')}) values ${rows.join(', ')}`;
}

/**
 * One row takes what another one has, or what its parent has: where that is unique, REPLACE removes the other one, of which the
 * statement says nothing.
 */
function taken(dice: Dice, target: Target, column: string): string {
  const child = Object.entries(target.parents).find(([, parent]) => parent.name === target.name && parent.column === column);
  return child?.[0] ?? present(dice, target, column);
}

const assignments = (dice: Dice, target: Target, columns: readonly string[]): string =>
  columns.map(column => `${column} = ${(dice.chance(40) ? taken : literalFor)(dice, target, column)}`).join(', ');

/** Mostly one row: REPLACE leaves only one of those that get the same value. */
function where(dice: Dice, target: Target): string {
  if (dice.chance(50)) return ` where ${target.columns[0]} is ${present(dice, target, target.columns[0]!)}`;
  const column = dice.pick(target.columns);
  return dice.pick([
    () => '',
    () => ` where ${column} = ${dice.literal()}`,
    () => ` where ${column} is not ${dice.literal()}`,
    () => ` where ${column} in (${dice.literal()}, ${dice.literal()})`,
    () => ` where typeof(${column}) = 'text'`,
    () => ` where ${column} = ${present(dice, target, column)}`,
  ])();
}

function onConflict(dice: Dice, target: Target): string {
  const to = target.targets.length === 0 ? '' : ` ${dice.pick(target.targets)}`;
  const columns = chosen(dice, target, 2);
  return dice.pick([
    () => ` on conflict${to} do nothing`,
    () => ` on conflict${to} do update set ${assignments(dice, target, columns)}`,
    () =>
      ` on conflict${to} do update set ${columns[0]} = excluded.${columns[0]}${where(dice, target).replace(' where ', ` where ${target.name}.`)}`,
  ])();
}

const copies = (dice: Dice, target: Target): string[] => chosen(dice, target).filter(column => column !== target.id);

const KINDS = {
  fill: (dice, target) => insert(dice, target, 'or ignore', 6),
  insert: (dice, target) => insert(dice, target) + returning(dice),
  defaults: (dice, target) => `insert ${dice.conflict()} into ${target.name} default values${returning(dice)}`,
  copy: (dice, target, other) => {
    const columns = copies(dice, target);
    if (columns.length === 0) return insert(dice, target);
    const from = columns.map(() => dice.pick(other.columns)).join(', ');
    return `insert ${dice.conflict()} into ${target.name} (${columns.join(', ')}) select ${from} from ${other.name} where true limit 3`;
  },
  /** A row that is like one that is there but for a column or two: the next change may make them the same to some index. */
  twin: (dice, target) => {
    const columns = target.columns.filter(column => column !== target.id);
    const values = columns.map(column => (dice.chance(70) ? column : dice.literal())).join(', ');
    return `insert ${dice.conflict()} into ${target.name} (${columns.join(', ')}) select ${values} from ${unordered(target)} limit 1`;
  },
  upsert: (dice, target) => {
    const clauses = Array.from({ length: 1 + dice.below(2) }, () => onConflict(dice, target)).join('');
    return insert(dice, target) + clauses + returning(dice);
  },
  update: (dice, target) =>
    `update ${dice.conflict()} ${unordered(target)} set ${assignments(dice, target, chosen(dice, target, 2))}${where(dice, target)}${returning(dice)}`,
  from: (dice, target, other) => {
    const [column = target.columns[0]!] = copies(dice, target);
    const [theirs, match, own] = [dice.pick(other.columns), dice.pick(other.columns), dice.pick(target.columns)];
    const value = column === target.id ? `${target.name}.${column}` : `s.${theirs}`;
    return `update ${dice.conflict()} ${unordered(target)} set ${column} = ${value} from ${other.name} as s not indexed where s.${match} ${dice.pick(['=', 'is', '>'])} ${target.name}.${own}`;
  },
  shift: (dice, target) => {
    const column = dice.column(target);
    const value = dice.pick([
      `${column} + 1`,
      `-${column}`,
      `upper(${column})`,
      `lower(${column})`,
      `${column} || ' '`,
      `rtrim(${column})`,
      dice.pick(target.columns),
      dice.pick(target.columns),
    ]);
    return `update ${dice.conflict()} ${unordered(target)} set ${column} = ${value}${where(dice, target)}${returning(dice)}`;
  },
  rowid: (dice, target) => insert(dice, { ...target, required: ['rowid', ...target.required] }),
  rowids: (dice, target) => {
    const value = dice.pick(['rowid + 1', 'rowid - 1', '-rowid', '-rowid', '-rowid', '1', '2']);
    return `update ${dice.conflict()} ${unordered(target)} set rowid = ${value}${where(dice, target)}`;
  },
  delete: (dice, target) => `delete from ${unordered(target)}${where(dice, target)}${returning(dice)}`,
  truncate: (_, target) => `delete from ${target.name}`,
  begin: dice => dice.pick(['begin', 'begin immediate', 'begin exclusive']),
  commit: () => 'commit',
  rollback: () => 'rollback',
  savepoint: dice => dice.pick(['savepoint s', 'savepoint s', 'release s', 'rollback to s']),
  pragma: dice =>
    `pragma ${dice.pick(['recursive_triggers', 'foreign_keys', 'defer_foreign_keys', 'ignore_check_constraints'])} = ${dice.below(2)}`,
  upkeep: dice => dice.pick(['vacuum', 'analyze', 'reindex']),
} satisfies Record<string, Make>;

const WEIGHTS: Readonly<Record<keyof typeof KINDS, number>> = {
  ...{ fill: 4, insert: 6, defaults: 1, copy: 2, twin: 4, upsert: 5 },
  ...{ update: 12, from: 2, shift: 6, rowid: 2, rowids: 3, delete: 2, truncate: 1 },
  ...{ begin: 2, commit: 3, rollback: 1, savepoint: 2, pragma: 1, upkeep: 1 },
};
const WEIGHTED = Object.entries(WEIGHTS).flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind as keyof typeof KINDS));

const step = fc.record({
  kind: fc.constantFrom(...WEIGHTED),
  /** 0 or 1; the second one comes by less often, or it would mostly find the file locked. */
  connection: fc.constantFrom(0, 0, 0, 1),
  table: fc.nat({ max: 1 }),
  salt: fc.nat(),
  sync: fc.nat({ max: 2 }).map(n => n === 2),
});
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

export const steps: fc.Arbitrary<Step[]> = fc.array(step, { minLength: 5, maxLength: 40, size: 'max' });

export function sqlOf({ kind, table, salt }: Step, targets: readonly Target[], favourites: Favourites): string {
  const target = targets[table % targets.length]!;
  const other = targets[(table + 1) % targets.length]!;
  const make: Make = KINDS[kind];
  const choices = dice(salt);
  const { dense } = favourites;
  const literal = (key = false): string => literalOf(favourites, choices, key);
  const conflict = (): string => (dense && choices.chance(80) ? 'or replace' : choices.pick(CONFLICTS));
  const column = ({ columns }: Target): string => {
    const few = columns.filter(name => name === columns[0] || name === 'u');
    return choices.pick(dense && choices.chance(60) ? few : columns);
  };
  return make({ ...choices, literal, conflict, column }, target, other);
}

/** The conflict target that means one unique index. */
export const conflictTarget = (
  terms: readonly { column: string | null; expression: string | null; collation: string }[],
  predicate: string | null,
) =>
  `(${terms.map(({ column, expression, collation }) => `${expression ?? quote(column ?? '')} collate ${collation}`).join(', ')})${predicate === null ? '' : ` where ${predicate}`}`;
