/*
 * A plan file that was edited after the installation. What becomes of values that do not fit may change at any time; everything else
 * was settled when the tables were made, and is only named.
 */
import { quote } from '../../change/quote.ts';
import { isLeftOut } from '../left-out.ts';
import type { ColumnPlan, Plan, TablePlan } from '../plan.ts';
import { askedCodec, type PlanFile } from './edit.ts';

export type Later = {
  /** The plan in force with what could be followed. */
  readonly plan: Plan;
  /** What that was, a line for each. */
  readonly changes: readonly string[];
  /** What the file asks for in vain. */
  readonly inVain: readonly string[];
};

/** What a file does not name is as it was: names may have changed in SQLite since. */
export function laterEdits(plan: Plan, file: PlanFile): Later {
  const changes: string[] = [];
  const tables = plan.tables.map(table => ({
    ...table,
    columns: table.columns.map(column => {
      const { misfits } = file.tables[table.name]?.columns[column.name] ?? {};
      if (misfits === undefined || !mayBecome(misfits, column, plan)) return column;
      changes.push(`${table.name}.${column.name}: misfits ${misfits}`);
      return { ...column, misfits };
    }),
  }));
  return {
    plan: changes.length === 0 ? plan : { ...plan, tables },
    changes,
    inVain: [...ofAll(plan, file), ...tables.flatMap(table => ofTable(table, file))],
  };
}

type Policy = NonNullable<ColumnPlan['misfits']>;

/** Repairing is another codec, and columns of the application's own are widened by nobody. */
const mayBecome = (wanted: Policy, { misfits }: ColumnPlan, { existing }: Plan): boolean =>
  wanted !== misfits && wanted !== 'repair' && misfits !== 'repair' && !(wanted === 'widen' && existing);

function ofAll(plan: Plan, { schema, exclude, improve }: PlanFile): string[] {
  const { excluded = [], foreignKeyIndexes = false } = plan;
  return [
    ...(schema === undefined || schema === plan.schema ? [] : [`schema ${schema}`]),
    ...plan.tables.filter(({ name }) => isLeftOut(name, exclude)).map(({ name }) => `exclude ${quote(name)}`),
    ...excluded.filter(name => !isLeftOut(name, exclude)).map(name => `${quote(name)}, which is excluded`),
    ...(improve.foreignKeyIndexes && !foreignKeyIndexes ? ['foreignKeyIndexes'] : []),
  ];
}

function ofTable({ name, target, columns, partition }: TablePlan, file: PlanFile): string[] {
  const edits = file.tables[name];
  const inColumns = columns.flatMap((column, place): string[] => {
    const edit = edits?.columns[column.name] ?? {};
    const wanted = {
      target: edit.target === column.target ? undefined : edit.target,
      codec: isCodecInVain(column, askedCodec(file, name, column.name)) ? edit.codec : undefined,
      misfits: edit.misfits === column.misfits ? undefined : edit.misfits,
      index: column.gin === true ? undefined : edit.index,
      partition: place === partition?.column ? undefined : file.improve.partition[`${name}.${column.name}`],
    };
    return Object.entries(wanted).flatMap(([what, value]) =>
      value === undefined ? [] : [`${quote(name)}.${quote(column.name)} ${what} ${value}`],
    );
  });
  return [...(edits?.target === undefined || edits.target === target ? [] : [`${quote(name)} target ${edits.target}`]), ...inColumns];
}

/** A column that became wider has left the file's codec by what the file, or somebody, asked for. */
const isCodecInVain = ({ codec, reason }: ColumnPlan, asked: string | undefined): boolean =>
  asked !== undefined && asked !== codec && !reason.startsWith(`widened from ${asked}:`);
