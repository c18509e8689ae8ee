/*
 * The one way in: SQL texts of a schema to Postgres's SQL, or the reason why not.
 */
import { quote } from '../../change/quote.ts';
import type { ColumnPlan } from '../plan.ts';
import type { Expression } from './ast.ts';
import { folded } from './compare.ts';
import type { CompatName } from './compat.ts';
import { asText, condition, textOfJson } from './convert.ts';
import { parseView } from './create.ts';
import { fresh } from './fresh.ts';
import type { Field, Sources } from './from.ts';
import { parseExpressionText } from './parse.ts';
import { attempt, Refusal } from './refusal.ts';
import { type Scope, typedColumn } from './scope.ts';
import { selectSql } from './select.ts';
import { translate } from './translate.ts';
import { asNumber, isNumeric, type Kind, kindName, neverNumeric, type Typed } from './typed.ts';

/** `kind`: what its values are; `uses`: compat functions that must be there, in a stable order. */
export type Translation = { readonly sql: string; readonly kind: Kind; readonly uses: readonly CompatName[] };
export type Untranslated = { readonly reason: string };

/** A column as expressions of its table see it. `collation`: SQLite's, upper case. */
export type KnownColumn = Pick<ColumnPlan, 'name' | 'target' | 'type' | 'codec' | 'affinity'> & { readonly collation: string };

/** A generated column that the plan leaves out: expressions mean what it is made of. */
export type Generated = { readonly expression: Expression; readonly affinity: ColumnPlan['affinity']; readonly collation: string };

export type TableContext = {
  readonly columns: readonly KnownColumn[];
  readonly encoding: string;
  /** By lower-case name. */
  readonly generated?: ReadonlyMap<string, Generated>;
};

/**
 * What the expression is for: a condition (`unique`: of a unique index), an index's term, or a value of this column, stored once and for all
 * or made anew for each row.
 */
export type Purpose =
  | { readonly kind: 'condition'; readonly unique: boolean }
  | { readonly kind: 'term'; readonly unique: boolean }
  | { readonly kind: 'stored' | 'default'; readonly column: Pick<ColumnPlan, 'type' | 'codec' | 'affinity'> };

/** An expression over one table's columns. Never throws for an expression: what has no translation comes with a reason. */
export function translateExpression(expression: Expression | string, table: TableContext, purpose: Purpose): Translation | Untranslated {
  return attempt(() => {
    const scope = tableScope(table, purpose);
    const parsed = typeof expression === 'string' ? parseExpressionText(expression) : expression;
    const value = translate(parsed, scope);
    const sql =
      purpose.kind === 'condition'
        ? condition(value, scope)
        : purpose.kind === 'term'
          ? term(value, purpose.unique)
          : ((purpose.kind === 'default' ? fresh(value, purpose.column) : undefined) ?? stored(value, purpose.column, scope));
    return { sql, kind: value.kind, uses: [...scope.uses].toSorted() };
  });
}

/** `fields`: its columns, as a view over this view sees them. */
export type ViewTranslation = Omit<Translation, 'kind'> & { readonly fields: readonly Field[] };

/** A CREATE VIEW's SELECT. `sources`: the tables and views that it can read, by lower-case name. */
export function translateView(sql: string, sources: Sources, encoding: string): ViewTranslation | Untranslated {
  return attempt(() => {
    const view = parseView(sql);
    const uses = new Set<CompatName>();
    const { sql: body, fields } = selectSql(view.select, { sources, outer: null, base: { uses, encoding } });
    const named = fields.map((field, place) => {
      const name = view.columns[place] ?? field.name;
      return { name, value: { ...field.value, sql: quote(name) } };
    });
    return { sql: body, fields: named, uses: [...uses].toSorted() };
  });
}

