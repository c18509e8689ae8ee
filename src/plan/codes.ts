/*
 * Every finding that a decision can raise: its level, and what to do. The codes are stable; documents and waivers name them.
 */
import type { Finding } from './finding.ts';

type Level = Finding['level'];

export const CODES = {
  'no-tables': ['blocking', 'Give the file the application writes to; this one has nothing to replicate.'],
  'no-key': ['blocking', 'Give the table a PRIMARY KEY, or exclude it in the plan file.'],
  'too-many-columns': ['blocking', 'Split the table, or exclude it in the plan file.'],
  'mixed-classes': ['warning', 'Nothing must be done: each value keeps its class as tagged text. Unify the values for a plain type.'],
  'mixed-formats': [
    'note',
    'Nothing must be done: every value is kept as it is. Unify the values for a narrower type, or choose a codec in the plan file.',
  ],
  'unclean-text': [
    'warning',
    'Nothing must be done: every byte is kept as tagged text. Clean the texts, or store them as BLOB, for a plain type.',
  ],
  'null-key': ['warning', 'Fill in the NULLs and plan again if this key should identify rows in Postgres too.'],
  'hidden-key': ['note', 'Nothing must be done; a PRIMARY KEY in the table would spare the extra column.'],
  'key-too-wide': ['warning', 'Shorten the values, or live with the other key.'],
  'generated-column': ['warning', 'Add it in Postgres after the cutover, as an expression there.'],
  'not-null-violated': ['warning', 'Fill in the NULLs; then plan again, or set NOT NULL in Postgres.'],
  'default-expression': ['warning', 'Set a default in Postgres before the cutover, if the application relies on it.'],
  'default-unfit': ['warning', 'Correct the default in SQLite, or set one in Postgres before the cutover.'],
  'column-collation': ['warning', 'Check queries that compare this column, and use lower() or another collation there.'],
  'conflict-clause': ['warning', 'Let the application say INSERT … ON CONFLICT itself.'],
  check: ['warning', 'Add the constraints in Postgres before the cutover, if the application relies on them.'],
  'check-violated': ['warning', 'Correct the rows; until then the constraint is checked for new rows only.'],
  view: ['warning', 'Create it in Postgres before the cutover, if the application reads it.'],
  trigger: ['warning', 'Move what it does into the application or into a Postgres trigger before the cutover.'],
  'virtual-table': ['warning', 'Build its replacement in Postgres before the cutover (a tsvector column for full-text search).'],
  'index-partial': ['warning', 'Create it in Postgres before the cutover, if queries or uniqueness need it.'],
  'index-expression': ['warning', 'Create it in Postgres before the cutover, if queries or uniqueness need it.'],
  'index-generated': ['warning', 'Create it in Postgres together with the generated column, if it is needed.'],
  'index-collation': ['warning', 'Create one with a fitting collation in Postgres before the cutover, if it is needed.'],
  'index-too-wide': ['warning', 'Index a hash of the value in Postgres, if it is needed.'],
  'index-redundant': ['note', 'Nothing must be done.'],
  'foreign-key-parent': ['warning', 'Correct the declaration in SQLite, or add the foreign key in Postgres later.'],
  'foreign-key-types': ['warning', 'Give both columns the same codec in the plan file, or live without the foreign key.'],
  'foreign-key-collation': ['warning', 'Live without the foreign key: Postgres compares exactly.'],
  'foreign-key-deferred': ['warning', 'Write parents before children, or make the constraints deferrable after the cutover.'],
  orphans: ['warning', 'Remove the rows or add their parents; until then the foreign key is checked for new rows only.'],
  'name-changed': ['warning', 'Use the new name in Postgres, or choose another in the plan file.'],
  'target-refuses-table': ['blocking', 'Change the types or the name in the plan file, or exclude the table there.'],
  'target-refuses': ['warning', 'Create it in Postgres in another form before the cutover, if it is needed.'],
  'names-quoted': ['note', 'Write these names in double quotes in Postgres, or rename them in the plan file.'],
  excluded: ['note', 'Nothing must be done: the plan leaves it out on request.'],
} as const satisfies Readonly<Record<string, readonly [Level, string]>>;

export type Code = keyof typeof CODES;

type Facts = {
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  readonly message: string;
  readonly count?: number;
  readonly samples?: readonly string[];
};

/** A finding with the level and the remedy of its code. */
export function finding(code: Code, { table, column, message, count = 1, samples = [] }: Facts): Finding {
  const [level, remedy] = CODES[code];
  return { code, level, table: table ?? null, column: column ?? null, message, remedy, count, samples: [...samples] };
}
