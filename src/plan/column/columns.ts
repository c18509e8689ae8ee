import { quote } from '../../change/quote.ts';
import { typeOf } from '../codecs/registry.ts';
import { finding } from '../codes.ts';
import type { Finding } from '../finding.ts';
import { names, SYSTEM_COLUMNS } from '../names.ts';
import { at, type ColumnPlan, HIDDEN_ROWID } from '../plan.ts';
import type { ColumnStats, SourceColumn, SourceTable, TableStats } from '../schema.ts';
import { LARGEST_ROW, type Widths, widthOf } from '../width.ts';
import { type Agreed, memberName } from './agree.ts';
import { chooseCodec } from './column.ts';
import { contradiction } from './contradiction.ts';
import { translateDefault } from './default.ts';
import type { Habits } from './forms.ts';
import { rolesOf } from './role.ts';

export type PlannedColumns = { readonly columns: ColumnPlan[]; readonly widths: Widths; readonly findings: readonly Finding[] };

/** Every stored column of a table, in its order. `referenced`: lower-case "table.column" of foreign keys' parents. */
export function planColumns(
  table: SourceTable,
  stats: TableStats,
  context: { readonly referenced: ReadonlySet<string>; readonly agreed: Agreed; readonly encoding: string; readonly habits?: Habits },
): PlannedColumns {
  const { habits = new Map() } = context;
  const roles = rolesOf(table, context.referenced);
  const free = names([...SYSTEM_COLUMNS, HIDDEN_ROWID]);
  const columns: ColumnPlan[] = [];
  const widths = new Map<string, number>();
  const findings: Finding[] = [];
  for (const [place, column] of table.columns.entries()) {
    if (column.generated) continue; // express-generated.ts's
    const values = at(stats.columns, place);
    const agreed = context.agreed.get(memberName(table.name, column.name));
    const own = chooseCodec(table.name, column, values, { ...roles(column.name), habits });
    const fits = agreed !== undefined && contradiction(agreed, column.affinity, values) === undefined;
    const choice = fits && agreed !== own.codec ? { ...own, codec: agreed, reason: 'as in the columns that foreign keys tie it to' } : own;
    const { codec } = choice;
    const plan = { codec, affinity: column.affinity, type: typeOf(codec) };
    const translated = translateDefault(column, plan);
    findings.push(...choice.findings, ...remarks(table, column, values, translated.refused));
    widths.set(column.name, widthOf(codec, values, context.encoding));
    columns.push({
      name: column.name,
      target: targetOf(table, column, free.take(column.name), findings),
      ...plan,
      notNull: column.notNull && values.nulls === 0,
      default: translated.sql,
      reason: choice.reason,
    });
  }
  return { columns, widths, findings };
}

function targetOf(table: SourceTable, column: SourceColumn, target: string, findings: Finding[]): string {
  if (target !== column.name) {
    const message = `Column ${quote(column.name)} is called ${quote(target)} in Postgres, where its own name is not possible.`;
    findings.push(finding('name-changed', { table: table.name, column: column.name, message }));
  }
  return target;
}

/** What of the column's declaration does not cross. */
function remarks(table: SourceTable, column: SourceColumn, stats: ColumnStats, refused: 'expression' | 'unfit' | null): Finding[] {
  const where = { table: table.name, column: column.name };
  const found: Finding[] = [];
  if (column.notNull && stats.nulls > 0)
    found.push(
      finding('not-null-violated', {
        ...where,
        message: `${stats.nulls} NULLs stand in a NOT NULL column.`,
        count: stats.nulls,
        samples: stats.nullSamples ?? [],
      }),
    );
  if (stats.maxBytes > LARGEST_ROW) {
    const message = `A value of ${megabytes(stats.maxBytes)} MB is in it, and a row of more than ${megabytes(LARGEST_ROW)} MB goes to quarantine.`;
    found.push(finding('too-large', { ...where, message }));
  }
  if (refused === 'expression')
    found.push(finding('default-expression', { ...where, message: `The default ${column.default} is an expression and is left out.` }));
  if (refused === 'unfit')
    found.push(finding('default-unfit', { ...where, message: `The default ${column.default} does not fit this column and is left out.` }));
  const text = stats.texts > 0 || column.affinity === 'text';
  if (text && column.collation !== 'BINARY')
    found.push(finding('column-collation', { ...where, message: `Compared by ${column.collation} in SQLite, exactly in Postgres.` }));
  return found;
}

const megabytes = (bytes: number): number => Math.ceil(bytes / 1_000_000);
