/*
 * From SQLite's expressions to Postgres's, with SQLite's meaning or not at all.
 */
import { literal } from '../../change/quote.ts';
import type { Affinity } from '../codecs/affinity.ts';
import type { Expression } from './ast.ts';
import { translateCall } from './call.ts';
import { type Comparison, compare } from './compare.ts';
import { asText, condition, unify } from './convert.ts';
import { now } from './dates.ts';
import { asStored } from './form.ts';
import { arrow } from './json.ts';
import { like } from './like.ts';
import { Refusal } from './refusal.ts';
import { compat, mustBeChanging, type Scope } from './scope.ts';
import { asInteger, asNumber, isNumeric, kindName, smallLiteral, type Typed, typed, typedLiteral } from './typed.ts';

type Of<K extends Expression['kind']> = Extract<Expression, { readonly kind: K }>;

/** The expression in Postgres's SQL. Throws Refusal where it would not mean the same. */
export function translate(expression: Expression, scope: Scope): Typed {
  switch (expression.kind) {
    case 'literal':
      return expression.truth ? typedTruth(expression.value === 1n) : typedLiteral(expression.value);
    case 'now':
      mustBeChanging(scope, 'the current time');
      return now(expression.part);
    case 'column':
      return column(expression, scope);
    case 'unary':
      return unary(expression, scope);
    case 'binary':
      return binary(expression, scope);
    case 'is':
      return is(expression, scope);
    case 'like':
      return typed('boolean', like(expression, scope));
    case 'between':
      return between(expression, scope);
    case 'in':
      return membership(expression, scope);
    case 'case':
      return cases(expression, scope);
    case 'cast':
      return cast(translate(expression.operand, scope), affinityOfCast(expression.type), scope);
    case 'collate':
      return { ...translate(expression.operand, scope), collation: expression.collation, collated: true };
    case 'call':
      return translateCall(expression, scope);
    case 'exists':
      return typed('boolean', `exists (${subquery(expression.select, scope).sql})`);
    case 'subquery':
      return scalar(expression, scope);
    case 'row':
      throw new Refusal('it has a row value where none can be compared');
    case 'raise':
      throw new Refusal('RAISE has a meaning in triggers only');
    case 'parameter':
      throw new Refusal('it has a parameter');
  }
}

const typedTruth = (truth: boolean): Typed => ({ ...typed('boolean', String(truth)), value: truth ? 1n : 0n });

/** The expression as a condition. */
export const translateCondition = (expression: Expression, scope: Scope): string => condition(translate(expression, scope), scope);

function column({ table, name, doubtful }: Of<'column'>, scope: Scope): Typed {
  const found = scope.column(table, name);
  if (found !== undefined) return found;
  if (doubtful) return typedLiteral(name);
  throw new Refusal(`the plan has no column ${table === null ? '' : `${table}.`}${name}`);
}

function unary({ operator, operand: expression }: Of<'unary'>, scope: Scope): Typed {
  if (operator === 'not') return typed('boolean', `(not ${translateCondition(expression, scope)})`);
  const operand = translate(expression, scope);
  if (operator === '+') return { ...operand, affinity: null };
  if (operator === '~') return typed('integer', `(~${asInteger(operand)})`);
  const number = asNumber(asStored(operand, scope));
  return typed(number.kind, `(-${number.sql})`);
}

const isComparison = (operator: string): operator is Comparison => /^(=|<>|<|<=|>|>=)$/.test(operator);

function binary({ operator, left: l, right: r }: Of<'binary'>, scope: Scope): Typed {
  if (operator === 'and' || operator === 'or')
    return typed('boolean', `(${translateCondition(l, scope)} ${operator} ${translateCondition(r, scope)})`);
  if (isComparison(operator)) return typed('boolean', comparison(operator, l, r, scope));
  const [left, right] = [translate(l, scope), translate(r, scope)];
  if (operator === '->' || operator === '->>') return arrow(operator, left, right, scope);
  if (operator === '||') return typed('text', `(${asText(left, scope).sql} || ${asText(right, scope).sql})`);
  if (operator === '&' || operator === '|') return typed('integer', `(${wide(asInteger(left))} ${operator} ${asInteger(right)})`);
  if (operator === '<<' || operator === '>>') return shift(operator, left, right);
  return arithmetic(operator, asNumber(asStored(left, scope)), asNumber(asStored(right, scope)));
}

