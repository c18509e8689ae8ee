/*
 * Comparisons: SQLite first converts by the operands' affinities, then compares storage classes, then values by a collation.
 */
import { literal } from '../../change/quote.ts';
import { codecOf } from '../codec.ts';
import { looksNumeric } from '../codecs/affinity.ts';
import { Unfit } from '../codecs/fit.ts';
import { asText } from './convert.ts';
import { asStored } from './form.ts';
import { numberOf } from './literal.ts';
import { Refusal } from './refusal.ts';
import { compat, type Scope } from './scope.ts';
import { asNumber, isNumeric, kindName, neverNumeric, type Typed, typedLiteral } from './typed.ts';

export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>=' | 'is' | 'is not';

const SIGNS: Readonly<Record<Comparison, string>> = {
  '=': '=',
  '<>': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
  is: 'is not distinct from',
  'is not': 'is distinct from',
};
const isOrder = (operator: Comparison): boolean => /^[<>]=?$/.test(operator);
const isTest = (operator: Comparison): boolean => operator === 'is' || operator === 'is not';

/** The comparison as a Postgres boolean. Throws Refusal where SQLite decides value by value. */
export function compare(operator: Comparison, left: Typed, right: Typed, scope: Scope): string {
  if (left.kind === 'null' || right.kind === 'null') return withNull(operator, left, right);
  if (left.kind === 'opaque' || right.kind === 'opaque') return opaque(operator, left, right, scope);
  if (left.kind === 'json' || right.kind === 'json') return json(operator, left, right, scope);
  const [a, b] = converted(left, right, scope);
  if (isNumeric(a) && isNumeric(b)) return numbers(operator, a, b, scope);
  if (a.kind === 'text' && b.kind === 'text') return texts(operator, a, b, collationOf(left, right), scope, movable(left, right));
  if (a.kind === 'blob' && b.kind === 'blob') return `(${a.sql} ${SIGNS[operator]} ${b.sql})`;
  return classes(operator, a, b, scope);
}

function withNull(operator: Comparison, left: Typed, right: Typed): string {
  if (!isTest(operator)) return 'null::boolean';
  const { kind, sql } = left.kind === 'null' ? right : left;
  return `(${kind === 'null' ? 'null::text' : sql} ${operator === 'is' ? 'is null' : 'is not null'})`;
}

const isNumericAffinity = ({ affinity }: Typed): boolean => affinity === 'integer' || affinity === 'real' || affinity === 'numeric';

/** Both operands after SQLite's conversions; a text that may or may not be a number stays one. */
function converted(left: Typed, right: Typed, scope: Scope): readonly [Typed, Typed] {
  if (isNumericAffinity(left) || isNumericAffinity(right)) return [numeric(left), numeric(right)];
  const text = left.affinity === 'text' ? right : right.affinity === 'text' ? left : undefined;
  if (text === undefined || text.affinity !== null) return [left, right];
  return text === right ? [left, textual(right, scope)] : [textual(left, scope), right];
}

const textual = (value: Typed, scope: Scope): Typed => (isNumeric(value) ? asText(value, scope) : value);

/** A literal that looks like a number becomes one. */
function numeric(value: Typed): Typed {
  const known = value.value;
  if (typeof known !== 'string' || !looksNumeric(known)) return value;
  const [, sign = '', digits = ''] = /^\s*([+-]?)(.*?)\s*$/.exec(known) ?? [];
  const number = numberOf(digits, sign === '-' ? '-' : '');
  const whole = typeof number === 'number' && Number.isInteger(number) && Math.abs(number) < 2 ** 53;
  return typedLiteral(whole ? BigInt(number) : number);
}

function numbers(operator: Comparison, left: Typed, right: Typed, scope: Scope): string {
  const sign = SIGNS[operator];
  if (left.kind === 'boolean' && right.kind === 'boolean' && !isOrder(operator)) return `(${left.sql} ${sign} ${right.sql})`;
  if (!isOrder(operator)) {
    if (left.kind === 'boolean' && isTruth(right)) return `(${left.sql} ${sign} ${right.value === 1n})`;
    if (right.kind === 'boolean' && isTruth(left)) return `(${left.value === 1n} ${sign} ${right.sql})`;
  }
  const [a, b] = [asNumber(left), asNumber(right)];
  if ((a.kind === 'integer') === (b.kind === 'integer') || isExact(a) || isExact(b)) return `(${a.sql} ${sign} ${b.sql})`;
  if (isTest(operator)) throw new Refusal('it tests an integer against a REAL by IS');
  if (a.kind !== 'integer') return `(0 ${sign} ${compat(scope, 'compare')}(${b.sql}, ${a.sql}))`;
  return `(${compat(scope, 'compare')}(${a.sql}, ${b.sql}) ${sign} 0)`;
}

