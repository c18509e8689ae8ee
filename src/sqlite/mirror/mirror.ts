/*
 * Writes the rows of one Postgres transaction into SQLite, one change after the other, as they come.
 *
 * (1) DELETE, UPDATE, INSERT; never REPLACE, which takes away other rows without a word. A change that meets no row halts:
 *     the sides differ already [G7].
 * (2) A change that meets a UNIQUE clash is parked: its row leaves the table, follows the changes that come after it, and goes
 *     in at the end, or before, where very many wait. Postgres's keys are unique at every step, so a parked row has only one name; and since the table then
 *     holds nothing but final rows, a clash at the end means that SQLite cannot hold this state at all.
 * (3) Every key that a change touches is marked in the journal, so that verification knows what to compare.
 */
import { type PgKey, type PgText, type RowChange, WATERMARK } from '../../change/change.ts';
import { ReplicationError } from '../../change/errors.ts';
import { quote } from '../../change/quote.ts';
import type { Value } from '../../change/value.ts';
import { codecOf, decodeKey, keeping, keyName, rowName } from '../../plan/codec.ts';
import { Unfit } from '../../plan/codecs/fit.ts';
import { at, type Plan, type TablePlan } from '../../plan/plan.ts';
import { markTables } from '../capture/marking.ts';
import type { Database } from '../open.ts';
import { type Cells, isClash, missing, refused, rowStatements } from './statements.ts';

/** This many rows may wait before it is tried which of them can go in already. */
const PARKED = 1_000;

export type Mirror = {
  write(change: RowChange): void;
  /** Writes what was parked; returns the newest watermark token among the changes. */
  finish(): string | undefined;
};

/** Statements for the changes of any number of transactions: each is compiled once. Without `marking` nothing is said in the journal. */
export function mirroring(db: Database, plan: Plan, { marking = true }: { readonly marking?: boolean } = {}): () => Mirror {
  const tables = new Map(plan.tables.map(table => [table.id, writer(db, table, marking)]));
  const of = (id: number): TableWriter => {
    const table = tables.get(id);
    if (table !== undefined) return table;
    throw new ReplicationError('halt', `a change of table ${id}, which the plan does not have`, {
      hint: 'the publication and the plan in force do not belong together; run `attacca status`',
    });
  };
  return () => {
    let watermark: string | undefined;
    for (const table of tables.values()) table.parked.clear();
    return {
      write(change) {
        if (change.op === 'truncate') {
          for (const id of change.tables) of(id).empty();
          if (marking) markTables(db, change.tables);
        } else if (change.table !== WATERMARK) apply(of(change.table), change);
        else if (change.op !== 'delete') watermark = change.row[0] ?? watermark;
      },
      finish() {
        for (const table of tables.values()) table.land();
        return watermark;
      },
    };
  };
}

function apply(writer: TableWriter, change: Exclude<RowChange, { op: 'truncate' }>): void {
  const { table } = writer;
  if (change.op === 'insert') {
    writer.insert(decode(table, change.row));
    return;
  }
  const key = decodeKey(table, change.key);
  if (key instanceof Unfit) throw unfit(table, keyName(table, change.key), 'key', key.reason);
  if (change.op === 'delete') writer.delete(key);
  else writer.update(key, decode(table, change.row, key));
}

/** A row as SQLite has it. A key column that is left out has the value of the old key. */
function decode(table: TablePlan, row: readonly (PgText | undefined)[], key?: readonly Value[]): Cells {
  return table.columns.map((column, index) => {
    const text = row[index];
    if (text === undefined) return key?.[table.key.columns.indexOf(index)];
    const value = text === null ? null : codecOf(column).decode(text);
    if (!(value instanceof Unfit)) return value;
    throw unfit(table, keyName(table, keyOf(table, row)), quote(column.name), value.reason);
  });
}

const keyOf = (table: TablePlan, row: readonly (PgText | undefined)[]): PgKey => table.key.columns.map(index => row[index] ?? null);

type TableWriter = {
  readonly table: TablePlan;
  /** Rows that wait for others to leave, by the name of their key. */
  readonly parked: Map<string, readonly Value[]>;
  insert(row: Cells): void;
  update(key: readonly Value[], row: Cells): void;
  delete(key: readonly Value[]): void;
  empty(): void;
  land(): void;
};

