/*
 * From what is stored to what becomes of it: the plan, and a finding for everything that does not cross as it is.
 *
 * (1) Pure: the same schema and profile give the same plan, byte for byte.
 * (2) Nothing is left out without a finding.
 */
import { quote } from '../change/quote.ts';
import { finding } from './codes.ts';
import { type Agreed, agreedCodecs } from './column/agree.ts';
import { planColumns } from './column/columns.ts';
import { type Habits, habitsOf } from './column/forms.ts';
import type { Finding } from './finding.ts';
import { fingerprint } from './fingerprint.ts';
import { isLeftOut, isLitestream } from './left-out.ts';
import { type Names, names } from './names.ts';
import { express } from './objects/express.ts';
import { type Planned, planForeignKeys } from './objects/foreign.ts';
import { planIndexes } from './objects/indexes.ts';
import { chooseKey } from './objects/key.ts';
import { inventory } from './objects/objects.ts';
import { type Decision, HIDDEN_ROWID, type TablePlan } from './plan.ts';
import type { ColumnStats, Profile, SourceSchema, SourceTable, TableStats } from './schema.ts';
import { ROW_BYTES, rowBytes } from './width.ts';

/**
 * Decides for every table of the file. `schema`: the Postgres schema for the tables (default public); `exclude`: names of
 * tables to leave out. Findings of level blocking mean that the plan must not be carried out.
 */
export function decide(
  schema: SourceSchema,
  profile: Profile,
  options: { readonly schema?: string; readonly exclude?: readonly string[] } = {},
): Decision {
  const sources = schema.tables.filter(({ name }) => !isLeftOut(name, options.exclude));
  const leftOut = schema.tables.map(({ name }) => name).filter(name => isLeftOut(name, options.exclude));
  const findings: Finding[] = leftOut.map(name =>
    isLitestream(name)
      ? finding('litestream', { table: name, message: `Table ${quote(name)} is Litestream's, and stays in SQLite.` })
      : finding('excluded', { table: name, message: `Table ${quote(name)} is excluded.` }),
  );
  if (sources.length === 0) findings.push(finding('no-tables', { message: 'There is no table to replicate.', count: 0 }));

  const shared = names();
  const referenced = referencedColumns(sources);
  const agreed = agreedCodecs(sources, profile, referenced);
  const habits = habitsOf(profile);
  const targets = sources.map(source => tableName(source, shared, findings));
  const planned = sources.flatMap((source, place): Planned[] => {
    const stats = profile[source.name] ?? emptyStats(source);
    const context = {
      id: place + 1,
      target: targets[place] ?? source.name,
      names: shared,
      referenced,
      agreed,
      encoding: schema.encoding,
      habits,
    };
    const table = planTable(source, stats, context, findings);
    return table === undefined ? [] : [{ table: { ...table, source: fingerprint(schema, source) }, source, stats }];
  });
  const tables = linked(planned, findings);
  findings.push(...quotedNames(tables), ...inventory(schema, new Set(sources.map(source => source.name))));
  const excluded = leftOut.filter(name => !isLitestream(name));
  const plan = { version: 1 as const, schema: options.schema ?? 'public', encoding: schema.encoding, tables };
  return express(schema, { plan: { ...plan, ...(excluded.length > 0 && { excluded }) }, findings });
}

export type Context = {
  readonly id: number;
  readonly target: string;
  readonly names: Names;
  readonly referenced: ReadonlySet<string>;
  readonly agreed: Agreed;
  readonly encoding: string;
  readonly habits?: Habits;
};