const isTruth = ({ value }: Typed): boolean => value === 0n || value === 1n;

/** An integer literal that double precision holds exactly, so that it can be compared with a REAL. */
const isExact = ({ kind, value }: Typed): boolean =>
  kind === 'integer' && typeof value === 'bigint' && value < 2n ** 53n && value > -(2n ** 53n);

/** The left operand's collation, unless only the right one is a column or has COLLATE. */
function collationOf(left: Typed, right: Typed): string {
  if (left.collated || right.collated) return left.collated ? left.collation : right.collation;
  return left.column !== undefined || right.column === undefined ? left.collation : right.collation;
}

/** Of two texts the one that SQLite makes a number of, where it looks like one, because the other one's column is numeric. */
function movable(left: Typed, right: Typed): 'left' | 'right' | undefined {
  const [a, b] = [isNumericAffinity(left), isNumericAffinity(right)];
  if (a === b) return undefined;
  const text = a ? right : left;
  if (text.value !== undefined || (text.column !== undefined && text.column.codec !== 'text') || neverNumeric(text)) return undefined;
  return a ? 'right' : 'left';
}

/** `moved`: the one that may stand before the other as a number; equal they are then neither as numbers nor as texts. */
function texts(operator: Comparison, left: Typed, right: Typed, collation: string, scope: Scope, moved?: 'left' | 'right'): string {
  const [a, b] = [folded(left, collation), folded(right, collation)];
  const order = isOrder(operator) && collation !== 'NOCASE' ? ' collate "C"' : '';
  if (isOrder(operator)) ordered(scope);
  const result = `(${a}${order} ${SIGNS[operator]} ${b}${order})`;
  if (moved === undefined || !isOrder(operator)) return result;
  const [number, other] = moved === 'left' ? [left, right] : [right, left];
  const first = operator.startsWith(moved === 'left' ? '<' : '>');
  return `(case when ${other.sql} is not null and ${compat(scope, 'to_number')}(${number.sql}) is not null then ${first} else ${result} end)`;
}

/** SQLite orders texts by their bytes, as Postgres's collation "C" does for UTF-8. */
export function ordered(scope: Scope): void {
  if (scope.encoding !== 'UTF-8') throw new Refusal(`it orders texts, and SQLite orders those of ${scope.encoding} by other bytes`);
}

/** The text in a form that is equal for texts which the collation takes for equal. Throws Refusal for an application's collation. */
export function folded({ sql, value }: Typed, collation: string): string {
  if (collation === 'BINARY') return sql;
  if (collation === 'NOCASE')
    return typeof value === 'string' ? literal(value.replaceAll(/[A-Z]/g, letter => letter.toLowerCase())) : `lower(${sql} collate "C")`;
  if (collation === 'RTRIM') return typeof value === 'string' ? literal(value.replace(/ +$/, '')) : `rtrim(${sql}, ' ')`;
  throw new Refusal(`it compares by ${collation}, a collation of the application`);
}

const RANK = { text: 2, blob: 3 } as const;
const rankOf = (value: Typed): number => (isNumeric(value) ? 1 : value.kind === 'text' ? RANK.text : RANK.blob);

/** Operands of different classes: numbers stand before texts, texts before BLOBs. */
function classes(operator: Comparison, left: Typed, right: Typed, scope: Scope): string {
  const dynamic = [left, right].find(value => value.kind === 'text' && value.value === undefined);
  const other = dynamic === left ? right : left;
  if (dynamic !== undefined && isNumeric(other) && (isNumericAffinity(left) || isNumericAffinity(right)))
    return textWithNumber(operator, left, right, scope);
  if (isTest(operator)) return `((${left.sql} is null and ${right.sql} is null) = ${operator === 'is'})`;
  const less = rankOf(left) < rankOf(right);
  const result = operator === '<>' || (operator.startsWith('<') ? less : operator.startsWith('>') && !less);
  return `(case when ${left.sql} is not null and ${right.sql} is not null then ${result} end)`;
}

