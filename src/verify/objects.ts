/* What stands in Postgres's catalog against what has to stand there. Pure: it is given both. */
import { type CatalogObject, INVALID, type ObjectKind, type SequenceState } from '../plan/ddl/catalog-object.ts';

export type ObjectProblem = {
  readonly kind: ObjectKind | 'fence';
  /** Name in Postgres; '' for what belongs to no table. */
  readonly table: string;
  readonly name: string;
  readonly problem: 'missing' | 'changed' | 'invalid';
  readonly detail: string;
};

/** While SQLite is primary the constraints that would stand in the way of copying are not there. */
export const SHADOWING: ReadonlySet<ObjectKind> = new Set(['column', 'key', 'unique', 'index', 'sequence']);

/** A table has one key, which keeps its name when the table gets another one. */
const nameOf = ({ kind, table, name }: CatalogObject): string => JSON.stringify(kind === 'key' ? [kind, table] : [kind, table, name]);

/** Those of `expected` that are not there as they should be. What is there beside them is somebody's own business. */
export function compareObjects(expected: readonly CatalogObject[], found: readonly CatalogObject[]): ObjectProblem[] {
  const there = new Map(found.map(object => [nameOf(object), object]));
  return expected.flatMap(object => {
    const { kind, table, definition } = object;
    const { definition: now, name } = there.get(nameOf(object)) ?? { definition: undefined, name: object.name };
    const is = (problem: ObjectProblem['problem'], detail: string): ObjectProblem[] => [{ kind, table, name, problem, detail }];
    if (now === definition) return [];
    if (now === undefined) return is('missing', definition);
    if (now === `${definition}${INVALID}`) return is('invalid', 'it is there, and Postgres does not use it');
    return is('changed', `it is ${now}, and has to be ${definition}`);
  });
}

/** While SQLite is primary nobody draws numbers, and each sequence stands where it was left; while Postgres is, none goes back behind that. */
export function movedSequences(sequences: readonly SequenceState[], shadowing: boolean): ObjectProblem[] {
  const at = (number: bigint | null): string => (number === null ? 'its start' : String(number));
  return sequences
    .filter(({ last, left }) => (shadowing ? last !== left : (last ?? 0n) < (left ?? 0n)))
    .map(({ table, column, last, left }) => changed(table, column, `it stands at ${at(last)}, and was left at ${at(left)}`));
}

const changed = (table: string, name: string, detail: string): ObjectProblem => ({
  kind: 'sequence',
  table,
  name,
  problem: 'changed',
  detail,
});

/** Tables that somebody else could write, because the fence was not as attacca made it. */
export const touchedFences = (tables: Iterable<string>): ObjectProblem[] =>
  [...tables].map(table => ({
    kind: 'fence',
    table,
    name: '_attacca_fence',
    problem: 'changed',
    detail: 'it was taken down, switched off or replaced: somebody else could write',
  }));
