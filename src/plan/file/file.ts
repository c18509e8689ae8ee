/*
 * The plan file: how people read a plan and change it before anything runs. It holds what may be changed (names, codecs,
 * which tables); everything else is comment, and is decided again from the stored values at the next run.
 */
import { Document, isMap, isScalar, parse, type YAMLMap, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { UsageError } from '../../change/errors.ts';
import { plain } from '../../change/plain.ts';
import { EXAMPLES, typeOf } from '../codecs/registry.ts';
import type { Finding } from '../finding.ts';
import { type ColumnPlan, keyColumns, type Plan, type TablePlan } from '../plan.ts';
import type { Profile } from '../schema.ts';
import { edit, PlanFile } from './edit.ts';

const HEADER = ` The plan of attacca: what becomes of each table and column in Postgres.
 Edit target (names), codec, and exclude; a table or column that is not listed stays as decided.
 improve.foreignKeyIndexes gives every foreign key an index; index: gin at a jsonb column gives it one.
 improve.partition: { "table.column": month } partitions a table by that column (day, month or year).
 waive accepts a blocking finding: [{ finding: CODE:TABLE, reason: why }].
 codec: ${EXAMPLES.map(codec => `${codec} = ${typeOf(codec)}`).join(', ')}.
 The format in brackets is how SQLite writes the value: T or a blank, any number of f up to six, Z or an offset.
 misfits at a column says what becomes of a value that does not fit: quarantine (so it is without it; beside a codec of your choice
 also of stored values), widen (the column, by itself), refuse (attacca halts before it commits), repair (malformed JSON; noise behind the places of a numeric(p,s) of the application's own).
 tagged keeps every value as text with its storage class: i:1, r:1.5, t:text, b:hex.
 A codec that the stored values contradict is refused.`;

/** The plan as YAML with the reasons as comments; the same plan and findings give the same text, byte for byte. */
export function printPlan(plan: Plan, findings: readonly Finding[]): string {
  const excluded = findings.filter(({ code }) => code === 'excluded').flatMap(({ table }) => table ?? []);
  const wishes = Object.fromEntries(
    plan.tables.flatMap(({ name, columns, partition }) =>
      partition === undefined ? [] : [[`${name}.${columns[partition.column]?.name}`, partition.by]],
    ),
  );
  const document = new Document({
    version: plan.version,
    schema: plan.schema,
    exclude: excluded,
    improve: { foreignKeyIndexes: plan.foreignKeyIndexes === true, ...(Object.keys(wishes).length > 0 && { partition: wishes }) },
    ...(plan.waived !== undefined && { waive: plan.waived }),
    tables: Object.fromEntries(plan.tables.map(table => [table.name, fileTable(table)])),
  });
  document.commentBefore = [HEADER, ...elsewhere(plan, findings).map(comment)].join('\n');
  const tables = document.get('tables');
  if (isMap(tables)) annotate(tables, plan.tables, findings);
  return document.toString({ lineWidth: 0 });
}

const editable = (table: TablePlan): ColumnPlan[] => (table.key.kind === 'hidden' ? table.columns.slice(1) : [...table.columns]);

const fileTable = (table: TablePlan) => ({
  target: table.target,
  columns: Object.fromEntries(
    editable(table).map(({ name, target, codec, misfits, gin }) => [
      name,
      { target, codec, ...(misfits !== undefined && { misfits }), ...(gin && { index: 'gin' }) },
    ]),
  ),
});

function annotate(tables: YAMLMap, plans: readonly TablePlan[], findings: readonly Finding[]): void {
  for (const [place, table] of plans.entries()) {
    const { key, value } = tables.items[place] ?? {};
    if (!isScalar(key) || !isMap(value)) continue;
    const own = findings.filter(finding => finding.table === table.name);
    key.commentBefore = [` ${summary(table)}`, ...own.map(comment)].join('\n');
    key.spaceBefore = place > 0;
    const columns = value.get('columns');
    if (isMap(columns)) for (const [index, column] of editable(table).entries()) remark(columns.items[index]?.value, column);
  }
}

function remark(node: unknown, { type, notNull, default: sql, reason }: ColumnPlan): void {
  if (!isMap(node)) return;
  node.flow = true;
  const details = [type, ...(notNull ? ['not null'] : []), ...(sql === null ? [] : [`default ${sql}`])].join(' ');
  node.comment = ` ${oneLine(`${details}: ${reason}`)}`;
}

function summary({ key, columns, indexes, foreignKeys, ...table }: TablePlan): string {
  const names =
    key.kind === 'hidden' ? 'hidden rowid' : keyColumns({ key, columns, indexes, foreignKeys, ...table }).map(({ name }) => name);
  const generated = (table.generated ?? []).map(({ target, type, sql }) => `; ${target} ${type} generated as ${sql}`).join('');
  return oneLine(`key: ${String(names)}; indexes: ${indexes.length}; foreign keys: ${foreignKeys.length}${generated}`);
}

/** Findings that stand at no table of the plan. */
const elsewhere = (plan: Plan, findings: readonly Finding[]): Finding[] =>
  findings.filter(({ table }) => table === null || !plan.tables.some(({ name }) => name === table));

const comment = ({ level, code, column, message, remedy }: Finding): string =>
  ` ${oneLine(`${level} ${code}${column === null ? '' : ` (${column})`}: ${message}${level === 'note' ? '' : ` → ${remedy}`}`)}`;

const oneLine = (text: string): string => plain(text.replaceAll(/\s+/g, ' ').trim());

/** Reads a plan file. Throws UsageError for anything but YAML of this form; unknown keys are refused. */
export function parsePlan(text: string): PlanFile {
  const file = PlanFile.safeParse(read(text));
  if (file.success) return file.data;
  throw new UsageError(`the plan file is not valid:\n${z.prettifyError(file.error)}`, 'compare it with the output of `attacca plan`');
}

function read(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    const [what = ''] = error.message.split(/:?\n/, 1); // what follows is the line itself: of a database that was named by mistake, rows
    throw new UsageError(`the plan file is not YAML: ${what}`, 'correct that line');
  }
}

/**
 * The decided plan with the file's edits. Throws UsageError for an edit that names nothing, that the stored values
 * contradict, or that Postgres cannot have; nothing is applied then.
 */
export const applyPlanFile = (decided: Plan, text: string, profile: Profile): Plan => edit(decided, parsePlan(text), profile);
