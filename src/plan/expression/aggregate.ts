/*
 * Aggregates and window functions.
 */
import type { Call, OrderTerm, Window } from './ast.ts';
import { folded, ordered } from './compare.ts';
import { asText, unify } from './convert.ts';
import { asStored } from './form.ts';
import { Refusal } from './refusal.ts';
import type { Scope } from './scope.ts';
import { translate, translateCondition } from './translate.ts';
import { asNumber, type Typed, typed } from './typed.ts';

const AGGREGATES: ReadonlySet<string> = new Set(['count', 'sum', 'total', 'avg', 'group_concat', 'string_agg']);
const RANKS: ReadonlySet<string> = new Set(['row_number', 'rank', 'dense_rank', 'percent_rank', 'cume_dist', 'ntile']);
const NEIGHBOURS: ReadonlySet<string> = new Set(['lag', 'lead', 'first_value', 'last_value', 'nth_value']);

export const isAggregateCall = ({ name, args, over }: Call): boolean =>
  AGGREGATES.has(name) || (/^(min|max)$/.test(name) && args.length === 1) || (over !== null && (RANKS.has(name) || NEIGHBOURS.has(name)));

/** An aggregate or window call. Throws Refusal outside a SELECT. */
export function aggregate(call: Call, scope: Scope): Typed {
  if (!scope.aggregates) throw new Refusal(`${call.name} stands outside a SELECT`);
  const inside = call.over === null ? (scope.ungrouped ?? scope) : scope;
  const args = call.args.map(argument => translate(argument, inside));
  const tail = `${call.filter === null ? '' : ` filter (where ${translateCondition(call.filter, inside)})`}${over(call.over, scope)}`;
  const distinct = call.distinct ? 'distinct ' : '';
  const [first] = args;
  if (call.name === 'count') return typed('integer', `count(${first === undefined ? '*' : distinct + first.sql})${tail}`);
  if (RANKS.has(call.name)) {
    const list = args.map(arg => `(${asNumber(arg).sql})::integer`).join(', ');
    return typed(/_rank|cume/.test(call.name) && call.name !== 'dense_rank' ? 'real' : 'integer', `${call.name}(${list})${tail}`);
  }
  if (first === undefined) throw new Refusal(`${call.name} has no argument`);
  if (call.distinct && first.kind === 'text' && first.collation !== 'BINARY') throw new Refusal(`DISTINCT compares by ${first.collation}`);
  if (call.name === 'min' || call.name === 'max') return extreme(call.name, first, tail, scope);
  if (NEIGHBOURS.has(call.name)) return neighbour(call, args, tail, scope);
  if (call.name === 'group_concat' || call.name === 'string_agg') {
    const separator = args[1] === undefined ? "','" : asText(args[1], scope).sql;
    return typed('text', `string_agg(${distinct}${asText(first, scope).sql}, ${separator}${orderBy(call.orderBy, inside)})${tail}`);
  }
  return sums(call.name, asStored(first, inside), distinct, tail);
}

function sums(name: string, value: Typed, distinct: string, tail: string): Typed {
  const number = asNumber(value);
  const sum = `sum(${distinct}${number.sql})${tail}`;
  if (name === 'total') return typed('real', `coalesce((${sum})::double precision, 0)`);
  if (name === 'avg') return typed('real', `((${sum})::double precision / nullif(count(${distinct}${number.sql})${tail}, 0))`);
  return typed(number.kind, number.kind === 'integer' ? `(${sum})::bigint` : sum);
}

/** Points in time are in the order of their texts, and of their numbers. */
const isInTime = ({ kind, column }: Typed): boolean => kind === 'opaque' && /^(?:date|timestamp)/.test(column?.codec ?? '');

