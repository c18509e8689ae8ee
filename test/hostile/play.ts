/*
 * Plays one history: on two files, one of which is captured, and on a target that follows it.
 */
import fc from 'fast-check';
import type { Seq } from '../../src/change/change.ts';
import { isTransient } from '../../src/change/errors.ts';
import { quote } from '../../src/change/quote.ts';
import { decide } from '../../src/plan/decide.ts';
import { fingerprint } from '../../src/plan/fingerprint.ts';
import type { Plan, TablePlan } from '../../src/plan/plan.ts';
import type { SourceSchema } from '../../src/plan/schema.ts';
import { adopt } from '../../src/sqlite/adopt.ts';
import { captureHazards } from '../../src/sqlite/hazards.ts';
import { examine, isVacuumed } from '../../src/sqlite/health.ts';
import { install, markTables } from '../../src/sqlite/install.ts';
import { readMarks } from '../../src/sqlite/marks.ts';
import { type Database, isBusy, readTransaction } from '../../src/sqlite/open.ts';
import { profile } from '../../src/sqlite/profile.ts';
import { headMark } from '../../src/sqlite/rows.ts';
import { readSchema } from '../../src/sqlite/tables.ts';
import { schemaVersion } from '../../src/sqlite/values.ts';
import { planOf } from '../sqlite/planned.ts';
import { cellsOf, decoded, fits, formed, isKnown, nameOf } from './cells.ts';
import { conflictTarget, type Target as Shape, sqlOf, steps } from './history.ts';
import { type Mutant, mutate } from './mutants.ts';
import { ddl, tables } from './schema.ts';
import type { MakeTarget, Target } from './target.ts';
import { settings, type Twins, twins } from './twins.ts';
import { declaredFor, favourites } from './values.ts';