function tableScope({ columns, encoding, generated }: TableContext, purpose: Purpose): Scope {
  const byName = new Map(columns.map(column => [column.name.toLowerCase(), column]));
  const scope: Scope = {
    column(_table, name) {
      const column = byName.get(name.toLowerCase());
      if (column !== undefined) return typedColumn(column, quote(column.target), column.collation);
      const made = generated?.get(name.toLowerCase());
      return made === undefined ? undefined : madeOf(made, scope);
    },
    subquery: null,
    uses: new Set(),
    encoding,
    changing: purpose.kind === 'default',
    // Every value that Postgres writes is valid on both sides, so rules for it mean the same; rows that are there meet uniqueness, and are compared.
    ofRepaired: 'unique' in purpose && !purpose.unique ? 'all' : 'nothing',
    aggregates: false,
  };
  return scope;
}

/** The value of a generated column after its affinity. */
function madeOf({ expression, affinity, collation }: Generated, scope: Scope): Typed {
  const value = translate(expression, scope);
  const made = { ...value, value: undefined, column: undefined, affinity, collation, collated: false };
  if (affinity === 'blob' || value.kind === 'blob' || value.kind === 'null') return made;
  if (affinity === 'text') return { ...made, kind: 'text', sql: asText(value, scope).sql };
  if (isNumeric(value) && affinity !== 'real') return value.kind === 'real' ? { ...made, kind: 'number' } : made;
  throw new Refusal('it holds a generated column that SQLite converts value by value');
}

/** A plain column, or an expression in its own parentheses. */
function term(value: Typed, unique: boolean): string {
  if (value.kind === 'null' || (unique && value.kind === 'json')) throw new Refusal(`it holds ${kindName(value.kind)}`);
  if (value.kind !== 'text') return value.column === undefined ? `(${value.sql})` : value.sql;
  return value.column !== undefined && value.collation === 'BINARY' ? value.sql : `(${folded(value, value.collation)})`;
}

/** The value after the column's affinity, as its codec has it in Postgres. */
function stored(value: Typed, { codec, affinity }: Pick<ColumnPlan, 'type' | 'codec' | 'affinity'>, scope: Scope): string {
  if (value.kind === 'null') return 'null';
  if (codec === 'boolean') return truth(value);
  if (codec === 'text') return storedText(value, affinity, scope);
  if (codec === 'blob' && value.kind === 'blob') return value.sql;
  if (codec === 'tagged') return tagged(value, affinity, scope);
  if (value.kind === 'json') return storedJson(value, codec, affinity, scope);
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

/** A JSON value that becomes a number by affinity: any other value is an error there, as the codec has no place for it. */
function storedJson(value: Typed, codec: ColumnPlan['codec'], affinity: ColumnPlan['affinity'], scope: Scope): string {
  const integer = codec === 'integer' && (affinity === 'integer' || affinity === 'numeric');
  if (!integer && !(codec === 'real' && affinity === 'real'))
    throw new Refusal(`it gives ${kindName(value.kind)} for a column of another type`);
  const text = textOfJson(value, scope);
  const pattern = integer ? '^[ ]*[+-]?[0-9]+[ ]*$' : '^[ ]*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?[ ]*$';
  return `(case when ${text} is null or ${text} ~ '${pattern}' then ${text} else 'no number' end)::${integer ? 'bigint' : 'double precision'}`;
}

function tagged(value: Typed, affinity: ColumnPlan['affinity'], scope: Scope): string {
  if (affinity !== 'blob' && affinity !== 'text') throw new Refusal('it gives a value for a column of several classes');
  if (value.kind === 'json' && affinity === 'blob') return value.sql;
  if (affinity === 'text') return `('t:' || ${asText(value, scope).sql})`;
  if (value.kind === 'integer' || value.kind === 'boolean') return `('i:' || ${asNumber(value).sql})`;
  if (value.kind === 'text') return `('t:' || ${value.sql})`;
  throw new Refusal(`it gives ${kindName(value.kind)} for a column of several classes`);
}
