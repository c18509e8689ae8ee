import type { Seq } from '../../change/change.ts';
import type { SourceState } from '../../change/ports.ts';
import { decodeKey, namedValues } from '../../plan/codec.ts';
import { Unfit } from '../../plan/codecs/fit.ts';
import { compared } from '../../plan/objects/generated.ts';
import { keyColumns, type Plan, type TablePlan } from '../../plan/plan.ts';
import { headMark } from '../capture/marking.ts';
import { type Database, openSource } from '../open.ts';
import { chunk, countRows } from '../read/chunk.ts';
import { stretch } from '../read/digest.ts';
import { bindable, placeholder, readerOf, readValues } from '../read/values.ts';
import { readTransaction } from '../transaction.ts';
import { type HeldRows, readMarks, readNamed, same } from './marks.ts';

/** Marks that are read at once where there may be many: whatever else this thread does waits for as long as that takes. */
const STEP = 1_000n;

/**
 * One committed state of the file, read through `db`, which is the state's from now on: `close` ends the read transaction
 * and closes the connection. Begins the transaction unless there is one.
 */
export function sourceState(db: Database, plan: Plan): SourceState {
  if (!db.inTransaction) readTransaction(db);
  return stateOf(db, plan, () => {
    if (!db.open) return;
    if (db.inTransaction) db.exec('rollback');
    db.close();
  });
}

/** The state of the file at `path`. Waits for nobody: throws at once while somebody has locked it. */
export function openState(path: string, plan: Plan): SourceState {
  const db = openSource(path, { waitMs: 0 });
  try {
    return sourceState(db, plan);
  } catch (error) {
    db.close();
    throw error;
  }
}

/** The state inside somebody's open transaction; the connection stays theirs. */
export const heldState = (db: Database, plan: Plan): SourceState => stateOf(db, plan, () => {});

function stateOf(db: Database, stored: Plan, close: () => void): SourceState {
  const plan = compared(stored);
  const tables = new Map(plan.tables.map(table => [table.id, table]));
  const found = (id: number): TablePlan => {
    const table = tables.get(id);
    if (table === undefined) throw new RangeError(`the plan has no table ${id}`);
    return table;
  };
  const position = headMark(db);
  const read: HeldRows[] = [];
  return {
    position,
    chunk: (table, cursor, limit) => chunk(db, found(table), cursor, limit),
    stretch: (table, cursor, limit) => stretch(db, found(table), cursor, limit),
    marked(after: Seq) {
      const rows = readMarks(db, plan, after, position.seq);
      read.push(rows);
      return rows;
    },
    changed: after => ({
      *slices() {
        for (let [from, end] = [after, after]; from < position.seq; from = end) {
          end = (from + STEP < position.seq ? from + STEP : position.seq) as Seq;
          using rows = readMarks(db, plan, from, end);
          yield* rows.slices();
        }
      },
    }),
    named(id, names) {
      const rows = readNamed(db, plan, found(id), names.map(namedValues));
      read.push(rows);
      return rows;
    },
    count: table => countRows(db, found(table)),
    absent: (table, keys) => keys.filter(key => !isPresent(db, found(table), decodeKey(found(table), key))),
    close() {
      for (const rows of read.splice(0)) rows[Symbol.dispose]();
      close();
    },
  };
}

function isPresent(db: Database, table: TablePlan, key: ReturnType<typeof decodeKey>): boolean {
  if (key instanceof Unfit) return false;
  const reader = readerOf(db, table);
  const where = reader.key.map((column, index) => `${column} = ${placeholder(key[index] ?? null)}`).join(' and ');
  const stored = table.key.columns.map(index => reader.columns[index] ?? '');
  const [row] = readValues(db, stored, list => `select ${list} from ${reader.from} where ${where}`, key.map(bindable));
  return row?.every((value, index) => same(value, key[index] ?? null, keyColumns(table)[index]?.affinity === 'blob')) ?? false;
}