function writer(db: Database, table: TablePlan, marking: boolean): TableWriter {
  const parked = new Map<string, readonly Value[]>();
  const statements = rowStatements(db, table);
  const run = marking ? statements : { ...statements, mark: () => undefined };
  const clashes = (error: unknown): boolean => isClash(error) && db.inTransaction; // a trigger's ROLLBACK ended it otherwise
  const newKey = (row: Cells): Value[] => table.key.columns.map(index => row[index] ?? null);
  let patience = PARKED;
  const park = (row: readonly Value[]): void => {
    parked.set(rowName(newKey(row)), row);
    if (parked.size < patience) return;
    landSome();
    patience = Math.max(PARKED, parked.size * 2);
  };
  const put = (row: readonly Value[]): void => {
    if (run.insert(row) === 0) throw ignored(table, newKey(row));
  };

  /** Rows whose place has become free meanwhile need not wait for the end: "set u = u + 1" would park the whole table. */
  function landSome(): void {
    for (const [name, row] of parked) {
      try {
        put(row);
        parked.delete(name);
      } catch (error) {
        if (!clashes(error)) throw refused(table, newKey(row), error);
      }
    }
  }

  return {
    table,
    parked,
    insert(row) {
      const values = complete(table, row);
      run.mark(newKey(values));
      try {
        put(values);
      } catch (error) {
        if (!clashes(error)) throw refused(table, newKey(values), error);
        park(values);
      }
    },
    update(key, row) {
      run.mark(key);
      if (!sameKey(key, newKey(row))) run.mark(newKey(row));
      const waiting = take(parked, key);
      if (waiting !== undefined) return park(merge(table, row, waiting));
      try {
        if (run.update(key, row) === 0) throw missing(table, key);
      } catch (error) {
        if (!clashes(error)) throw refused(table, key, error);
        const values = merge(table, row, run.read(key));
        run.delete(key);
        park(values);
      }
    },
    delete(key) {
      run.mark(key);
      if (take(parked, key) !== undefined) return;
      if (run.delete(key) === 0) throw missing(table, key);
    },
    empty() {
      parked.clear();
      run.empty();
    },
    land() {
      for (const row of parked.values()) {
        try {
          put(row);
        } catch (error) {
          throw refused(table, newKey(row), error);
        }
      }
      parked.clear();
    },
  };
}

function take(parked: Map<string, readonly Value[]>, key: readonly Value[]): readonly Value[] | undefined {
  if (parked.size === 0) return undefined;
  const name = rowName(key);
  const row = parked.get(name);
  parked.delete(name);
  return row;
}

/** Postgres sends every column of a new row. */
function complete(table: TablePlan, row: Cells): Value[] {
  if (row.every(value => value !== undefined)) return [...row];
  throw new ReplicationError('halt', `a new row of ${quote(table.name)} lacks a column`, {
    hint: 'the published columns and the plan in force do not belong together; run `attacca status`',
  });
}

const unfit = (table: TablePlan, key: string, column: string, reason: string): ReplicationError =>
  new ReplicationError('halt', `SQLite cannot hold a value that Postgres has in ${quote(table.name)}: key ${key}, ${column}: ${reason}`, {
    hint: 'change that value in Postgres so that the plan can take it back, then run `attacca resync`: until then the change that brought it comes again. Or give up the way back with `attacca finish`',
  });

const ignored = (table: TablePlan, key: readonly Value[]): ReplicationError =>
  new ReplicationError('halt', `a trigger ignores a row of ${quote(table.name)} that Postgres has accepted: key ${rowName(key)}`, {
    hint: 'drop that trigger (RAISE(IGNORE)) in SQLite, or give up the way back with `attacca finish`',
  });

const sameKey = (left: readonly Value[], right: readonly Value[]): boolean => left.every((value, index) => Object.is(value, right[index]));

/** The row as it becomes: what is unchanged, and what Postgres has the same value for, stays as it was. */
const merge = ({ columns }: TablePlan, row: Cells, old: readonly Value[]): Value[] =>
  row.map((value, index) => {
    const held = at(old, index);
    return value === undefined ? held : (keeping(at(columns, index))?.(held, value) ?? value);
  });