export const history = fc.record({
  settings,
  tables,
  favourites,
  /** By what the stored values are, as in life; or with a codec that takes everything, so that nothing hides in quarantine. */
  decided: fc.boolean(),
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
  const { first, later } = ddl(story.tables, declaredFor(story.favourites));
  for (const sql of first) run(0, sql);
  const schema = withoutHazards(files);
  if (typeof schema === 'string') return { script, skipped: schema };
  if (schema.tables.length === 0) return { script, skipped: 'no table' };
  const shapes = schema.tables.map(shapeOf);
  for (const step of story.steps.slice(0, 3)) run(0, sqlOf({ ...step, kind: 'insert' }, shapes, story.favourites));

  const decided = story.decided ? decide(schema, profile(files.reader, schema)).plan : undefined;
  const plan = decided?.tables.every(known) ? decided : planOf(schema);
  const { seq, nonce } = await install(files.reader, plan, { install: 'i', target: 't' }, 1_000);
  if (mutant !== undefined) mutate(files.reader, plan, schema, mutant);
  markTables(
    files.reader,
    plan.tables.map(({ id }) => id),
  );
  files.installed();
  script.push(`-- installed${story.decided ? ', types decided' : ''}`);
  await using target = await makeTarget(plan, { seq, nonce });
  const follow = follower(files.reader, plan, target, seq, mutant === undefined);
  // What makes attacca put its triggers back would mend a mutant.
  for (const sql of mutant === undefined ? later : []) run(0, sql);

  const synced = async (): Promise<string | undefined> => {
    script.push('-- sync');
    return await follow();
  };
  for (const step of story.steps) {
    if (mutant !== undefined && step.kind === 'upkeep') continue;
    const sql = sqlOf(step, shapes, story.favourites);
    let trouble = step.kind === 'upkeep' ? upkeep(sql) : run(step.connection, sql);
    if (step.sync) trouble ??= await synced();
    if (trouble !== undefined) return { script, trouble };
  }
  for (const [connection, sql] of ENDS) {
    const trouble = run(connection, sql);
    if (trouble !== undefined) return { script, trouble };
  }
  const trouble = (await synced()) ?? files.difference();
  return { script, ...(trouble !== undefined && { trouble }), ...(files.parted !== undefined && { parted: files.parted }) };
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

function shapeOf({ name, columns, indexes, withoutRowid }: SourceSchema['tables'][number]): Shape {
  const key = columns.find(({ primaryKey }) => primaryKey > 0);
  const alias = !withoutRowid && !indexes.some(({ origin }) => origin === 'pk') ? key?.name : undefined;
  const unique = indexes.filter(index => index.unique).map(({ terms, where }) => conflictTarget(terms, where));
  return {
    name,
    columns: columns.filter(({ generated }) => !generated).map(column => column.name),
    id: alias,
    targets: alias === undefined ? unique : [...unique, `(${alias})`],
  };
}

/** Brings the target up to the file and compares them; returns what differs. */
function follower(db: Database, planned: Plan, target: Target, start: Seq, mends: boolean): () => Promise<string | undefined> {
  let [plan, seq, examined] = [planned, start, undefined as unknown];
  return async () => {
    if (!begun(() => readTransaction(db))) return undefined;
    const version = schemaVersion(db);
    if (mends && ((version !== examined && examine(db, plan).state !== 'fine') || isVacuumed(db))) {
      plan = refitted(readSchema(db), plan);
      db.exec('rollback');
      if (!(await adopted(db, plan, version))) return undefined;
      db.exec('begin');
    }
    examined = version;
    const head = headMark(db);
    // A few rows in memory, the others through a spool file.
    using changes = readMarks(db, plan, seq, head.seq, { memoryRows: 8 });
    const expected = plan.tables.map(table => expectedIn(db, table));
    db.exec('rollback');
    if (head.seq > seq) await target.apply(head, changes);
    seq = head.seq;
    for (const [index, table] of plan.tables.entries()) {
      const actual = await actuallyIn(target, table);
      if (actual !== expected[index]) return `table ${table.name} in the file:\n${expected[index]}\nin the target:\n${actual}`;
    }
    return undefined;
  };
}

/** False where an application holds a lock that is in the way: another time, then. */
function begun(begin: () => void): boolean {
  try {
    begin();
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  }
}

/** What the controller does when triggers have come: the same plan for the schema as it is now. */
function refitted(schema: SourceSchema, plan: Plan): Plan {
  const source = ({ name }: TablePlan) => fingerprint(schema, schema.tables.find(table => table.name === name)!);
  return { ...plan, tables: plan.tables.map(table => ({ ...table, source: source(table) })) };
}

async function adopted(db: Database, plan: Plan, version: unknown): Promise<boolean> {
  try {
    return await adopt(db, plan, { version, whole: [] }, 0);
  } catch (error) {
    if (isTransient(error)) return false;
    throw error;
  }
}

/** What the target must hold: every row of the file that fits, the others by name in quarantine. */
function expectedIn(db: Database, table: TablePlan): string {
  const rows = cellsOf(
    db,
    table.name,
    table.columns.map(({ name }) => name),
  );
  const isFit = (row: readonly string[]): boolean =>
    table.columns.every(({ codec }, index) => fits(codec, row[index]!)) && keyOf(table, row).every(cell => cell !== 'n');
  const names = rows.filter(row => !isFit(row)).map(row => nameOf(keyOf(table, row)));
  const fitting = rows.filter(isFit).map(row => table.columns.map(({ codec }, index) => formed(codec, row[index]!)));
  return told(fitting, [...new Set(names)]);
}

async function actuallyIn(target: Target, table: TablePlan): Promise<string> {
  const { rows, quarantined } = await target.holds(table);
  return told(
    rows.map(row => table.columns.map(({ codec }, index) => decoded(codec, row[index]!))),
    quarantined,
  );
}

const keyOf = <T>({ key }: TablePlan, row: readonly T[]): T[] => key.columns.map(index => row[index]!);

const told = (rows: readonly (readonly string[])[], quarantined: readonly string[]): string =>
  [...rows.map(row => row.join(' ')).sort(), ...quarantined.toSorted().map(name => `in quarantine: ${name}`)].join('\n');