function extreme(name: string, value: Typed, tail: string, scope: Scope): Typed {
  if (isInTime(value)) return { ...value, sql: `${name}(${value.sql})${tail}` };
  if (value.kind === 'blob' || value.kind === 'opaque' || value.kind === 'json')
    throw new Refusal(`${name} of a BLOB or of several classes`);
  if (value.kind === 'null' || value.kind === 'boolean') return typed('integer', `${name}(${asNumber(value).sql})${tail}`);
  if (value.kind !== 'text') return typed(value.kind, `${name}(${value.sql})${tail}`);
  if (value.collation !== 'BINARY') throw new Refusal(`${name} compares by ${value.collation}`);
  ordered(scope);
  return typed('text', `${name}(${value.sql} collate "C")${tail}`);
}

const TYPES: Readonly<Partial<Record<Typed['kind'], string>>> = {
  integer: 'bigint',
  real: 'double precision',
  text: 'text',
  boolean: 'boolean',
};

function neighbour({ name }: Call, args: readonly Typed[], tail: string, scope: Scope): Typed {
  const [first, second, third, ...more] = args;
  if (first === undefined || more.length > 0) throw new Refusal(`${name} has other arguments than Postgres's`);
  const offset = second === undefined ? '' : `, (${asNumber(second).sql})::integer`;
  if (third !== undefined) {
    const { kind, sqls } = unify([first, third], scope);
    const type = TYPES[kind];
    if (type === undefined) throw new Refusal(`${name} has a default of another class`);
    return typed(kind, `${name}((${sqls[0]})::${type}${offset}, (${sqls[1]})::${type})${tail}`);
  }
  return { ...first, sql: `${name}(${first.sql}${offset})${tail}`, column: undefined, affinity: null };
}

function over(window: Call['over'], scope: Scope): string {
  if (window === null) return '';
  return typeof window === 'string' ? ` over "${window.toLowerCase()}"` : ` over ${windowSql(window, scope)}`;
}

/** A window's definition in parentheses. */
export function windowSql({ base, partitionBy, orderBy: order, frame }: Window, scope: Scope): string {
  const partition = partitionBy.map(each => groupTerm(translate(each, scope)));
  const parts = [
    base === null ? '' : `"${base.toLowerCase()}"`,
    partition.length === 0 ? '' : `partition by ${partition.join(', ')}`,
    orderBy(order, scope).trim(),
    frame ?? '',
  ];
  return `(${parts.filter(part => part !== '').join(' ')})`;
}

/** ` order by …`, or nothing. */
const orderBy = (terms: readonly OrderTerm[], scope: Scope): string =>
  terms.length === 0 ? '' : ` order by ${terms.map(term => orderTerm(translate(term.by, scope), term, scope)).join(', ')}`;

/** SQLite takes NULL for the smallest value. */
export function orderTerm(value: Typed, { descending, nulls }: Pick<OrderTerm, 'descending' | 'nulls'>, scope: Scope): string {
  const place = nulls ?? (descending ? 'last' : 'first');
  return `${sortKey(value, scope)}${descending ? ' desc' : ''} nulls ${place}`;
}

function sortKey(hidden: Typed, scope: Scope): string {
  if (isInTime(hidden)) return hidden.sql;
  const value = asStored(hidden, scope);
  if (value.kind === 'opaque' || value.kind === 'json') throw new Refusal('it orders by what has several classes or an own format');
  if (value.kind !== 'text') return value.kind === 'null' ? 'null::text' : value.sql;
  ordered(scope);
  return value.collation === 'NOCASE' ? folded(value, 'NOCASE') : `${folded(value, value.collation)} collate "C"`;
}

/** Codecs under which values are equal in Postgres where they are in SQLite. */
const ONE_TO_ONE = /^(?:date|timestamptz?|uuid|boolean|decimal)\b/;

/** A term of GROUP BY, DISTINCT or PARTITION BY. Throws Refusal where SQLite would take different texts for one. */
export function groupTerm(value: Typed): string {
  if (value.kind === 'text' && value.collation !== 'BINARY') throw new Refusal(`it groups texts by ${value.collation}`);
  if (value.kind === 'opaque' && ONE_TO_ONE.test(value.column?.codec ?? '')) return value.sql;
  if (value.kind === 'opaque' || value.kind === 'json') throw new Refusal('it groups by what has several classes or an own format');
  return value.sql;
}
