/*
 * What people may change in a plan, and how a change is checked: nothing that loses a value gets through.
 */
import { z } from 'zod';
import { UsageError } from '../../change/errors.ts';
import { quote } from '../../change/quote.ts';
import { mayBeKey } from '../codec.ts';
import { Unfit } from '../codecs/fit.ts';
import { typeOf } from '../codecs/registry.ts';
import { isRepairing } from '../codecs/repairing.ts';
import { contradiction } from '../column/contradiction.ts';
import { recodeDefault } from '../column/default.ts';
import * as document from '../document.ts';
import { fits, SYSTEM_COLUMNS } from '../names.ts';
import { agree } from '../objects/foreign.ts';
import { partitionTables, relationNames } from '../objects/partition.ts';
import { type ColumnPlan, HIDDEN_ROWID, type Plan, type TablePlan } from '../plan.ts';
import { type Profile, ROWID_NAMES } from '../schema.ts';
import { Waiver } from '../waive.ts';
import { goneNames } from './gone.ts';
import { repairing, tolerates } from './misfits.ts';

const ColumnEdit = z.strictObject({
  target: z.string().min(1).optional(),
  codec: document.CodecName.optional(),
  type: document.ColumnPlan.shape.type.optional(),
  misfits: z.enum(document.MISFITS).optional(),
  index: z.literal('gin').optional(),
});
type ColumnEdit = Readonly<z.infer<typeof ColumnEdit>>;

const TableEdit = z.strictObject({
  target: z.string().min(1).optional(),
  columns: z.record(z.string(), ColumnEdit).prefault({}),
});
type TableEdit = Readonly<z.infer<typeof TableEdit>>;

export const PlanFile = z.strictObject({
  version: z.literal(1),
  schema: z.string().min(1).optional(),
  /** Names of tables to leave out. */
  exclude: z.array(z.string()).prefault([]),
  /** What Postgres gets beside what SQLite has. */
  improve: z
    .strictObject({
      foreignKeyIndexes: z.boolean().prefault(false),
      /** By `table.column`. */
      partition: z.record(z.string(), z.enum(document.PARTITIONS)).prefault({}),
    })
    .prefault({}),
  /** Blocking findings that are accepted. */
  waive: z.array(Waiver).prefault([]),
  tables: z.record(z.string(), TableEdit).prefault({}),
});
export type PlanFile = Readonly<z.infer<typeof PlanFile>>;

/** The decided plan with the edits. Throws UsageError for an edit that cannot be; nothing is changed then. */
export function edit(decided: Plan, file: PlanFile, profile: Profile): Plan {
  goneNames(file, profile); // refuses what is almost a name
  const kept = decided.tables.filter(({ name }) => !file.exclude.includes(name));
  const ids = new Set(kept.map(({ id }) => id));
  const tables = kept.map(table => {
    const edited = editTable(table, file.tables[table.name], profile);
    // A foreign key to a table that is left out goes with it.
    return { ...edited, foreignKeys: table.foreignKeys.filter(key => ids.has(key.parent)) };
  });
  for (const table of tables) checkForeignKeys(table, tables);
  checkRelations(tables);
  return {
    ...decided,
    schema: file.schema ?? decided.schema,
    tables: partitionTables(tables, file.improve.partition, profile, relationNames({ ...decided, tables })),
    ...(file.improve.foreignKeyIndexes && { foreignKeyIndexes: true as const }),
  };
}

/** The codec that the file wants a column to have; undefined where it leaves that to the values. */
export function askedCodec(file: PlanFile | undefined, table: string, column: string): string | undefined {
  const { codec, misfits } = file?.tables[table]?.columns[column] ?? {};
  return misfits === 'repair' ? (repairing(codec ?? 'jsonb') ?? codec) : codec;
}

const refusal = (message: string, hint: string): UsageError => new UsageError(`plan file: ${message}`, hint);

function editTable(table: TablePlan, wanted: TableEdit | undefined, profile: Profile): TablePlan {
  if (wanted === undefined) return table;
  const hidden = table.key.kind === 'hidden';
  const isStored = (name: string): boolean => profile[table.name]?.columns.some(column => column.name === name) === true;
  const editable = new Set((hidden ? table.columns.slice(1) : table.columns).map(({ name }) => name));
  const fixed = Object.keys(wanted.columns).find(name => !editable.has(name) && (ROWID_NAMES.includes(name) || isStored(name)));
  if (fixed !== undefined)
    throw refusal(
      `table ${quote(table.name)} has no column ${quote(fixed)} to change`,
      'generated columns, and the rowid, are as they are',
    );
  const columns = table.columns.map((column, index) => {
    const change = hidden && index === 0 ? undefined : wanted.columns[column.name];
    return change === undefined ? column : withIndex(table, editColumn(table, column, change, profile), change);
  });
  const edited = { ...table, target: wanted.target ?? table.target, columns };
  checkColumnNames(edited);
  return edited;
}

