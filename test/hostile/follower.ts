/*
 * Follows the captured file with a target, as the daemon does, and compares the two.
 */
import type { Seq } from '../../src/change/change.ts';
import { isTransient } from '../../src/change/errors.ts';
import type { Portion } from '../../src/change/ports.ts';
import { fingerprint } from '../../src/plan/fingerprint.ts';
import type { Plan, TablePlan } from '../../src/plan/plan.ts';
import type { SourceSchema } from '../../src/plan/schema.ts';
import type { PlacedPortion } from '../../src/postgres/apply/chunk.ts';
import { adopt } from '../../src/sqlite/capture/adopt.ts';
import { examine, isVacuumed } from '../../src/sqlite/capture/health.ts';
import { headMark } from '../../src/sqlite/capture/marking.ts';
import { readMarks } from '../../src/sqlite/journal/marks.ts';
import { type Database, isBusy } from '../../src/sqlite/open.ts';
import { rowsBetween } from '../../src/sqlite/read/chunk.ts';
import { readPortion } from '../../src/sqlite/read/portion.ts';
import { schemaVersion } from '../../src/sqlite/read/values.ts';
import { readSchema } from '../../src/sqlite/schema/tables.ts';
import { readTransaction } from '../../src/sqlite/transaction.ts';
import { cellsOf, decoded, fits, formed, nameOf } from './cells.ts';
import type { Target } from './target.ts';

/** So little that a copy takes many reads, with changes between them. */
const CHUNK = { rows: 2, bytes: 1_000_000, ms: 60_000 };

type Following = {
  readonly after: Seq;
  /** Whether triggers that are missing are put back. */
  readonly mends: boolean;
};

/**
 * Brings the target up to the file and compares them; resolves with what differs. While the first copy is under way a call adds
 * a chunk of each table instead; the `last` one does all that is left.
 */
export function follower(
  db: Database,
  planned: Plan,
  target: Target,
  { after, mends }: Following,
): (last: boolean) => Promise<string | undefined> {
  let [plan, seq, examined] = [planned, after, undefined as unknown];
  const uncopied = new Map<number, string | null>(target.copy === undefined ? [] : plan.tables.map(({ id }) => [id, null]));

  async function copyChunks({ write, finish }: NonNullable<Target['copy']>): Promise<void> {
    const stretches = [...uncopied].map(([id, from]) => {
      const table = plan.tables.find(each => each.id === id)!;
      return { table, from, portion: readPortion(db, table, from, CHUNK) };
    });
    db.exec('rollback');
    for (const stretch of stretches) {
      const { table, portion } = stretch;
      await write(stretch, () => exactly(db, stretch));
      if (portion.cursor === null) uncopied.delete(table.id);
      else uncopied.set(table.id, portion.cursor);
    }
    if (uncopied.size === 0) await finish();
  }

  return async function follow(last): Promise<string | undefined> {
    if (!begun(() => readTransaction(db))) return undefined;
    const version = schemaVersion(db);
    if (mends && ((version !== examined && examine(db, plan).state !== 'fine') || isVacuumed(db))) {
      plan = refitted(readSchema(db), plan);
      db.exec('rollback');
      if (!(await adopted(db, plan, version))) return undefined;
      db.exec('begin');
    }
    examined = version;
    if (target.copy !== undefined && uncopied.size > 0) {
      await copyChunks(target.copy);
      return last ? await follow(last) : undefined;
    }
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

/** The rows of a chunk that Postgres refused as it was. */
function exactly(db: Database, { table, from, portion }: PlacedPortion): Portion {
  using _state = readTransaction(db);
  const { rows, misfits } = rowsBetween(db, table, from, portion.cursor);
  return { csv: [], rows, misfits, size: rows.length, cursor: portion.cursor };
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
  const rows = cellsOf(db, table.name, [...table.columns.map(({ name }) => name), ...(table.rowid === null ? [] : [table.rowid])]);
  const isFit = (row: readonly string[]): boolean =>
    table.columns.every((column, index) => fits(column, row[index]!)) && keyOf(table, row).every(cell => cell !== 'n');
  const names = rows
    .filter(row => !isFit(row))
    .map(row => nameOf(keyOf(table, row).includes('n') ? [...keyOf(table, row), row.at(-1)!] : keyOf(table, row)));
  const fitting = rows.filter(isFit).map(row => table.columns.map((column, index) => formed(column, row[index]!)));
  return told(fitting, [...new Set(names)]);
}

async function actuallyIn(target: Target, table: TablePlan): Promise<string> {
  const { rows, quarantined } = await target.holds(table);
  return told(
    rows.map(row => table.columns.map((column, index) => decoded(column, row[index]!))),
    quarantined,
  );
}

const keyOf = <T>({ key }: TablePlan, row: readonly T[]): T[] => key.columns.map(index => row[index]!);

const told = (rows: readonly (readonly string[])[], quarantined: readonly string[]): string =>
  [...rows.map(row => row.join(' ')).sort(), ...quarantined.toSorted().map(name => `in quarantine: ${name}`)].join('\n');
