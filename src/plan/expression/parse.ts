/*
 * Reads expressions, by SQLite's own precedences. From the loosest:
 * OR, AND, NOT, equality (with IS, IN, BETWEEN, LIKE …), order, bits, sums, products, || and ->, COLLATE, signs.
 */
import type { BinaryOperator, Expression } from './ast.ts';
import { type Cursor, isIdentifier, readAll, several, unexpected } from './cursor.ts';
import { blobOf, numberOf } from './literal.ts';
import { parseCall, parseCase, parseCast, parseRaise } from './parse-call.ts';
import { parseSelect, startsSelect } from './parse-select.ts';

const [OR, AND, NOT, EQUALITY, ORDER, BITS, SUM, PRODUCT, CONCAT, COLLATE, SIGN] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] as const;

const BINARY: Readonly<Record<string, readonly [number, BinaryOperator]>> = {
  OR: [OR, 'or'],
  AND: [AND, 'and'],
  '=': [EQUALITY, '='],
  '==': [EQUALITY, '='],
  '<>': [EQUALITY, '<>'],
  '!=': [EQUALITY, '<>'],
  '<': [ORDER, '<'],
  '<=': [ORDER, '<='],
  '>': [ORDER, '>'],
  '>=': [ORDER, '>='],
  '&': [BITS, '&'],
  '|': [BITS, '|'],
  '<<': [BITS, '<<'],
  '>>': [BITS, '>>'],
  '+': [SUM, '+'],
  '-': [SUM, '-'],
  '*': [PRODUCT, '*'],
  '/': [PRODUCT, '/'],
  '%': [PRODUCT, '%'],
  '||': [CONCAT, '||'],
  '->': [CONCAT, '->'],
  '->>': [CONCAT, '->>'],
};

/** A text that is one expression. Throws Refusal for what it cannot read. */
export const parseExpressionText = (sql: string): Expression => readAll(sql, parseExpression);

/** The expression at the cursor, with operators that bind at least as tightly as `least`. */
export function parseExpression(at: Cursor, least: number = OR): Expression {
  let left = prefix(at);
  for (let next = follow(at, left, least); next !== undefined; next = follow(at, left, least)) left = next;
  return left;
}

/** A literal, a signed number, a name or an expression in parentheses: what stands behind DEFAULT. */
export const parseTerm = (at: Cursor): Expression => parseExpression(at, SIGN);

function follow(at: Cursor, left: Expression, least: number): Expression | undefined {
  const token = at.peek();
  if (token.kind !== 'sign' && token.kind !== 'word') return undefined;
  const [level, operator] = BINARY[token.upper] ?? [];
  if (level !== undefined && operator !== undefined) {
    if (level < least) return undefined;
    at.take();
    return { kind: 'binary', operator, left, right: parseExpression(at, level + 1) };
  }
  if (least <= COLLATE && at.accept('COLLATE')) return { kind: 'collate', operand: left, collation: at.name().toUpperCase() };
  return least <= EQUALITY ? equality(at, left) : undefined;
}

const NULL: Expression = { kind: 'literal', value: null };

function equality(at: Cursor, left: Expression): Expression | undefined {
  if (at.accept('ISNULL')) return { kind: 'is', negated: false, left, right: NULL };
  if (at.accept('NOTNULL') || at.accept('NOT', 'NULL')) return { kind: 'is', negated: true, left, right: NULL };
  if (at.accept('IS')) return isTest(at, left);
  const negated = at.accept('NOT');
  if (at.accept('BETWEEN')) {
    const low = parseExpression(at, ORDER);
    at.expect('AND');
    return { kind: 'between', negated, operand: left, low, high: parseExpression(at, ORDER) };
  }
  if (at.accept('IN')) return membership(at, left, negated);
  const operator = (['like', 'glob', 'regexp', 'match'] as const).find(word => at.accept(word.toUpperCase()));
  if (operator === undefined) {
    if (negated) throw unexpected(at.peek(), 'NULL, BETWEEN, IN or LIKE');
    return undefined;
  }
  const pattern = parseExpression(at, ORDER);
  const sign = at.accept('ESCAPE') ? parseExpression(at, BITS) : null;
  return { kind: 'like', operator, negated, operand: left, pattern, escape: sign };
}

function isTest(at: Cursor, left: Expression): Expression {
  const not = at.accept('NOT');
  const distinct = at.accept('DISTINCT', 'FROM');
  return { kind: 'is', negated: not !== distinct, left, right: parseExpression(at, ORDER) };
}