function editColumn(table: TablePlan, column: ColumnPlan, wanted: ColumnEdit, profile: Profile): ColumnPlan {
  const where = `${quote(table.name)}.${quote(column.name)}`;
  const codec = wantedCodec(where, column, wanted);
  const type = typeOf(codec);
  if (wanted.type !== undefined && wanted.type !== type)
    throw refusal(`${where}: codec ${codec} is stored as ${type}, not ${wanted.type}`, 'change the codec, and leave the type out');
  const { target = column.target, misfits } = wanted;
  const policy = misfits === undefined ? {} : { misfits };
  if (codec === column.codec) return { ...column, target, ...policy };
  const stats = profile[table.name]?.columns.find(({ name }) => name === column.name);
  const against = stats === undefined ? 'its values were never read' : contradiction(codec, column.affinity, stats);
  if (against !== undefined && !tolerates(misfits, codec, stats)) {
    const keys = stats === undefined || stats.samples.length === 0 ? '' : ` (keys: ${stats.samples.join(' ')})`;
    throw refusal(
      `${where} cannot have codec ${codec}: ${against}${keys}`,
      misfits === 'quarantine'
        ? 'quarantine is for a codec that some of the stored values fit; tagged takes every value'
        : 'tagged takes every value; `misfits: quarantine` sends what does not fit to quarantine.',
    );
  }
  if (table.identity !== null && table.columns[table.identity] === column)
    throw refusal(`${where} is the INTEGER PRIMARY KEY and stays bigint`, 'remove that edit');
  if (!mayBeKey(codec) && isIndexed(table, column))
    throw refusal(
      `${where} is in a key or an index, where ${codec} cannot be`,
      'values that Postgres takes for equal may differ in SQLite',
    );
  const sql = column.default === null ? null : recodeDefault(column.default, column, { codec, type });
  if (sql instanceof Unfit) throw refusal(`${where} cannot have codec ${codec}: its default is ${sql.reason}`, 'tagged takes every value.');
  return {
    ...column,
    target,
    codec,
    type,
    ...policy,
    default: sql,
    reason: `set in the plan file; decided was ${column.codec}: ${column.reason}`,
  };
}

/** `misfits: repair` is a codec of its own. */
function wantedCodec(where: string, column: ColumnPlan, { codec, misfits }: ColumnEdit): string {
  if (misfits !== 'repair') {
    const asked = codec ?? column.codec;
    if (isRepairing(asked)) throw refusal(`${where}: codec ${asked} needs misfits: repair`, 'say it beside the codec');
    return asked;
  }
  const wanted = codec ?? (column.type === 'json' || column.type === 'jsonb' ? column.codec : 'jsonb');
  const repaired = repairing(wanted);
  if (repaired === undefined) throw refusal(`${where}: only JSON is repaired, and its codec is ${wanted}`, 'choose codec jsonb or json');
  return repaired;
}

function withIndex(table: TablePlan, column: ColumnPlan, { index }: ColumnEdit): ColumnPlan {
  if (index === undefined) return column;
  if (column.type !== 'jsonb')
    throw refusal(
      `${quote(table.name)}.${quote(column.name)} is ${column.type}, and a GIN index is for jsonb`,
      'choose codec jsonb, where every value is JSON, or leave the index out',
    );
  return { ...column, gin: true };
}

const isIndexed = ({ key, columns, indexes, foreignKeys }: TablePlan, column: ColumnPlan): boolean =>
  [
    ...key.columns,
    ...indexes.flatMap(({ terms }) => terms.map(term => term.column)),
    ...foreignKeys.flatMap(each => each.columns),
  ].includes(columns.indexOf(column));

function checkForeignKeys(table: TablePlan, tables: readonly TablePlan[]): void {
  for (const key of table.foreignKeys) {
    const parent = tables.find(({ id }) => id === key.parent);
    if (parent === undefined || key.columns.every((column, place) => agree(table, column, parent, key.parentColumns[place] ?? -1)))
      continue;
    throw refusal(
      `the foreign key from ${quote(table.name)} to ${quote(parent.name)} needs the same codec on both sides`,
      'change the column of the other table too',
    );
  }
}

function checkColumnNames({ name, key, columns }: TablePlan): void {
  const targets = columns.map(({ target }) => target);
  const reserved = [...SYSTEM_COLUMNS, ...(key.kind === 'hidden' ? [] : [HIDDEN_ROWID])];
  checkNames(`a column of ${quote(name)}`, targets, reserved);
}

function checkRelations(tables: readonly TablePlan[]): void {
  const indexes = tables.flatMap(table => table.indexes.map(index => index.name));
  const targets = tables.map(({ target }) => target);
  checkNames('a table', targets, indexes);
}

function checkNames(what: string, targets: readonly string[], reserved: readonly string[]): void {
  const taken = new Set(reserved);
  for (const target of targets) {
    if (!fits(target) || target.includes('\0'))
      throw refusal(`${quote(target)} is too long a name for ${what}`, 'Postgres takes at most 63 bytes');
    if (taken.has(target)) throw refusal(`${quote(target)} is taken, or reserved, and cannot name ${what}`, 'choose another name');
    taken.add(target);
  }
}
