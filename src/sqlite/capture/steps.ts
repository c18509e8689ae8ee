/*
 * Whether something may have happened to the schema that it does not show: DROP COLUMN and ADD COLUMN leave the last column as it was,
 * over other values, and fire no trigger.
 *
 * SQLite counts: each statement that changes the schema moves schema_version by one. The canary remembers where that stood when the
 * schema was last dealt with; what has moved it since is counted against what can be seen of it. Two that are left may be such a pair.
 * It also names the plan: where capture is that of another one, which Postgres never got, the count began in the middle.
 */
import type { Change } from '../../plan/evolve/evolve.ts';
import { edition } from '../../plan/fingerprint.ts';
import type { Plan } from '../../plan/plan.ts';
import type { Database } from '../open.ts';
import { prepared, schemaVersion } from '../read/values.ts';
import { isOwnTable } from '../schema/own.ts';
import { readFileControl } from './control.ts';

/** Without a version (1: from before there was any), nothing is known to have happened since. */
const CANARY = /* sql */ `select rowid, x from _attacca_canary`;
/** Who rebuilds a table puts its triggers back, also ours. VACUUM keeps the order of tables in sqlite_schema, but not of what else is there. */
const MADE = /* sql */ `
  with canary as (select rowid as place from sqlite_schema where name = '_attacca_canary'),
  made as (select name from sqlite_schema, canary where type = 'table' and not ${isOwnTable} and name not glob 'sqlite_*' and rowid > place)
  select s.type, s.name from sqlite_schema s, canary where s.sql is not null and (
    s.type = 'table' and s.name in made or s.type in ('index', 'trigger') and s.tbl_name in made
    or s.type = 'index' and s.rowid > place and not ?)`;

/** Statements since the schema was last dealt with: `made` are the tables that are new since, `others` how many say nothing of themselves. */
export type Steps = { readonly made: readonly string[]; readonly others: number };

export const NONE: Steps = { made: [], others: 0 };

/** Call it in a transaction, on a file that has our tables. */
export function steps(db: Database, plan: Plan): Steps {
  if (readFileControl(db)?.primary === 'postgres') return NONE; // the fence is of many steps
  const [row, known] = (prepared(db, CANARY).get() ?? [0n, '']) as [bigint, bigint | string];
  if (known === 1n) return NONE;
  const [since, of] = String(known).split(' ');
  if (of !== edition(plan)) return { made: [], others: Number.POSITIVE_INFINITY };
  const all = Math.abs(Number(schemaVersion(db)) - Number(since));
  const vacuumed = row === 1000n ? 0 : 1;
  const there = prepared(db, MADE).all(vacuumed) as [string, string][];
  const made = there.filter(([type]) => type === 'table').map(([, name]) => name);
  const names = new Set(plan.tables.map(({ name }) => name));
  // What stands in the place of a table was made, and that dropped or renamed.
  return { made, others: all - vacuumed - there.length - made.filter(name => names.has(name)).length };
}

/** Each a statement in SQLite, where the table was not made anew. */
const STATEMENTS: ReadonlySet<Change['kind']> = new Set(['drop-table', 'rename-table', 'drop-column', 'rename-column', 'add-column']);

/** Whether there are steps enough for a column to have gone and come back, beside `changes`. */
export function isDoubtful({ made, others }: Steps, changes: readonly Change[] = []): boolean {
  const done = changes.flatMap(change => (change.kind === 'drop-table' && change.instead) || [change]);
  const seen = done.filter(change => STATEMENTS.has(change.kind) && change.kind !== 'drop-index' && !made.includes(change.table.name));
  return others - fewest(seen) >= 2;
}

/** How many statements that takes at least: of a column that is gone and one that is new, one was perhaps renamed. */
function fewest(changes: readonly Change[]): number {
  const tables = Map.groupBy(changes, change => (change.kind === 'drop-index' ? undefined : change.table.id));
  const renamed = [...tables.values()].map(each => {
    const count = (kind: Change['kind']): number => each.filter(change => change.kind === kind).length;
    return Math.min(count('drop-column'), count('add-column'));
  });
  return renamed.reduce((sum, n) => sum - n, changes.length);
}

/**
 * Whether the schema stands where it was last dealt with, and no copy made of the file's SQL has taken its place, which may stand at the same
 * version and has numbered rows without a key anew. While Postgres is primary nobody asks.
 */
export const isSettled = (db: Database, plan: Plan): boolean => {
  if (readFileControl(db)?.primary === 'postgres') return true;
  const [row, known] = (prepared(db, CANARY).get() ?? []) as [bigint?, string?];
  return row === 1000n && known === `${schemaVersion(db)} ${edition(plan)}`;
};