/** A text that SQLite takes for a number where it looks like one; where not, it stands behind all numbers. */
function textWithNumber(operator: Comparison, left: Typed, right: Typed, scope: Scope): string {
  if (isTest(operator)) throw new Refusal('it tests a text against a number by IS');
  const side = (value: Typed): string => (value.kind === 'text' ? `${compat(scope, 'to_number')}(${value.sql})` : exact(value));
  const textFirst = left.kind === 'text';
  const otherwise = operator === '<>' || operator.startsWith(textFirst ? '>' : '<');
  return `(case when ${left.sql} is not null and ${right.sql} is not null then coalesce(${side(left)} ${SIGNS[operator]} ${side(right)}, ${otherwise}) end)`;
}

/** Integers only: a REAL would lose digits as numeric. */
function exact(value: Typed): string {
  const number = asNumber(value);
  if (number.kind !== 'integer') throw new Refusal(`it compares a text with ${kindName(number.kind)}`);
  return number.sql;
}

/** A column with a codec of its own: compared as it is where that means the same, so that its indexes serve, else with the value SQLite has. */
function opaque(operator: Comparison, left: Typed, right: Typed, scope: Scope): string {
  const [a, b] = [asStored(left, scope), asStored(right, scope)];
  if (a.kind !== 'opaque' && b.kind !== 'opaque')
    return sameColumns(operator, left, right) ?? encoded(operator, left, right) ?? compare(operator, a, b, scope);
  const found = encoded(operator, left, right);
  if (found === undefined) throw new Refusal('it compares a column of several classes or of an own format');
  return found;
}

/** One codec has one value for each of SQLite's. */
function sameColumns(operator: Comparison, left: Typed, right: Typed): string | undefined {
  const same =
    left.column !== undefined && left.column.codec === right.column?.codec && left.collation === 'BINARY' && right.collation === 'BINARY';
  return same && !isOrder(operator) && !spells(left) ? `(${left.sql} ${SIGNS[operator]} ${right.sql})` : undefined;
}

/** Texts that SQLite tells apart are one JSON value in Postgres. */
const spells = ({ column }: Pick<Typed, 'column'>): boolean => /^jsonb?\b/.test(column?.codec ?? '');

/** Against a literal: equal exactly when the encoded literal is, as long as it is a text. */
function encoded(operator: Comparison, left: Typed, right: Typed): string | undefined {
  const column = (left.kind === 'opaque' ? left : right).column;
  const known = left.kind === 'opaque' ? right.value : left.value;
  const exact = left.collation === 'BINARY' && right.collation === 'BINARY';
  if (column === undefined || spells({ column }) || !exact || isOrder(operator) || typeof known !== 'string' || looksNumeric(known))
    return undefined;
  const text = codecOf(column).encode(known);
  if (text === null || text instanceof Unfit) return undefined;
  const value = `${literal(text)}::${column.type}`;
  const [a, b] = left.kind === 'opaque' ? [left.sql, value] : [value, right.sql];
  return `(${a} ${SIGNS[operator]} ${b})`;
}

/** A JSON value against a literal: tagged values are equal exactly when class and value are. */
function json(operator: Comparison, left: Typed, right: Typed, scope: Scope): string {
  const [value, other] = left.kind === 'json' ? [left, right] : [right, left];
  if (other.affinity === 'text' && other.kind === 'text' && !isOrder(operator)) {
    return texts(operator, { ...value, kind: 'text', sql: asText(value, scope).sql }, other, collationOf(left, right), scope);
  }
  const known = other.value;
  if (isOrder(operator) || (typeof known !== 'string' && typeof known !== 'bigint'))
    throw new Refusal('it compares a JSON value with something that is not a literal');
  if (typeof known === 'bigint' && (known > 10n ** 15n || known < -(10n ** 15n)))
    throw new Refusal('it compares a JSON value with a large integer');
  if (typeof known === 'string') return `(${value.sql} ${SIGNS[operator]} ${literal(`t:${known}`)})`;
  const both = `${value.sql} in (${literal(`i:${known}`)}, ${literal(`r:${known}.0`)})`;
  if (operator === '=' || operator === '<>') return operator === '=' ? `(${both})` : `(not (${both}))`;
  return operator === 'is' ? `coalesce(${both}, false)` : `(not coalesce(${both}, false))`;
}
