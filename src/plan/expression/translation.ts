/*
 * The one way in: SQL texts of a schema to Postgres's SQL, or the reason why not.
 */
import { quote } from '../../change/quote.ts';
import type { ColumnPlan } from '../plan.ts';
import type { Expression } from './ast.ts';
import type { CompatName } from './compat.ts';
import { asText, condition } from './convert.ts';
import { parseView } from './create.ts';
import type { Sources } from './from.ts';
import { parseExpressionText } from './parse.ts';
import { attempt, Refusal } from './refusal.ts';
import { compat, type Scope, typedColumn } from './scope.ts';
import { selectSql } from './select.ts';
import { translate } from './translate.ts';
import { asNumber, isNumeric, type Kind, kindName, type Typed } from './typed.ts';

/** `kind`: what its values are; `uses`: compat functions that must be there, in a stable order. */
export type Translation = { readonly sql: string; readonly kind: Kind; readonly uses: readonly CompatName[] };
export type Untranslated = { readonly reason: string };

/** A column as expressions of its table see it. `collation`: SQLite's, upper case. */
export type KnownColumn = Pick<ColumnPlan, 'name' | 'target' | 'type' | 'codec' | 'affinity'> & { readonly collation: string };

export type TableContext = { readonly columns: readonly KnownColumn[]; readonly encoding: string };

/** What the expression is for: a condition, an index's term, or a value of this column, stored once and for all or made anew for each row. */
export type Purpose =
  | { readonly kind: 'condition' }
  | { readonly kind: 'term' }
  | { readonly kind: 'stored' | 'default'; readonly column: Pick<ColumnPlan, 'type' | 'codec' | 'affinity'> };

/** An expression over one table's columns. Never throws for an expression: what has no translation comes with a reason. */
export function translateExpression(expression: Expression | string, table: TableContext, purpose: Purpose): Translation | Untranslated {
  return attempt(() => {
    const scope = scopeOf(table, purpose.kind === 'default');
    const parsed = typeof expression === 'string' ? parseExpressionText(expression) : expression;
    const value = translate(parsed, scope);
    const sql =
      purpose.kind === 'condition' ? condition(value, scope) : purpose.kind === 'term' ? term(value) : stored(value, purpose.column, scope);
    return { sql, kind: value.kind, uses: [...scope.uses].toSorted() };
  });
}

/** `columns`: in Postgres's names, quoted. */
export type ViewTranslation = Omit<Translation, 'kind'> & { readonly columns: readonly string[] };

/** A CREATE VIEW's SELECT. `sources`: the tables and views that it can read, by lower-case name. */
export function translateView(sql: string, sources: Sources, encoding: string): ViewTranslation | Untranslated {
  return attempt(() => {
    const view = parseView(sql);
    const uses = new Set<CompatName>();
    const { sql: body, fields } = selectSql(view.select, { sources, outer: null, base: { uses, encoding } });
    const columns = fields.map(({ name }, place) => quote(view.columns[place] ?? name));
    return { sql: body, columns, uses: [...uses].toSorted() };
  });
}

function scopeOf({ columns, encoding }: TableContext, changing: boolean): Scope {
  const byName = new Map(columns.map(column => [column.name.toLowerCase(), column]));
  return {
    column(_table, name) {
      const column = byName.get(name.toLowerCase());
      return column === undefined ? undefined : typedColumn(column, quote(column.target), column.collation);
    },
    subquery: null,
    uses: new Set(),
    encoding,
    changing,
    aggregates: false,
  };
}

function term(value: Typed): string {
  if (value.kind === 'null' || value.kind === 'opaque') throw new Refusal(`it holds ${kindName(value.kind)}`);
  return value.sql;
}

/** The value after the column's affinity, as its codec has it in Postgres. */
function stored(value: Typed, { codec, affinity }: Pick<ColumnPlan, 'type' | 'codec' | 'affinity'>, scope: Scope): string {
  if (value.kind === 'null') return 'null';
  if (codec === 'boolean') return truth(value);
  if (codec === 'text') return storedText(value, affinity, scope);
  if (codec === 'blob' && value.kind === 'blob') return value.sql;
  if (codec === 'tagged') return tagged(value, affinity, scope);
  if (value.kind === 'json') return storedInteger(value, codec, affinity, scope);
  if (!isNumeric(value) && !value.integral) throw new Refusal(`it gives ${kindName(value.kind)} for a column of another type`);
  const number = asNumber(value);
  if (codec === 'integer' && number.kind === 'integer') return number.sql;
  if (codec === 'real' && (number.kind === 'real' || affinity === 'real')) return `(${number.sql})::double precision`;
  if (codec === 'number') return `(${number.sql})::double precision`;
  throw new Refusal(`it gives ${kindName(number.kind)} for a column of another type`);
}

function truth({ kind, sql, value }: Typed): string {
  if (kind !== 'boolean' && value !== 0n && value !== 1n) throw new Refusal(`it gives ${kindName(kind)} for a boolean column`);
  return kind === 'boolean' ? sql : String(value === 1n);
}

function storedText(value: Typed, affinity: ColumnPlan['affinity'], scope: Scope): string {
  if (affinity !== 'text' && value.kind !== 'text') throw new Refusal(`it gives ${kindName(value.kind)} for a text column`);
  if (affinity !== 'text' && affinity !== 'blob' && typeof value.value !== 'string' && !neverNumeric(value))
    throw new Refusal('SQLite would store the text as a number where it looks like one');
  return asText(value, scope).sql;
}

/** Dates with their signs never look like a number. */
const neverNumeric = ({ sql }: Typed): boolean => /^to_char\(|strftime\('%[YZ]-%m-%d/.test(sql);

/** A JSON value that becomes an integer by affinity: any other value is an error there, as the codec has no place for it. */
function storedInteger(value: Typed, codec: ColumnPlan['codec'], affinity: ColumnPlan['affinity'], scope: Scope): string {
  if (codec !== 'integer' || (affinity !== 'integer' && affinity !== 'numeric'))
    throw new Refusal(`it gives ${kindName(value.kind)} for a column of another type`);
  return `${compat(scope, 'to_number')}(${asText(value, scope).sql})::bigint`;
}

function tagged(value: Typed, affinity: ColumnPlan['affinity'], scope: Scope): string {
  if (affinity !== 'blob' && affinity !== 'text') throw new Refusal('it gives a value for a column of several classes');
  if (value.kind === 'json' && affinity === 'blob') return value.sql;
  if (affinity === 'text') return `('t:' || ${asText(value, scope).sql})`;
  if (value.kind === 'integer' || value.kind === 'boolean') return `('i:' || ${asNumber(value).sql})`;
  if (value.kind === 'text') return `('t:' || ${value.sql})`;
  throw new Refusal(`it gives ${kindName(value.kind)} for a column of several classes`);
}
