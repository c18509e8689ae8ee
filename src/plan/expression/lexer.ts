/*
 * Splits SQL into tokens, as SQLite does it.
 */
import { Refusal } from './refusal.ts';

/**
 * `word`: a bare identifier or keyword, in `upper` as keywords are spelled; `name`: a quoted identifier, `text` without its quotes and `mark` the
 * sign that opened it; `string` and `blob`: `text` without quotes.
 */
export type Token = {
  readonly kind: 'word' | 'name' | 'string' | 'blob' | 'number' | 'parameter' | 'sign' | 'end';
  readonly text: string;
  readonly upper: string;
  readonly mark: string;
  readonly start: number;
  readonly end: number;
};

const TOKEN = new RegExp(
  [
    String.raw`(?<blank>[ \t\n\f\r\ufeff]+|--[^\n]*|/\*[\s\S]*?(?:\*/|$))`,
    "(?<blob>[xX]'[^']*')",
    "(?<string>'(?:[^']|'')*')",
    String.raw`(?<name>"(?:[^"]|"")*"|\x60(?:[^\x60]|\x60\x60)*\x60|\[[^\]]*\])`,
    String.raw`(?<number>0[xX][\da-fA-F]+(?:_[\da-fA-F]+)*|(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?)`,
    String.raw`(?<word>[A-Za-z_\u{80}-\u{10ffff}][\w$\u{80}-\u{10ffff}]*)`,
    String.raw`(?<parameter>\?\d*|[:@#$][\w$]+)`,
    String.raw`(?<sign>->>|->|\|\||<<|>>|<=|>=|<>|!=|==|[-+*/%&|~<>=(),.;])`,
  ].join('|'),
  'uy',
);

const KINDS = ['blob', 'string', 'name', 'number', 'word', 'parameter', 'sign'] as const;

/** Tokens without blanks and comments, ended by one of kind `end`. Throws Refusal for a character that begins no token. */
export function lex(sql: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let start = 0; start < sql.length; start = TOKEN.lastIndex) {
    const { groups = {}, 0: text } = TOKEN.exec(sql) ?? { 0: undefined };
    if (text === undefined) throw new Refusal(`nothing in SQL begins with ${sql.charAt(start)}`);
    const kind = KINDS.find(name => groups[name] !== undefined);
    if (kind !== undefined) tokens.push({ kind, ...content(kind, text), upper: text.toUpperCase(), start, end: start + text.length });
  }
  return [...tokens, { kind: 'end', text: '', upper: '', mark: '', start: sql.length, end: sql.length }];
}

function content(kind: Token['kind'], text: string): Pick<Token, 'text' | 'mark'> {
  const mark = text.charAt(0);
  if (kind === 'blob') return { text: text.slice(2, -1), mark: '' };
  if (kind === 'string' || kind === 'name') {
    const inner = text.slice(1, -1);
    return { text: mark === '[' ? inner : inner.replaceAll(mark + mark, mark), mark };
  }
  return { text, mark: '' };
}