/** Compares rows member by member. */
function comparison(operator: Comparison, l: Expression, r: Expression, scope: Scope): string {
  if (l.kind !== 'row' || r.kind !== 'row') return compare(operator, translate(l, scope), translate(r, scope), scope);
  if (l.items.length !== r.items.length || /^[<>]=?$/.test(operator)) throw new Refusal('it orders row values');
  const all = operator === '=' || operator === 'is';
  return `(${l.items.flatMap((item, place) => pair(operator, item, r.items[place], scope)).join(all ? ' and ' : ' or ')})`;
}

const pair = (operator: Comparison, l: Expression, r: Expression | undefined, scope: Scope): string[] =>
  r === undefined ? [] : [comparison(operator, l, r, scope)];

/** Calculations in 64 bits also where Postgres would take a literal for 32. */
const wide = (sql: string): string => (/^\(?-?\d+\)?$/.test(sql) ? `${sql}::bigint` : sql);

function shift(operator: '<<' | '>>', left: Typed, right: Typed): Typed {
  const by = smallLiteral(right, 'the number of bits to shift by');
  if (by < 0 || by > 63) throw new Refusal('it shifts by fewer than 0 or more than 63 bits');
  return typed('integer', `(${wide(asInteger(left))} ${operator} ${by})`);
}

function arithmetic(operator: '+' | '-' | '*' | '/' | '%', left: Typed, right: Typed): Typed {
  const integers = left.kind === 'integer' && right.kind === 'integer';
  const real = left.kind === 'real' || right.kind === 'real';
  if (operator === '%' && !integers) throw new Refusal('it takes the remainder of something that is not an integer');
  if (operator === '/' && !integers && !real) throw new Refusal('its quotient depends on whether a value is an integer or a REAL');
  const divisor = operator === '/' || operator === '%' ? `nullif(${right.sql}, 0)` : right.sql;
  return typed(integers ? 'integer' : real ? 'real' : 'number', `(${integers ? wide(left.sql) : left.sql} ${operator} ${divisor})`);
}

function is({ negated, left, right }: Of<'is'>, scope: Scope): Typed {
  if (right.kind === 'literal' && right.truth)
    return typed('boolean', `(${translateCondition(left, scope)} is ${negated ? 'not ' : ''}${right.value === 1n})`);
  return typed('boolean', comparison(negated ? 'is not' : 'is', left, right, scope));
}

function between({ negated, operand, low, high }: Of<'between'>, scope: Scope): Typed {
  const value = translate(operand, scope);
  const both = `(${compare('>=', value, translate(low, scope), scope)} and ${compare('<=', value, translate(high, scope), scope)})`;
  return typed('boolean', negated ? `(not ${both})` : both);
}

function membership({ negated, operand, list }: Of<'in'>, scope: Scope): Typed {
  const not = negated ? 'not ' : '';
  if ('kind' in list) return typed('boolean', `(${inSubquery(operand, list, scope, not)})`);
  const value = translate(operand, scope);
  if (list.length === 0) return typed('boolean', String(negated));
  // What stands in the list has no affinity of its own.
  const comparisons = list.map(item => compare('=', value, { ...translate(item, scope), affinity: null, column: undefined }, scope));
  const [head = ''] = comparisons[0]?.split(' = ') ?? [];
  const plain = comparisons.every(each => each.startsWith(`${head} = `) && each.endsWith(')'));
  if (!plain) return typed('boolean', `(${not}(${comparisons.join(' or ')}))`);
  const items = comparisons.map(each => each.slice(head.length + 3, -1));
  return typed('boolean', `(${head.slice(1)} ${not}in (${items.join(', ')}))`);
}

function inSubquery(operand: Expression, list: Extract<Of<'in'>['list'], { readonly kind: 'select' }>, scope: Scope, not: string): string {
  const { sql, columns } = subquery(list, scope);
  const operands = operand.kind === 'row' ? operand.items : [operand];
  if (operands.length !== columns.length) throw new Refusal('it looks for a value in rows of another width');
  const values = operands.map((each, place) => {
    const [left, right] = [translate(each, scope), columns[place]];
    if (right === undefined || left.kind !== right.kind || left.kind === 'opaque' || left.kind === 'json' || left.collation !== 'BINARY')
      throw new Refusal('it looks for a value among values of another class or collation');
    return left.sql;
  });
  return `${values.length === 1 ? values[0] : `(${values.join(', ')})`} ${not}in (${sql})`;
}

