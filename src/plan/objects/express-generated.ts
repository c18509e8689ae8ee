import { quote } from '../../change/quote.ts';
import type { Affinity } from '../codecs/affinity.ts';
import { typeOf } from '../codecs/registry.ts';
import { finding } from '../codes.ts';
import type { GeneratedText } from '../expression/create.ts';
import { type TableContext, type Translation, translateExpression, type Untranslated } from '../expression/translation.ts';
import { names, SYSTEM_COLUMNS } from '../names.ts';
import { type GeneratedPlan, HIDDEN_ROWID, type TablePlan } from '../plan.ts';
import type { SourceColumn, SourceTable } from '../schema.ts';
import type { Expressing } from './express.ts';

/** Codecs that keep what a column of this affinity makes of an expression; the first that fits its class is taken. */
const CODECS: Readonly<Record<Affinity, readonly GeneratedPlan['codec'][]>> = {
  text: ['text', 'blob'],
  integer: ['integer', 'number', 'text', 'blob'],
  numeric: ['integer', 'number', 'text', 'blob'],
  real: ['real', 'text', 'blob'],
  blob: ['text', 'blob', 'integer', 'real', 'tagged'],
};

/** The table's generated columns; a finding for each that has no translation, or that changes from one call to the next. */
export function expressGenerated(
  table: TablePlan,
  source: SourceTable,
  { texts, context }: { readonly texts: readonly GeneratedText[]; readonly context: TableContext },
  on: Expressing,
): GeneratedPlan[] {
  const free = names([...SYSTEM_COLUMNS, HIDDEN_ROWID, ...table.columns.map(({ target }) => target)]);
  return source.columns.flatMap((column): GeneratedPlan[] => {
    if (!column.generated) return [];
    const text = texts.find(({ column: name }) => name.toLowerCase() === column.name.toLowerCase());
    const found = text === undefined ? { reason: 'its declaration cannot be read' } : translated(column, text, context);
    if ('reason' in found) {
      const message = `Generated column ${quote(column.name)} is left out: ${found.reason}.`;
      on.findings.push(finding('generated-column', { table: table.name, column: column.name, message }));
      return [];
    }
    for (const name of found.uses) on.uses.add(name);
    const { name, affinity, notNull } = column;
    return [{ name, target: free.take(name), type: typeOf(found.codec), codec: found.codec, affinity, notNull, sql: found.sql }];
  });
}

type Found = Translation & Pick<GeneratedPlan, 'codec'>;

function translated({ affinity }: SourceColumn, { expression }: GeneratedText, context: TableContext): Found | Untranslated {
  const tries = CODECS[affinity].map(codec => {
    const result = translateExpression(expression, context, { kind: 'stored', column: { codec, affinity, type: typeOf(codec) } });
    return 'reason' in result ? result : { ...result, codec };
  });
  const [first = { reason: 'it has no type' }] = tries;
  return tries.find(result => 'codec' in result) ?? first;
}
