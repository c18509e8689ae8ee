/*
 * Plays one history: on two files, one of which is captured, and on a target that follows it.
 */
import fc from 'fast-check';
import { quote } from '../../src/change/quote.ts';
import { decide } from '../../src/plan/decide.ts';
import type { TablePlan } from '../../src/plan/plan.ts';
import type { SourceSchema } from '../../src/plan/schema.ts';
import { captureHazards } from '../../src/sqlite/capture/hazards.ts';
import { install } from '../../src/sqlite/capture/install.ts';
import { markTables } from '../../src/sqlite/capture/marking.ts';
import { profile } from '../../src/sqlite/profile/profile.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { planOf } from '../sqlite/planned.ts';
import { isKnown } from './cells.ts';
import { follower } from './follower.ts';
import { conflictTarget, type Target as Shape, sqlOf, steps } from './history.ts';
import { type Mutant, mutate, NOTHING } from './mutants.ts';
import { ddl, tables } from './schema.ts';
import type { MakeTarget } from './target.ts';
import { settings, type Twins, twins } from './twins.ts';
import { favourites, kindOf } from './values.ts';

export const history = fc.record({
  settings,
  tables,
  favourites,
  /** By what the stored values are, as in life; or with a codec that takes everything, so that nothing hides in quarantine. */
  decided: fc.boolean(),
  /** Whether the first copy is made chunk by chunk, while the history goes on; where the target can. */
  chunked: fc.boolean(),
  steps,
});
export type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

export type Played = {
  /** Every statement, with what was done in between: enough to play it by hand. */
  readonly script: readonly string[];
  /** What must not be. */
  readonly trouble?: string;
  /** Why this one cannot be played: the schema is one that attacca refuses. */
  readonly skipped?: string;
  /** What SQLite itself does differently where there are triggers, and did here. */
  readonly parted?: string;
  /** Whether the mutant made any trigger another one. */
  readonly mutated?: boolean;
};

const ENDS = [
  [0, 'commit'],
  [0, 'rollback'],
  [1, 'commit'],
  [1, 'rollback'],
] as const;

/** Plays a history to its end, or to the first trouble. */
export async function play(story: History, makeTarget: MakeTarget, mutant?: Mutant): Promise<Played> {
  using files = twins(story.settings);
  const script = [`-- ${JSON.stringify(story.settings)}`];
  const run = (connection: number, sql: string): string | undefined => {
    script.push(`${sql}; -- ${connection}`);
    return files.run(connection, sql);
  };
  const upkeep = (sql: string): undefined => {
    script.push(`${sql};`);
    files.quietly(sql);
  };
  const { first, later } = ddl(story.tables, kindOf(story.favourites));
  for (const sql of first) run(0, sql);
  const schema = withoutHazards(files);
  if (typeof schema === 'string') return { script, skipped: schema };
  if (schema.tables.length === 0) return { script, skipped: 'no table' };
  const shapes = schema.tables.map(shapeOf);
  for (const step of story.steps.slice(0, 3)) run(0, sqlOf({ ...step, kind: 'fill' }, shapes, story.favourites));

  const decided = story.decided ? decide(schema, profile(files.reader, schema)).plan : undefined;
  const plan = decided?.tables.every(known) ? decided : planOf(schema);
  const { seq, nonce } = await install(files.reader, plan, { install: 'i', target: 't' }, 1_000);
  const mutated = mutant !== undefined && mutate(files.reader, plan, schema, mutant);
  if (mutant !== undefined && mutant !== NOTHING && !mutated) return { script, mutated };
  files.installed();
  script.push(`-- installed${story.decided ? ', types decided' : ''}${story.chunked ? ', copied in chunks' : ''}`);
  await using target = await makeTarget(plan, { seq, nonce }, story.chunked);
  if (target.copy === undefined) {
    const all = plan.tables.map(({ id }) => id);
    markTables(files.reader, all);
  }
  const follow = follower(files.reader, plan, target, { after: seq, mends: mutant === undefined });
  // What makes attacca put its triggers back would mend a mutant.
  for (const sql of mutant === undefined ? later : []) run(0, sql);

  const synced = async (last = false): Promise<string | undefined> => {
    script.push('-- sync');
    return await follow(last);
  };
  const ended = (trouble: string | undefined): Played => {
    if (trouble !== undefined && mutant === undefined && files.isBroken())
      return { script, mutated, parted: 'a broken index, without attacca too' };
    return { script, mutated, ...(trouble !== undefined && { trouble }), ...(files.parted !== undefined && { parted: files.parted }) };
  };
  for (const step of story.steps) {
    if (mutant !== undefined && step.kind === 'upkeep') continue;
    const sql = sqlOf(step, shapes, story.favourites);
    let trouble = step.kind === 'upkeep' ? upkeep(sql) : run(step.connection, sql);
    if (step.sync) trouble ??= await synced();
    if (trouble !== undefined) return ended(trouble);
  }
  for (const [connection, sql] of ENDS) {
    const trouble = run(connection, sql);
    if (trouble !== undefined) return ended(trouble);
  }
  return ended((await synced(true)) ?? files.difference());
}

/** Whether the comparison can tell what every column means. */
const known = ({ columns }: TablePlan): boolean => columns.every(({ codec }) => isKnown(codec));

/** Drops indexes that attacca refuses; what else it refuses ends the story. */
function withoutHazards(files: Twins): SourceSchema | string {
  const schema = readSchema(files.reader);
  const hazards = captureHazards(schema);
  if (hazards.length === 0) return schema;
  for (const hazard of hazards) {
    const [, index] = /index "(.*?)"/.exec(hazard.message) ?? [];
    if (index !== undefined && !index.startsWith('sqlite_')) files.quietly(`drop index if exists ${quote(index)}`);
  }
  const mended = readSchema(files.reader);
  const left = captureHazards(mended).find(({ level, code }) => level === 'blocking' || code === 'foreign-key-mismatch');
  return left === undefined ? mended : left.code;
}

function shapeOf({ name, columns, indexes, foreignKeys, withoutRowid }: SourceSchema['tables'][number]): Shape {
  const key = columns.find(({ primaryKey }) => primaryKey > 0);
  const alias = !withoutRowid && !indexes.some(({ origin }) => origin === 'pk') ? key?.name : undefined;
  const unique = indexes.filter(index => index.unique).map(({ terms, where }) => conflictTarget(terms, where));
  const writable = columns.filter(({ generated }) => !generated);
  return {
    name,
    columns: writable.map(column => column.name),
    required: writable.filter(column => column.notNull && column.default === null && column.name !== alias).map(column => column.name),
    id: alias,
    parents: Object.fromEntries(
      foreignKeys.flatMap(key => key.columns.map((column, n) => [column, { name: key.parent, column: key.parentColumns[n]! }])),
    ),
    targets: alias === undefined ? unique : [...unique, `(${alias})`],
  };
}
