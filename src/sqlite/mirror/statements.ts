/*
 * The statements that write rows of one table, and mark them.
 *
 * (1) A row is found by its exact key: equal bytes, whatever the column's collation says ('a' is not 'A').
 * (2) No statement replaces another row, also where the table declares ON CONFLICT REPLACE.
 */
import { ReplicationError } from '../../change/errors.ts';
import { quote } from '../../change/quote.ts';
import { RawText, type Value } from '../../change/value.ts';
import { keeping, rowName } from '../../plan/codec.ts';
import { at, type ColumnPlan, keyColumns, type TablePlan } from '../../plan/plan.ts';
import { journalColumns } from '../capture/marking.ts';
import { codeOf, type Database, type Statement } from '../open.ts';
import { bindable, placeholder, readValues } from '../read/values.ts';

/** The values of a row in the plan's column order; `undefined` is "unchanged". */
export type Cells = readonly (Value | undefined)[];

/** Each returns how many rows it met. Errors are SQLite's. */
export type RowStatements = {
  insert(row: readonly Value[]): number;
  update(key: readonly Value[], row: Cells): number;
  delete(key: readonly Value[]): number;
  /** The row as it is, every byte of it. Throws ReplicationError 'halt' where there is none. */
  read(key: readonly Value[]): Value[];
  empty(): void;
  /** Says in the journal that this row may have changed. */
  mark(key: readonly Value[]): void;
};

const SQL = /* sql */ `select sql from sqlite_schema where type = 'table' and name = ?`;

export function rowStatements(db: Database, table: TablePlan): RowStatements {
  const name = quote(table.name);
  const declared = db.prepare<[string], string>(SQL).pluck().get(table.name) ?? '';
  // Only where it is needed: OR ABORT also overrules an OR REPLACE inside the application's triggers.
  const or = /\bon\s+conflict\b/i.test(declared) ? ' or abort' : '';
  const columns = table.columns.map(column => quote(column.name));
  const keys = keyColumns(table);
  const kept = table.columns.map((column, index) => keeper(db, column, `attacca_keep_${table.id}_${index}`));
  const prepared = new Map<string, Statement>();
  const run = (id: string, build: () => string, values: readonly unknown[]): number => statement(id, build).run(...values).changes;
  const statement = (id: string, build: () => string): Statement => {
    const known = prepared.get(id) ?? db.prepare(build());
    prepared.set(id, known);
    return known;
  };
  const where = (key: readonly Value[]): string => keys.map((column, index) => matches(column, at(key, index))).join(' and ');
  const found = (key: readonly Value[]): unknown[] =>
    key.flatMap((value, index) => (exact(at(keys, index)) ? [bindable(value)] : [bindable(value), bindable(value)]));

  return {
    insert: row =>
      run(
        `insert ${shape(row)}`,
        () => `insert${or} into ${name} (${columns.join(', ')}) values (${row.map(placeholder).join(', ')})`,
        row.map(bindable),
      ),
    update(key, row) {
      const given = row.flatMap((value, index) => (value === undefined ? [] : [{ value, column: at(columns, index), kept: kept[index] }]));
      if (given.length === 0) return 1;
      const set = (): string =>
        given
          .map(
            ({ value, column, kept }) =>
              `${column} = ${kept === undefined ? placeholder(value) : `${kept}(${column}, ${placeholder(value)})`}`,
          )
          .join(', ');
      const values = [...given.map(({ value }) => bindable(value)), ...found(key)];
      return run(`update ${shape(row)} ${shape(key)}`, () => `update${or} ${name} set ${set()} where ${where(key)}`, values);
    },
    delete: key => run(`delete ${shape(key)}`, () => `delete from ${name} where ${where(key)}`, found(key)),
    read(key) {
      const [row] = readValues(db, columns, list => `select ${list} from ${name} where ${where(key)}`, found(key));
      if (row === undefined) throw missing(table, key);
      return row;
    },
    empty: () => void run('empty', () => `delete from ${name}`, []),
    mark: key =>
      void run(
        `mark ${shape(key)}`,
        () =>
          `insert into _attacca_journal (tbl, ${journalColumns(table).join(', ')}) values (${table.id}, ${key.map(placeholder).join(', ')})`,
        key.map(bindable),
      ),
  };
}

/** Registers the function that says which spelling of one value stays, and gives its name; undefined where there is one only. */
function keeper(db: Database, column: ColumnPlan, name: string): string | undefined {
  const keep = keeping(column);
  if (keep === undefined) return undefined;
  db.function(name, { deterministic: true, directOnly: true }, (held, fresh) => keep(held as Value, fresh as Value));
  return name;
}

/** A change that met no row of this key. */
export const missing = (table: TablePlan, key: readonly Value[]): ReplicationError =>
  new ReplicationError('halt', `Postgres changed a row of ${quote(table.name)} that SQLite does not have: key ${rowName(key)}`, {
    hint: 'the sides differed before this change; run `attacca verify` and read the runbook, section "mirroring"',
  });

/** Whether SQLite refused a row only because another one has its unique value. */
export const isClash = (error: unknown): boolean => /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY|ROWID)$/.test(codeOf(error));

const NAMES_COLUMNS = /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY|ROWID|NOTNULL)$/;

/**
 * What SQLite's refusal of a row means: Postgres has accepted it, so the mirror halts. The row is named by its key; SQLite's
 * message is passed on only where it names columns and nothing else. Other errors stay as they are.
 */
export function refused(table: TablePlan, key: readonly Value[], error: unknown): unknown {
  const code = codeOf(error);
  if (!/^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG)/.test(code) || !(error instanceof Error)) return error;
  const why = NAMES_COLUMNS.test(code) ? error.message : code;
  return new ReplicationError(
    'halt',
    `SQLite refuses a row of ${quote(table.name)} that Postgres has accepted: key ${rowName(key)}: ${why}`,
    {
      hint: 'drop what refuses it in SQLite (a trigger, an index) and start `attacca sync` again; or change that row in Postgres so that SQLite can hold it, then run `attacca resync`: until then the change that brought it comes again. Or give up the way back with `attacca finish`',
    },
  );
}

/** One letter for each value: values of one shape take the same statement. */
function shape(values: Cells): string {
  let letters = '';
  for (const value of values) letters += value === undefined ? '-' : value instanceof RawText ? 'r' : 'v';
  return letters;
}

/** Numbers have one collation. */
const exact = ({ affinity }: ColumnPlan): boolean => affinity === 'integer' || affinity === 'real';

/** The plain comparison finds the row through the column's own index, the second one through a BINARY index and byte by byte. */
function matches(column: ColumnPlan, value: Value): string {
  const plain = `${quote(column.name)} = ${placeholder(value)}`;
  return exact(column) ? plain : `${plain} and ${plain} collate binary`;
}
