/** Quotes an identifier for SQLite and for Postgres alike. Every name in built SQL goes through here; values are always bound. */
export const quote = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;

/** Quotes a string literal, for the few places where SQL takes no parameter (trigger bodies, DDL). */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