/** One table, without its foreign keys; undefined, with the finding that says why, where it cannot be replicated. */
export function planTable(source: SourceTable, stats: TableStats, context: Context, findings: Finding[]): TablePlan | undefined {
  const { columns, widths, findings: ofColumns } = planColumns(source, stats, context);
  const key = chooseKey(source, stats, widths);
  findings.push(...ofColumns, ...key.findings, ...violations(source, stats));
  if (key.kind === 'none') return undefined;
  if (columns.length > MOST_COLUMNS) {
    findings.push(finding('too-many-columns', { table: source.name, message: `${columns.length} columns are more than Postgres takes.` }));
    return undefined;
  }
  const bytes = rowBytes(columns, stats, widths);
  if (bytes > ROW_BYTES) {
    const message = `A row can take ${bytes} bytes on its page in Postgres, which holds ${ROW_BYTES} without what is stored elsewhere: those that take more go to quarantine.`;
    findings.push(finding('row-too-wide', { table: source.name, message }));
  }
  const all = key.kind === 'hidden' ? [hiddenColumn(source.rowid ?? 'rowid'), ...columns] : columns;
  const positions = key.kind === 'hidden' ? [0] : key.columns.map(name => all.findIndex(column => column.name === name));
  const keyPlan = { kind: key.kind, columns: positions };
  const final = all.map((column, index) =>
    key.kind === 'rowid' && positions.includes(index) ? { ...column, notNull: true, default: null } : column,
  );
  const { indexes, findings: ofIndexes } = planIndexes({
    table: source,
    target: context.target,
    columns: final,
    key: keyPlan,
    widths,
    names: context.names,
  });
  findings.push(...ofIndexes);
  return {
    id: context.id,
    name: source.name,
    target: context.target,
    withoutRowid: source.withoutRowid,
    rowid: source.rowid,
    key: keyPlan,
    identity: key.kind === 'declared' ? null : (positions[0] ?? null),
    autoincrement: source.autoincrement,
    columns: final,
    indexes,
    foreignKeys: [],
  };
}

const violations = ({ name }: SourceTable, { violated = [] }: TableStats): Finding[] =>
  violated.map(({ check, count, samples }) =>
    finding('check-violated', {
      table: name,
      message: `${count} rows violate CHECK (${check}), which SQLite did not ask about them.`,
      count,
      samples,
    }),
  );

/** Postgres's own limit is 1600, the hidden key included. */
const MOST_COLUMNS = 1_599;

const hiddenColumn = (rowid: string): TablePlan['columns'][number] => ({
  name: rowid,
  target: HIDDEN_ROWID,
  type: 'bigint',
  codec: 'integer',
  affinity: 'integer',
  notNull: true,
  default: null,
  reason: 'the rowid, because no declared key identifies every row; finish drops it',
});

function linked(planned: readonly Planned[], findings: Finding[]): TablePlan[] {
  const byName = new Map(planned.map(each => [each.source.name.toLowerCase(), each]));
  return planned.map(each => {
    const { foreignKeys, findings: found } = planForeignKeys(each, byName);
    findings.push(...found);
    return { ...each.table, foreignKeys };
  });
}

function tableName({ name }: SourceTable, shared: Names, findings: Finding[]): string {
  const target = shared.take(name);
  if (target !== name) {
    const message = `Table ${quote(name)} is called ${quote(target)} in Postgres, where its own name is not possible.`;
    findings.push(finding('name-changed', { table: name, message }));
  }
  return target;
}

/** Lower-case "table.column" of every parent column that some foreign key names. */
export function referencedColumns(tables: readonly SourceTable[]): ReadonlySet<string> {
  const keys = tables.flatMap(table => table.foreignKeys);
  return new Set(keys.flatMap(key => key.parentColumns.map(column => `${key.parent}.${column}`.toLowerCase())));
}

function quotedNames(tables: readonly TablePlan[]): Finding[] {
  const targets = tables.flatMap(table => [table.target, ...table.columns.map(column => column.target)]);
  const quoted = new Set(targets.filter(target => !/^[a-z_][a-z0-9_$]*$/.test(target)));
  if (quoted.size === 0) return [];
  const message = `${quoted.size} names of tables and columns keep their capitals or signs, so SQL in Postgres must quote them.`;
  return [finding('names-quoted', { message, count: quoted.size })];
}

/** For a table that came into being after the profile was taken. */
const emptyStats = ({ columns, foreignKeys }: SourceTable): TableStats => ({
  rows: 0,
  columns: columns.map(({ name }) => noValues(name)),
  nullKeys: {},
  orphans: foreignKeys.map(() => ({ count: 0, samples: [] })),
});

const COUNTS = { nulls: 0, integers: 0, reals: 0, texts: 0, blobs: 0, zeroOne: 0, inexact: 0, unclean: 0, uuids: 0, maxBytes: 0 };

/** Of a column that was never read. */
export const noValues = (name: string): ColumnStats => ({ name, ...COUNTS, range: null, formats: {}, samples: [] });
