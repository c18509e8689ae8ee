/*
 * Reads what looks like a function: calls with their windows, CASE, CAST, RAISE.
 */
import type { Branch, Call, Expression, OrderTerm, Window } from './ast.ts';
import { type Cursor, several } from './cursor.ts';
import { parseExpression } from './parse.ts';

const one = (at: Cursor): Expression => parseExpression(at);

/** A call, from its name on. */
export function parseCall(at: Cursor): Call {
  const name = at.name().toLowerCase();
  at.expect('(');
  const distinct = at.accept('DISTINCT');
  const star = at.accept('*');
  const args = star || at.sees(')') ? [] : several(at, one);
  const orderBy = parseOrderBy(at);
  at.expect(')');
  return { kind: 'call', name, star, distinct, args, orderBy, filter: filter(at), over: over(at) };
}

function filter(at: Cursor): Expression | null {
  if (!at.accept('FILTER', '(')) return null;
  at.expect('WHERE');
  const condition = one(at);
  at.expect(')');
  return condition;
}

function over(at: Cursor): Call['over'] {
  if (!at.accept('OVER')) return null;
  return at.sees('(') ? parseWindow(at) : at.name();
}

/** A window's definition, in its parentheses. */
export function parseWindow(at: Cursor): Window {
  at.expect('(');
  const base =
    at.peek().kind !== 'sign' && !['PARTITION', 'ORDER', 'ROWS', 'RANGE', 'GROUPS'].some(word => at.sees(word)) ? at.name() : null;
  const partitionBy = at.accept('PARTITION', 'BY') ? several(at, one) : [];
  const orderBy = parseOrderBy(at);
  const start = at.peek().start;
  while (!at.sees(')') && at.peek().kind !== 'end') at.take();
  const frame = at.textFrom(start);
  at.expect(')');
  return { base, partitionBy, orderBy, frame: frame === '' ? null : frame };
}

/** ORDER BY and its terms; empty where there is none. */
export const parseOrderBy = (at: Cursor): OrderTerm[] => (at.accept('ORDER', 'BY') ? several(at, orderTerm) : []);

function orderTerm(at: Cursor): OrderTerm {
  const by = one(at);
  const descending = at.accept('DESC');
  if (!descending) at.accept('ASC');
  const nulls = at.accept('NULLS', 'FIRST') ? 'first' : at.accept('NULLS', 'LAST') ? 'last' : null;
  return { by, descending, nulls };
}

/** What follows CASE. */
export function parseCase(at: Cursor): Expression {
  const base = at.sees('WHEN') ? null : one(at);
  const branches: Branch[] = [];
  while (at.accept('WHEN')) {
    const when = one(at);
    at.expect('THEN');
    branches.push({ when, result: one(at) });
  }
  const otherwise = at.accept('ELSE') ? one(at) : null;
  at.expect('END');
  return { kind: 'case', base, branches, otherwise };
}

/** CAST, from its name on. */
export function parseCast(at: Cursor): Expression {
  at.take();
  at.expect('(');
  const operand = one(at);
  at.expect('AS');
  const start = at.peek().start;
  let depth = 0;
  while (at.peek().kind !== 'end' && !(depth === 0 && at.sees(')'))) {
    const { text } = at.take();
    depth += text === '(' ? 1 : text === ')' ? -1 : 0;
  }
  const type = at.textFrom(start);
  at.expect(')');
  return { kind: 'cast', operand, type };
}

/** RAISE, from its name on. */
export function parseRaise(at: Cursor): Expression {
  at.take();
  at.expect('(');
  const action = at.name().toLowerCase();
  const message = at.accept(',') ? one(at) : null;
  at.expect(')');
  return { kind: 'raise', action, message };
}
