/** Everything in which a question mark is not a placeholder, and the placeholder itself. */
const TOKENS =
  /\b[eE]'(?:[^'\\]|''|\\[\s\S])*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|(?<![\w$])\$(\w*)\$[\s\S]*?\$\1\$|\?/g;

/**
 * Turns `?` into `$1`, `$2`, … outside of strings, quoted identifiers, comments and dollar quotes. Postgres's own operators
 * with a question mark cannot be told from placeholders: use their function names (`jsonb_exists`).
 */
export function numbered(sql: string): string {
  let count = 0;
  return sql.replace(TOKENS, token => (token === '?' ? `$${++count}` : token));
}

/** `make`, remembered for each SQL text. Bounded, because a text may be built from values. */
export function remembered<T>(make: (sql: string) => T, limit = 500): (sql: string) => T {
  const known = new Map<string, T>();
  return sql => {
    const found = known.get(sql);
    if (found !== undefined) return found;
    const made = make(sql);
    if (known.size >= limit) known.clear();
    known.set(sql, made);
    return made;
  };
}
