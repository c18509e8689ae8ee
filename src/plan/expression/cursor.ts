import { lex, type Token } from './lexer.ts';
import { Refusal } from './refusal.ts';

/** A place in a list of tokens. */
export type Cursor = {
  /** The token `ahead` places on, without taking it. */
  peek(ahead?: number): Token;
  take(): Token;
  /** Takes these keywords or signs if they all stand here in this order. */
  accept(...words: readonly string[]): boolean;
  /** Whether these keywords or signs stand here. */
  sees(...words: readonly string[]): boolean;
  /** Takes this keyword or sign. Throws Refusal where something else stands. */
  expect(word: string): void;
  /** Takes an identifier, bare or quoted, or a string in its place. Throws Refusal where something else stands. */
  name(): string;
  /** Source text from a position to the end of the last token taken. */
  textFrom(start: number): string;
};

/** Opens a text. Throws Refusal for what is not SQL. */
function cursor(sql: string): Cursor {
  const tokens = lex(sql);
  let place = 0;
  const peek = (ahead = 0): Token => {
    const token = tokens[Math.min(place + ahead, tokens.length - 1)];
    if (token === undefined) throw new RangeError('a token list without its end');
    return token;
  };
  const sees = (...words: readonly string[]): boolean =>
    words.every((word, ahead) => {
      const token = peek(ahead);
      return (token.kind === 'word' || token.kind === 'sign') && token.upper === word;
    });
  const take = (): Token => {
    const token = peek();
    place++;
    return token;
  };
  return {
    peek,
    sees,
    take,
    accept(...words) {
      const found = sees(...words);
      if (found) place += words.length;
      return found;
    },
    expect(word) {
      if (!sees(word)) throw unexpected(peek(), word);
      place++;
    },
    name() {
      const token = peek();
      if (token.kind !== 'word' && token.kind !== 'name' && token.kind !== 'string') throw unexpected(token, 'a name');
      return take().text;
    },
    textFrom: start => sql.slice(start, Math.max(start, tokens[Math.min(place, tokens.length) - 1]?.end ?? start)),
  };
}

/** The text cannot be read on at this token. */
export const unexpected = (token: Token, wanted: string): Refusal =>
  new Refusal(token.kind === 'end' ? `the text ends where ${wanted} should follow` : `${token.text} stands where ${wanted} should follow`);

/** The whole text by `read`. Throws Refusal where something is left over. */
export function readAll<T>(sql: string, read: (cursor: Cursor) => T): T {
  const at = cursor(sql);
  const result = read(at);
  at.accept(';');
  if (at.peek().kind !== 'end') throw unexpected(at.peek(), 'the end');
  return result;
}

/** A comma-separated list of at least one. */
export function several<T>(at: Cursor, read: (at: Cursor) => T): T[] {
  const items = [read(at)];
  while (at.accept(',')) items.push(read(at));
  return items;
}

/** Keywords that SQLite never takes for an identifier. */
const RESERVED: ReadonlySet<string> = new Set(
  `ADD ALL ALTER AND AS AUTOINCREMENT BETWEEN CASE CHECK COLLATE COMMIT CONSTRAINT CREATE DEFAULT DEFERRABLE DELETE DISTINCT DROP ELSE
  ESCAPE EXCEPT EXISTS FOREIGN FROM GROUP HAVING IN INDEX INDEXED INSERT INTERSECT INTO IS ISNULL JOIN LIMIT NOT NOTHING NOTNULL NULL ON OR ORDER
  PRIMARY REFERENCES RETURNING SELECT SET TABLE THEN TO TRANSACTION UNION UNIQUE UPDATE USING VALUES WHEN WHERE`.split(/\s+/),
);
const JOINS: ReadonlySet<string> = new Set(['CROSS', 'FULL', 'INNER', 'LEFT', 'NATURAL', 'OUTER', 'RIGHT']);

/** Whether the token can be an identifier where an expression is read. */
export const isIdentifier = (token: Token): boolean => token.kind === 'name' || (token.kind === 'word' && !RESERVED.has(token.upper));

/** An alias, with AS or without. */
export function alias(at: Cursor): string | null {
  if (at.accept('AS')) return at.name();
  const token = at.peek();
  const bare = token.kind === 'word' && !RESERVED.has(token.upper) && !JOINS.has(token.upper) && token.upper !== 'WINDOW';
  return bare || token.kind === 'name' || token.kind === 'string' ? at.name() : null;
}
