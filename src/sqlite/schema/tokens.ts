/*
 * Splits SQL text into tokens: only to cut expressions out of it, as written. What the schema *is* comes from PRAGMAs.
 */

export type Token = { readonly kind: 'blank' | 'word' | 'quoted' | 'string' | 'other'; readonly text: string };

const TOKEN =
  /(?<blank>\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<string>'(?:[^']|'')*')|(?<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])|(?<word>[\p{L}_\u{80}-\u{10ffff}][\w$\u{80}-\u{10ffff}]*)|\d[\w.]*|[\s\S]/gu;

/** Comments are blanks. A text that was rejoined from its tokens is the same SQL. */
export function tokenize(sql: string): Token[] {
  return [...sql.matchAll(TOKEN)].map(({ 0: text, groups = {} }) => {
    if (groups.blank !== undefined) return { kind: 'blank', text: ' ' };
    if (groups.string !== undefined) return { kind: 'string', text };
    if (groups.quoted !== undefined) return { kind: 'quoted', text };
    return { kind: groups.word === undefined ? 'other' : 'word', text };
  });
}

export const isWord = (token: Token | undefined, word: string): boolean => token?.kind === 'word' && token.text.toLowerCase() === word;

/** The name that an identifier token stands for. */
export function nameOf(token: Token): string {
  if (token.kind !== 'quoted') return token.text;
  const mark = token.text.at(-1) ?? '';
  const inner = token.text.slice(1, -1);
  return mark === ']' ? inner : inner.replaceAll(mark + mark, mark);
}

/** Names that `sql` may refer to: every identifier in it, lower case. */
export const namesIn = (sql: string): ReadonlySet<string> =>
  new Set(
    tokenize(sql)
      .filter(token => token.kind === 'word' || token.kind === 'quoted')
      .map(token => nameOf(token).toLowerCase()),
  );

/** The first parenthesised list of `tokens`, split at its top-level commas, and what stands behind it. */
export function list(tokens: readonly Token[]): { readonly items: readonly (readonly Token[])[]; readonly rest: readonly Token[] } {
  const items: Token[][] = [];
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    if (token.text === ')' && --depth === 0) return { items, rest: tokens.slice(index + 1) };
    if (depth === 1 && token.text === ',') items.push([]);
    else if (depth > 0) items.at(-1)?.push(token);
    if (token.text === '(' && ++depth === 1) items.push([]);
  }
  return { items, rest: [] };
}

/** Tokens as text, without the blanks around them. */
export const textOf = (tokens: readonly Token[]): string =>
  tokens
    .map(token => token.text)
    .join('')
    .trim();
