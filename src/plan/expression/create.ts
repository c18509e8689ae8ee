/*
 * Reads what PRAGMAs do not tell from the text of CREATE TABLE and CREATE VIEW. The text is one that SQLite accepted.
 */
import type { Expression, Select } from './ast.ts';
import { type Cursor, isIdentifier, readAll } from './cursor.ts';
import { parseExpression, parseTerm, qualified } from './parse.ts';
import { nameList, parseSelect } from './parse-select.ts';

export type TableText = {
  readonly checks: readonly CheckText[];
  readonly generated: readonly GeneratedText[];
  /** In the order of declaration, which is the reverse of PRAGMA foreign_key_list's. */
  readonly foreignKeys: readonly { readonly columns: readonly string[]; readonly deferred: boolean }[];
};

/** `text`: the expression as written. */
type CheckText = { readonly name: string | null; readonly text: string; readonly expression: Expression };
export type GeneratedText = { readonly column: string; readonly expression: Expression };

type Found = { [K in keyof TableText]: TableText[K][number][] };

/** Throws Refusal for a text that it cannot read. */
export function parseTable(sql: string): TableText {
  const found: Found = { checks: [], generated: [], foreignKeys: [] };
  readAll(sql, at => {
    head(at, 'TABLE');
    at.expect('(');
    do {
      if (startsConstraint(at)) constraints(at, '', found);
      else column(at, found);
    } while (at.accept(','));
    at.expect(')');
    while (at.peek().kind === 'word') at.take(); // STRICT, WITHOUT ROWID
    while (at.accept(',')) while (at.peek().kind === 'word') at.take();
  });
  return found;
}

/** CREATE … and the name of what is created. */
function head(at: Cursor, what: 'TABLE' | 'VIEW'): void {
  at.expect('CREATE');
  if (!at.accept('TEMP')) at.accept('TEMPORARY');
  at.expect(what);
  at.accept('IF', 'NOT', 'EXISTS');
  qualified(at);
}

const CONSTRAINTS = ['CONSTRAINT', 'PRIMARY', 'UNIQUE', 'CHECK', 'FOREIGN'];
const startsConstraint = (at: Cursor): boolean => CONSTRAINTS.some(word => at.sees(word));

function column(at: Cursor, found: Found): void {
  const name = at.name();
  while (inType(at)) {
    if (at.sees('(')) parentheses(at);
    else at.take();
  }
  constraints(at, name, found);
}

/** Words that end a column's type although they could be identifiers. */
const inType = (at: Cursor): boolean =>
  at.sees('(') || ((isIdentifier(at.peek()) || at.peek().kind === 'string') && !at.sees('GENERATED', 'ALWAYS'));

function parentheses(at: Cursor): void {
  at.expect('(');
  while (!at.sees(')')) {
    if (at.sees('(')) parentheses(at);
    else at.take();
    if (at.peek().kind === 'end') break;
  }
  at.expect(')');
}

/** Constraints one after another, of a column (`owner` is its name) or of the table (''). */
function constraints(at: Cursor, owner: string, found: Found): void {
  let name: string | null = null;
  for (;;) {
    if (at.accept('CONSTRAINT')) {
      name = at.name();
      continue;
    }
    if (!constraint(at, owner, name, found)) return;
    name = null;
  }
}

function constraint(at: Cursor, owner: string, name: string | null, found: Found): boolean {
  if (at.accept('CHECK')) {
    const { text, expression } = inParentheses(at);
    found.checks.push({ name, text, expression });
    conflict(at);
  } else if (at.accept('PRIMARY', 'KEY') || at.accept('UNIQUE')) {
    if (at.sees('(')) parentheses(at);
    for (const word of ['ASC', 'DESC']) at.accept(word);
    conflict(at);
    at.accept('AUTOINCREMENT');
  } else if (at.accept('NOT', 'NULL')) conflict(at);
  else if (at.accept('NULL')) conflict(at);
  else if (at.accept('DEFAULT')) parseTerm(at);
  else if (at.accept('COLLATE')) at.name();
  else if (at.accept('FOREIGN', 'KEY')) {
    const columns = nameList(at);
    at.expect('REFERENCES');
    references(at, columns, found);
  } else if (at.accept('REFERENCES')) references(at, [owner], found);
  else if (at.accept('GENERATED', 'ALWAYS', 'AS') || at.accept('AS')) {
    found.generated.push({ column: owner, expression: inParentheses(at).expression });
    for (const word of ['STORED', 'VIRTUAL']) at.accept(word);
  } else if (at.sees('NOT', 'DEFERRABLE') || at.sees('DEFERRABLE')) deferrable(at, found);
  else return false;
  return true;
}

function inParentheses(at: Cursor): { readonly text: string; readonly expression: Expression } {
  at.expect('(');
  const { start } = at.peek();
  const expression = parseExpression(at);
  const text = at.textFrom(start);
  at.expect(')');
  return { text, expression };
}

function conflict(at: Cursor): void {
  if (at.accept('ON', 'CONFLICT')) at.name();
}

function references(at: Cursor, columns: readonly string[], found: Found): void {
  at.name();
  if (at.sees('(')) parentheses(at);
  for (;;) {
    if (at.accept('MATCH')) at.name();
    else if (at.accept('ON', 'DELETE') || at.accept('ON', 'UPDATE')) {
      if (!at.accept('SET', 'NULL') && !at.accept('SET', 'DEFAULT') && !at.accept('NO', 'ACTION')) at.name();
    } else if (at.accept('ON', 'INSERT')) at.name();
    else break;
  }
  found.foreignKeys.push({ columns, deferred: false });
}

/** Belongs to the foreign key before it; SQLite defers only what says DEFERRABLE INITIALLY DEFERRED. */
function deferrable(at: Cursor, found: Found): void {
  const possible = !at.accept('NOT');
  at.expect('DEFERRABLE');
  const deferred = at.accept('INITIALLY') && at.name().toUpperCase() === 'DEFERRED' && possible;
  const last = found.foreignKeys.pop();
  if (last !== undefined) found.foreignKeys.push({ ...last, deferred });
}

/** `columns`: empty where the view names none. Throws Refusal for a text that it cannot read. */
export const parseView = (sql: string): { readonly columns: readonly string[]; readonly select: Select } =>
  readAll(sql, at => {
    head(at, 'VIEW');
    const columns = at.sees('(') ? nameList(at) : [];
    at.expect('AS');
    return { columns, select: parseSelect(at) };
  });