function subquery(select: Of<'subquery'>['select'], scope: Scope) {
  if (scope.subquery === null) throw new Refusal('it has a subquery');
  return scope.subquery(select);
}

function scalar({ select }: Of<'subquery'>, scope: Scope): Typed {
  const [first, ...more] = select.parts;
  // SQLite takes the first row, Postgres refuses a second one.
  const single =
    more.length === 0 &&
    first?.groupBy.length === 0 &&
    first.results.every(result => result.kind === 'result' && isAggregate(result.value));
  const limited = select.limit !== null || single ? select : { ...select, limit: { kind: 'literal', value: 1n } as const };
  const { sql, columns } = subquery(limited, scope);
  const [only] = columns;
  if (only === undefined || columns.length > 1) throw new Refusal('it takes a subquery of several columns for a value');
  return { ...only, sql: `(${sql})`, column: undefined };
}

const isAggregate = (value: Expression): boolean =>
  value.kind === 'call' &&
  (value.star || /^(count|sum|total|avg|group_concat)$/.test(value.name) || (/^(min|max)$/.test(value.name) && value.args.length === 1));

function cases({ base, branches, otherwise }: Of<'case'>, scope: Scope): Typed {
  const value = base === null ? null : translate(base, scope);
  const whens = branches.map(({ when }) =>
    value === null ? translateCondition(when, scope) : compare('=', value, translate(when, scope), scope),
  );
  const last = otherwise === null ? [] : [translate(otherwise, scope)];
  const { kind, sqls } = unify([...branches.map(({ result }) => translate(result, scope)), ...last], scope);
  const lines = whens.map((when, place) => `when ${when} then ${sqls[place]}`);
  return typed(kind, `(case ${lines.join(' ')}${otherwise === null ? '' : ` else ${sqls.at(-1)}`} end)`);
}

/** The affinity that a type's name gives in CAST. */
function affinityOfCast(type: string): Affinity {
  const name = type.toUpperCase();
  if (name.includes('INT')) return 'integer';
  if (/CHAR|CLOB|TEXT/.test(name)) return 'text';
  if (name === '' || name.includes('BLOB')) return 'blob';
  return /REAL|FLOA|DOUB/.test(name) ? 'real' : 'numeric';
}

function cast(value: Typed, affinity: Affinity, scope: Scope): Typed {
  const result = (kind: Typed['kind'], sql: string): Typed => ({ ...typed(kind, sql), affinity, collation: value.collation });
  if (value.kind === 'null') return { ...value, affinity };
  const source = value.kind === 'json' ? asText(value, scope) : asStored(value, scope);
  if (affinity === 'text') return result('text', asText(source, scope).sql);
  if (affinity === 'blob' && source.kind === 'blob') return { ...source, affinity };
  if (affinity === 'blob' && source.kind === 'text' && scope.encoding === 'UTF-8')
    return result('blob', `convert_to(${source.sql}, 'UTF8')`);
  if (affinity === 'blob' || source.kind === 'blob') throw new Refusal(`it casts ${kindName(source.kind)} to ${affinity}`);
  if (source.kind === 'opaque') throw new Refusal(`it casts ${kindName(source.kind)}`);
  const number = isNumeric(source) ? asNumber(source) : source;
  if (affinity === 'integer')
    return number.kind === 'integer'
      ? result('integer', number.sql)
      : result('integer', `${compat(scope, 'cast_integer')}(${argument(number)})`);
  if (affinity === 'real')
    return result('real', number.kind === 'text' ? `${compat(scope, 'cast_real')}(${number.sql})` : `(${number.sql})::double precision`);
  if (number.kind === 'text') throw new Refusal('it casts a text to a number that may be an integer or a REAL');
  return result(number.kind === 'real' ? 'number' : number.kind, number.sql);
}

/** A literal of unknown type would fit several functions of one name. */
export const argument = ({ kind, sql, value }: Pick<Typed, 'kind' | 'sql' | 'value'>): string =>
  kind === 'text' && typeof value === 'string' ? `${literal(value)}::text` : sql;
