/*
 * Every finding that the file and the target can raise: its level, and what to do. The codes are stable; documents and waivers name them.
 */
import type { Finding } from './finding.ts';

type Level = Finding['level'];

export const CODES = {
  'no-tables': ['blocking', 'give the file the application writes to; this one has nothing to replicate'],
  'no-key': [
    'blocking',
    'give the table a key that an index in Postgres can have (an INTEGER PRIMARY KEY always can), or exclude it in the plan file',
  ],
  'row-too-wide': [
    'warning',
    'split the table, exclude it in the plan file, or leave more columns NULL; a cutover is refused until its rows have left quarantine or are dropped from it',
  ],
  'too-many-columns': ['blocking', 'split the table, or exclude it in the plan file'],
  'mixed-classes': ['warning', 'nothing to do: each value keeps its class as tagged text. Unify the values for a plain type'],
  'mixed-formats': [
    'note',
    'nothing to do: every value is kept as it is. Unify the values for a narrower type, or choose a codec in the plan file',
  ],
  'unclean-text': ['warning', 'nothing to do: every byte is kept as tagged text. Clean the texts, or store them as BLOB, for a plain type'],
  'null-key': ['warning', 'fill in the NULLs and plan again if this key should identify rows in Postgres too'],
  'hidden-key': ['note', 'nothing to do; a PRIMARY KEY in the table would spare the extra column'],
  'key-too-many-columns': ['warning', 'declare a key of fewer columns, such as an INTEGER PRIMARY KEY, or live with the other one'],
  'key-too-wide': ['warning', 'shorten the values, or live with the other key'],
  'generated-column': ['warning', 'add it in Postgres after the cutover, as an expression there'],
  'too-large': [
    'warning',
    'store it in parts or outside the database; a cutover is refused until its row has left quarantine or is dropped from it',
  ],
  'not-null-violated': ['warning', 'fill in the NULLs; then plan again, or set NOT NULL in Postgres'],
  'default-expression': ['warning', 'set a default in Postgres before the cutover, if the application relies on it'],
  'default-unfit': ['warning', 'correct the default in SQLite, or set one in Postgres before the cutover'],
  'column-collation': ['warning', 'check queries that compare this column, and use lower() or another collation there'],
  'conflict-clause': ['warning', 'let the application say INSERT … ON CONFLICT itself'],
  check: ['warning', 'add the constraints in Postgres before the cutover, if the application relies on them'],
  'check-violated': ['warning', 'correct the rows; until then the constraint is checked for new rows only'],
  view: ['warning', 'create it in Postgres before the cutover, if the application reads it'],
  trigger: ['warning', 'move what it does into the application or into a Postgres trigger before the cutover'],
  'virtual-table': ['warning', 'decide what does its work in Postgres, and build that before the cutover'],
  'full-text': ['note', 'rewrite its MATCH queries like this, and order by ts_rank() where the application orders by rank'],
  'index-partial': ['warning', 'create it in Postgres before the cutover, if queries or uniqueness need it'],
  'index-expression': ['warning', 'create it in Postgres before the cutover, if queries or uniqueness need it'],
  'index-generated': ['warning', 'create it in Postgres together with the generated column, if it is needed'],
  'index-collation': ['warning', 'create one with a fitting collation in Postgres before the cutover, if it is needed'],
  'index-too-wide': ['warning', 'index a hash of the value in Postgres, if it is needed'],
  'index-partitioned': ['warning', 'let the application see to it, or begin anew without the partitions'],
  'index-redundant': ['note', 'nothing to do'],
  'foreign-key-parent': ['warning', 'correct the declaration in SQLite, or add the foreign key in Postgres later'],
  'foreign-key-types': ['warning', 'give both columns the same codec in the plan file, or live without the foreign key'],
  'foreign-key-collation': ['warning', 'live without the foreign key: Postgres compares exactly'],
  'foreign-key-deferred': ['warning', 'write parents before children, or make the constraints deferrable after the cutover'],
  orphans: ['warning', 'remove the rows or add their parents; until then the foreign key is checked for new rows only'],
  'unique-collation': ['blocking', 'use a built-in collation'],
  'volatile-unique-default': ['blocking', 'let the application write that value'],
  'unique-expression-over-id': ['blocking', 'leave the id out of the expression'],
  'unique-expression-over-generated': ['blocking', 'write the expression out in the index'],
  'unique-expression-over-default': ['blocking', 'write the default in the type of its column'],
  'unique-expression-comparison': ['blocking', 'use an expression without comparison'],
  'unique-partial-comparison': ['blocking', "compare a column with literals of the column's own type, or leave the condition out"],
  'unique-expression-fails': ['note', 'nothing to do where the application writes no such values'],
  'foreign-key-mismatch': ['warning', 'if the application switches foreign keys on, add the unique index or drop the foreign key'],
  'replace-self-reference': ['note', 'nothing to do where every row that is replaced points at one that stays'],
  'raise-ignore': ['blocking', 'make it a BEFORE trigger, or take RAISE(IGNORE) out'],
  'name-changed': ['warning', 'use the new name in Postgres, or choose another in the plan file'],
  'target-refuses-table': ['blocking', 'change the types or the name in the plan file, or exclude the table there'],
  'target-refuses': ['warning', 'create it in Postgres in another form before the cutover, if it is needed'],
  'names-quoted': ['note', 'write these names in double quotes in Postgres, or rename them in the plan file'],
  'target-table-missing': [
    'blocking',
    'run the application’s migrations against Postgres, or exclude the table in the plan file; or drop the tables there, and attacca makes them all',
  ],
  'target-ambiguous': ['blocking', 'say which is meant: `target` in the plan file'],
  'target-not-table': ['blocking', 'give the data an ordinary table in Postgres, or exclude the table in the plan file'],
  'target-not-owner': ['blocking', 'connect as the owner of the table, or make this role a member of the owner'],
  'target-not-empty': [
    'blocking',
    'name the table under `exclude` in the plan file if the migrations keep their own record there; otherwise truncate it in Postgres, or let attacca use another schema or database',
  ],
  'target-row-security': ['blocking', 'disable row security until the cutover, or connect as a role with BYPASSRLS'],
  'target-column-missing': [
    'blocking',
    'add the column in Postgres, say in the plan file which one it is (`target`), or exclude the table',
  ],
  'target-column-required': ['blocking', 'give the column a default in Postgres, or let it be NULL'],
  'target-column-extra': ['note', 'nothing to do: attacca never writes it, and its values survive'],
  'target-column-generated': ['blocking', 'make it an ordinary column in Postgres until the cutover'],
  'target-type': ['blocking', 'give the column another type in Postgres, or exclude the table in the plan file'],
  'target-misfit': ['blocking', 'correct these values in SQLite, or give the column a wider type in Postgres'],
  'target-not-null': ['blocking', 'fill in the NULLs in SQLite, or let the column be NULL in Postgres'],
  'target-refused': ['blocking', 'correct these rows in SQLite, or loosen the constraint in Postgres'],
  'target-no-key': ['blocking', 'add a PRIMARY KEY over these columns in both databases, or exclude the table in the plan file'],
  'target-deferrable': ['blocking', 'make the constraint NOT DEFERRABLE: Postgres does not check it for what attacca writes'],
  'target-replica-identity': ['blocking', 'run ALTER TABLE … REPLICA IDENTITY FULL, or make this key the primary key'],
  'target-folds': ['warning', 'check that no two values differ in case only, or use a type that compares exactly'],
  'target-unit': [
    'blocking',
    'say it by a codec in the plan file, such as timestamptz(ms since 1970), or interval(us) for what Django writes',
  ],
  'target-unique-missing': ['warning', 'create the unique index in Postgres before the cutover, if the application relies on it'],
  'target-sequence': ['warning', 'give the column an identity, or its sequence to it: ALTER SEQUENCE … OWNED BY'],
  'target-trigger': ['note', 'nothing to do: it is silent while attacca writes, and fires for the application after the cutover'],
  'target-trigger-always': ['blocking', 'run ALTER TABLE … ENABLE TRIGGER, so that it stays silent for what attacca writes'],
  'target-replica-role': [
    'blocking',
    'as a superuser (PostgreSQL 15 or newer): GRANT SET ON PARAMETER session_replication_role TO the role of attacca; or let it be a superuser',
  ],
  'misfits-expected': [
    'warning',
    'correct these values in the application; a cutover is refused until their rows have left quarantine or are dropped from it',
  ],
  partitioned: [
    'note',
    'let ids come from the sequence there, and add partitions for the time to come; what has none goes to the default one',
  ],
  'plan-gone': ['warning', 'remove it from the plan file, or correct the name there'],
  excluded: ['note', 'nothing to do: the plan leaves it out on request'],
  litestream: ['note', 'nothing to do: Litestream goes on writing it, whoever is primary'],
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
