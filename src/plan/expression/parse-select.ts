/*
 * Reads SELECT, VALUES and what stands around them.
 */
import type { Cte, Expression, FromItem, ResultColumn, Select, SelectPart } from './ast.ts';
import { alias, type Cursor, several, unexpected } from './cursor.ts';
import { parseExpression, qualified } from './parse.ts';
import { parseOrderBy, parseWindow } from './parse-call.ts';

const one = (at: Cursor): Expression => parseExpression(at);

/** Whether a SELECT begins here. */
export const startsSelect = (at: Cursor): boolean => at.sees('SELECT') || at.sees('VALUES') || at.sees('WITH');

/** A SELECT with its WITH, compound parts, ORDER BY and LIMIT. */
export function parseSelect(at: Cursor): Select {
  const withs = at.accept('WITH');
  const recursive = withs && at.accept('RECURSIVE');
  const ctes = withs ? several(at, cte) : [];
  const parts = [part(at, null)];
  for (let join = compound(at); join !== null; join = compound(at)) parts.push(part(at, join));
  const orderBy = parseOrderBy(at);
  return { kind: 'select', recursive, ctes, parts, orderBy, ...limit(at) };
}

function cte(at: Cursor): Cte {
  const name = at.name();
  const columns = at.sees('(') ? nameList(at) : [];
  at.expect('AS');
  at.accept('NOT', 'MATERIALIZED');
  at.accept('MATERIALIZED');
  at.expect('(');
  const select = parseSelect(at);
  at.expect(')');
  return { name, columns, select };
}

/** Names in parentheses. */
export function nameList(at: Cursor): string[] {
  at.expect('(');
  const names = several(at, inner => inner.name());
  at.expect(')');
  return names;
}

function compound(at: Cursor): SelectPart['join'] {
  if (at.accept('UNION', 'ALL')) return 'union all';
  return (['union', 'intersect', 'except'] as const).find(word => at.accept(word.toUpperCase())) ?? null;
}

function part(at: Cursor, join: SelectPart['join']): SelectPart {
  const nothing = { distinct: false, results: [], from: [], where: null, groupBy: [], having: null, windows: [] };
  if (at.accept('VALUES')) return { join, values: several(at, tuple), ...nothing };
  at.expect('SELECT');
  const distinct = at.accept('DISTINCT');
  if (!distinct) at.accept('ALL');
  return {
    join,
    values: null,
    distinct,
    results: several(at, result),
    from: at.accept('FROM') ? from(at) : [],
    where: at.accept('WHERE') ? one(at) : null,
    groupBy: at.accept('GROUP', 'BY') ? several(at, one) : [],
    having: at.accept('HAVING') ? one(at) : null,
    windows: at.accept('WINDOW') ? several(at, namedWindow) : [],
  };
}

function tuple(at: Cursor): Expression[] {
  at.expect('(');
  const items = several(at, one);
  at.expect(')');
  return items;
}

function namedWindow(at: Cursor): SelectPart['windows'][number] {
  const name = at.name();
  at.expect('AS');
  return { name, window: parseWindow(at) };
}

function result(at: Cursor): ResultColumn {
  if (at.accept('*')) return { kind: 'star', table: null };
  if (at.peek(1).text === '.' && at.peek(2).text === '*' && at.peek(2).kind === 'sign') {
    const table = at.name();
    at.take();
    at.take();
    return { kind: 'star', table };
  }
  const { start } = at.peek();
  const value = one(at);
  const text = at.textFrom(start);
  return { kind: 'result', value, text, alias: alias(at) };
}

function limit(at: Cursor): Pick<Select, 'limit' | 'offset'> {
  if (!at.accept('LIMIT')) return { limit: null, offset: null };
  const first = one(at);
  if (at.accept('OFFSET')) return { limit: first, offset: one(at) };
  return at.accept(',') ? { limit: one(at), offset: first } : { limit: first, offset: null };
}

/** The members of FROM, from the first one on. */
function from(at: Cursor): FromItem[] {
  const items = [item(at, { join: 'inner', natural: false })];
  for (let how = joinWords(at); how !== undefined; how = joinWords(at)) items.push(item(at, how));
  return items;
}

type How = Pick<FromItem, 'join' | 'natural'>;

/** A comma or the words before JOIN, and JOIN itself; undefined where FROM ends. */
function joinWords(at: Cursor): How | undefined {
  if (at.accept(',')) return { join: 'inner', natural: false };
  const words = new Set<string>();
  for (let word = joinWord(at); word !== undefined; word = joinWord(at)) words.add(word);
  if (words.size === 0 && !at.sees('JOIN')) return undefined;
  at.expect('JOIN');
  const side = (['left', 'right', 'full', 'cross'] as const).find(each => words.has(each.toUpperCase())) ?? 'inner';
  return { join: words.has('LEFT') && words.has('RIGHT') ? 'full' : side, natural: words.has('NATURAL') };
}

const joinWord = (at: Cursor): string | undefined =>
  ['NATURAL', 'LEFT', 'RIGHT', 'FULL', 'INNER', 'OUTER', 'CROSS'].find(word => at.accept(word));

function item(at: Cursor, how: How): FromItem {
  const source = fromSource(at);
  const name = alias(at);
  if (at.accept('INDEXED')) {
    at.expect('BY');
    at.name();
  } else at.accept('NOT', 'INDEXED');
  const on = at.accept('ON') ? one(at) : null;
  return { ...how, source, alias: name, on, using: on === null && at.accept('USING') ? nameList(at) : [] };
}

function fromSource(at: Cursor): FromItem['source'] {
  if (at.accept('(')) {
    const inside: FromItem['source'] = startsSelect(at) ? { kind: 'select', select: parseSelect(at) } : { kind: 'group', items: from(at) };
    at.expect(')');
    return inside;
  }
  const token = at.peek();
  if (token.kind === 'sign' || token.kind === 'end') throw unexpected(token, 'a table');
  const name = qualified(at);
  if (!at.accept('(')) return { kind: 'table', name };
  const args = at.sees(')') ? [] : several(at, one);
  at.expect(')');
  return { kind: 'function', name: name.toLowerCase(), args };
}