function membership(at: Cursor, operand: Expression, negated: boolean): Expression {
  if (!at.accept('(')) {
    const name = qualified(at);
    const results = [{ kind: 'star', table: null }] as const;
    const item = { join: 'inner', natural: false, source: { kind: 'table', name }, alias: null, on: null, using: [] } as const;
    const part = { join: null, values: null, distinct: false, results, from: [item], where: null, groupBy: [], having: null, windows: [] };
    const list = { kind: 'select', recursive: false, ctes: [], parts: [part], orderBy: [], limit: null, offset: null } as const;
    return { kind: 'in', negated, operand, list };
  }
  const list = at.sees(')') ? [] : startsSelect(at) ? parseSelect(at) : several(at, parseExpression0);
  at.expect(')');
  return { kind: 'in', negated, operand, list };
}

const parseExpression0 = (at: Cursor): Expression => parseExpression(at);

/** A table's name; that of its database file is dropped, there is only one. */
export function qualified(at: Cursor): string {
  const name = at.name();
  return at.accept('.') ? at.name() : name;
}

function prefix(at: Cursor): Expression {
  const token = at.peek();
  if (token.kind === 'sign') return bySign(at);
  if (token.kind === 'end') throw unexpected(token, 'an expression');
  if (token.kind === 'word') return byWord(at);
  if (token.kind === 'name') return column(at);
  at.take();
  if (token.kind === 'string') return { kind: 'literal', value: token.text };
  if (token.kind === 'blob') return { kind: 'literal', value: blobOf(token.text) };
  return token.kind === 'number' ? { kind: 'literal', value: numberOf(token.text) } : { kind: 'parameter' };
}

function bySign(at: Cursor): Expression {
  const next = at.peek(1);
  if (at.accept('(')) return inParentheses(at);
  if (at.sees('-') && next.kind === 'number') {
    at.take();
    return { kind: 'literal', value: numberOf(at.take().text, '-') };
  }
  const operator = (['-', '+', '~'] as const).find(sign => at.accept(sign));
  if (operator === undefined) throw unexpected(at.peek(), 'an expression');
  return { kind: 'unary', operator, operand: parseExpression(at, SIGN) };
}

function inParentheses(at: Cursor): Expression {
  if (startsSelect(at)) {
    const select = parseSelect(at);
    at.expect(')');
    return { kind: 'subquery', select };
  }
  const items = several(at, parseExpression0);
  at.expect(')');
  const [only] = items;
  return items.length === 1 && only !== undefined ? only : { kind: 'row', items };
}

const CURRENT = { CURRENT_TIMESTAMP: 'timestamp', CURRENT_DATE: 'date', CURRENT_TIME: 'time' } as const;
const isCurrent = (word: string): word is keyof typeof CURRENT => Object.hasOwn(CURRENT, word);

function byWord(at: Cursor): Expression {
  const { upper } = at.peek();
  const call = at.peek(1).text === '(' && at.peek(1).kind === 'sign';
  if (at.accept('NOT')) return { kind: 'unary', operator: 'not', operand: parseExpression(at, NOT) };
  if (at.accept('NULL')) return NULL;
  if (at.accept('CASE')) return parseCase(at);
  if (call && upper === 'CAST') return parseCast(at);
  if (call && upper === 'EXISTS') return exists(at);
  if (call && upper === 'RAISE') return parseRaise(at);
  if (isCurrent(upper)) return { kind: 'now', part: CURRENT[at.take().upper as typeof upper] };
  if (!isIdentifier(at.peek()) && !(call && upper === 'REPLACE')) throw unexpected(at.peek(), 'an expression');
  if (call) return parseCall(at);
  if ((upper === 'TRUE' || upper === 'FALSE') && at.peek(1).text !== '.') {
    at.take();
    return { kind: 'literal', value: upper === 'TRUE' ? 1n : 0n, truth: true };
  }
  return column(at);
}

function exists(at: Cursor): Expression {
  at.take();
  at.expect('(');
  const select = parseSelect(at);
  at.expect(')');
  return { kind: 'exists', select };
}

function column(at: Cursor): Expression {
  const token = at.peek();
  if (at.peek(1).kind === 'sign' && at.peek(1).text === '(') return parseCall(at);
  const names = [at.name()];
  while (at.accept('.')) names.push(at.name());
  const [name = '', table = null] = names.toReversed();
  return { kind: 'column', table, name, doubtful: token.mark === '"' && table === null };
}
